"""The crosstalk recipe, and the tables of a matrix. Must not know files, messages or products."""
