"""The linearity recipe: from flats to signals (``ramp``), their light, the fits, what was found, and its tables.

Must not know files, messages or products.
"""
