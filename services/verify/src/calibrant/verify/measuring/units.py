"""Units of numbers, of whatever kind. Must not know how they are measured."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from calibrant.verify.measuring.amplifiers import UNITS as OF_FRAMES
from calibrant.verify.measuring.tables import TELLINGS

UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: unit
        for units in (OF_FRAMES, *(one.units for one in TELLINGS.values()))
        for name, unit in units.items()
    }
)
"""Units of the numbers that are not in electrons: those of frames, and those of each kind that is tables."""
