"""Nights and numbers: when a night begins, and how images are named and numbered in it. Pure."""

from __future__ import annotations

from calibrant.bus.errors import PermanentError
from calibrant.frames.times import day_obs, parse_time

MOST_IMAGES = 99_999
"""Images a night can hold: the exposure number has five digits for them."""
_DAY_NS = 86_400 * 1_000_000_000
_FIRST_IMAGE_UTC = "22:00:00"


class NightFull(PermanentError):
    """The night has no number left for another image."""


def image_name(prefix: str, night: str, number: int) -> str:
    """Return an image's name, such as ``SC_O_20260101_000012``; O: commanded by the observatory."""
    return f"{prefix}_O_{night}_{number:06d}"


def exposure_id(night: str, number: int) -> int:
    """Return the exposure's number: the night (YYYYMMDD) and five digits.

    Raises
    ------
    NightFull
        The number has more than five digits.
    """
    if number > MOST_IMAGES:
        raise NightFull(f"night {night} holds {MOST_IMAGES} images already; go on in the next night")
    return int(f"{night}{number:05d}")


def next_night(tai_ns: int) -> int:
    """Return 22:00 UTC of the night after the one a time belongs to.

    Both are nanoseconds since 1970-01-01T00:00:00 TAI.
    """
    following = day_obs(tai_ns + _DAY_NS)
    return parse_time(f"{following[:4]}-{following[4:6]}-{following[6:]}T{_FIRST_IMAGE_UTC}")
