"""Alembic revisions of the probe service."""
