"""The defects recipe: its parameters, what it makes of darks, flats and biases, and the tables of regions.

Must not know files, messages or products.
"""
