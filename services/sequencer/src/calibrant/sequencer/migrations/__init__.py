"""Alembic revisions of the sequencer's tables."""
