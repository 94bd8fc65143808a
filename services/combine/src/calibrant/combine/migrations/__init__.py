"""Revisions of combine's own tables."""
