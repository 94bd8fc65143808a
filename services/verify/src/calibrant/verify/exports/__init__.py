"""Measurements and verdicts of a set for other programs, in the shapes of Rubin's ``cp_verify``.

Rooms: ``nested`` (its ``Stats``: dictionaries by detector, exposure, run), ``tables`` (its ``Results``: a row an
amplifier or detector), ``writing`` (YAML, ECSV, Parquet). Imports astropy: for those who export, and nobody else.
"""

from calibrant.verify.exports.nested import nested
from calibrant.verify.exports.tables import table
from calibrant.verify.exports.writing import FORMATS, Format, FormatUnavailable, export, read_set

__all__ = ["FORMATS", "Format", "FormatUnavailable", "export", "nested", "read_set", "table"]
