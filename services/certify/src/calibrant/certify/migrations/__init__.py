"""Revisions of the ledger of certify."""
