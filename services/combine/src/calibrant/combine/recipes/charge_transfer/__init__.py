"""The charge transfer recipe: ends of images of raw flats, what they say together, and the tables of it.

Must not know files, messages or products.
"""
