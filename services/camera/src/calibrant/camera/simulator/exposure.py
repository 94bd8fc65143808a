"""What decides a frame's pixels beside the detector and the seed. Must not know pixels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_FLATS = frozenset({"FLAT", "DFLAT", "SFLAT"})
_SPOTS = frozenset({"SPOT", "CBP"})
_FIRST_NUMBER = 100_000
"""An exposure's number is its night and five digits."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure.

    Parameters
    ----------
    exposure_id
        Number of the exposure.
    image_type
        Image type, such as BIAS, DARK, FLAT, SPOT, OBJECT.
    exposure_time_s, dark_time_s
        Times in which light and dark current are collected, in seconds.
    shutter
        Whether the shutter opens. The flat lamp shines for flats only (FLAT, DFLAT, SFLAT), a projector for spots only
        (SPOT, CBP); the dome is dark otherwise.
    earlier
        Exposures before it whose charge may still come out, the oldest first.
    """

    exposure_id: int
    image_type: str
    exposure_time_s: float
    dark_time_s: float
    shutter: bool
    earlier: tuple[Earlier, ...] = ()

    @property
    def lit(self) -> bool:
        """Whether the lamp shines on the detectors."""
        return self.shutter and self.image_type in _FLATS

    @property
    def projected(self) -> bool:
        """Whether spots are projected on the detectors."""
        return self.shutter and self.image_type in _SPOTS

    @property
    def number(self) -> int:
        """Its place in the night, from 1."""
        return self.exposure_id % _FIRST_NUMBER

    def facts(self) -> dict[str, Any]:
        """Return it as JSON; earlier exposures only where there are any."""
        found = asdict(self)
        if not self.earlier:
            del found["earlier"]
        return found


@dataclass(frozen=True, slots=True)
class Earlier:
    """An exposure before another one; its own history does not count.

    Parameters
    ----------
    exposure
        That exposure.
    gap_s
        From the end of its light to the begin of the other one, in seconds.
    """

    exposure: Exposure
    gap_s: float
