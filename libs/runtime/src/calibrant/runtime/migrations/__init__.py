"""Revisions of the runtime's own tables; a branch beside each service's."""
