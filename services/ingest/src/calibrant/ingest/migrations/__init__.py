"""Revisions of the tables of ingest."""
