"""Recipes whose products tell of a detector and correct nothing: a module each, its tables beside it, ``shared`` for all.

Must not know files, messages or products.
"""
