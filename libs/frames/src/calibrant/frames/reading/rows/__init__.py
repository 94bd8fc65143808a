"""Rows of an image on request, from files of every packing, as `calibrant.pixels` takes them.

Owns the sources; they know FITS, but no instrument.
"""

from calibrant.frames.reading.rows.choosing import stored_rows
from calibrant.frames.reading.rows.held import HeldRows
from calibrant.frames.reading.rows.named import NamedRows
from calibrant.frames.reading.rows.plain import PlainRows
from calibrant.frames.reading.rows.scaled import ScaledRows
from calibrant.frames.reading.rows.tiled import TileRows

__all__ = ["HeldRows", "NamedRows", "PlainRows", "ScaledRows", "TileRows", "stored_rows"]
