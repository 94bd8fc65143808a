"""Rows of an image on request, from memory and from files of every packing, as `calibrant.pixels` takes them.

Owns the sources; they know FITS, but no instrument.
"""

from calibrant.frames.reading.rows.choosing import stored_rows
from calibrant.frames.reading.rows.memory import ArrayRows
from calibrant.frames.reading.rows.named import NamedRows
from calibrant.frames.reading.rows.plain import PlainRows
from calibrant.frames.reading.rows.scaled import ScaledRows
from calibrant.frames.reading.rows.tiled import TileRows

__all__ = ["ArrayRows", "NamedRows", "PlainRows", "ScaledRows", "TileRows", "stored_rows"]
