"""Revisions of verify's own tables."""
