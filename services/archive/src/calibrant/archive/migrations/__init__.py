"""Revisions of the tables of archive."""
