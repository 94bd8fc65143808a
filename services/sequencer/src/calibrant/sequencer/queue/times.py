"""Daily times: when a schedule is due, in whatever zone, and what becomes of a time that was missed.

Pure. Instants are nanoseconds of TAI on the system clock; must not know tables, queues nor runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from calibrant.rules.times import NS_PER_S
from calibrant.runtime.clock import TAI_MINUS_UTC_S

_OF_DAY = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
LONGEST_GRACE_S = 43_200.0
"""Longest that a scheduled run may be late, s: so that no two days are due at once."""


class NoSuchTime(ValueError):
    """A daily time or a zone cannot be read; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule's time of one day.

    Parameters
    ----------
    day : date
        The day, in the schedule's zone.
    tai_ns : int
        The instant.
    missed : bool
        Whether it is longer ago than the schedule's grace.
    """

    day: date
    tai_ns: int
    missed: bool


@dataclass(frozen=True, slots=True)
class Daily:
    """A time of the clock in a zone, once on every day.

    A time that the zone's clock leaves out on a day is taken as the clock before would have it: 02:30 becomes 03:30.
    Of one that comes twice the first counts.

    Parameters
    ----------
    at : time
        Time of the clock.
    zone : tzinfo
        The zone.
    """

    at: time
    zone: tzinfo = UTC

    def on(self, day: date) -> int:
        """Return the instant on a day, TAI ns."""
        utc = datetime.combine(day, self.at, self.zone).astimezone(UTC)
        seconds = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
        return (seconds + TAI_MINUS_UTC_S) * NS_PER_S

    def after(self, tai_ns: int) -> Iterator[tuple[date, int]]:
        """Give the days whose instant comes after one, with it, for ever."""
        utc_s = tai_ns // NS_PER_S - TAI_MINUS_UTC_S
        day = datetime.fromtimestamp(utc_s, UTC).astimezone(self.zone).date() - timedelta(days=1)
        while True:
            if (instant := self.on(day)) > tai_ns:
                yield day, instant
            day += timedelta(days=1)

    def next(self, tai_ns: int) -> int:
        """Return the first instant after one, TAI ns."""
        return next(self.after(tai_ns))[1]

    def due(self, since_tai_ns: int, now_tai_ns: int, grace_s: float) -> list[Due]:
        """Return the times that came after an instant and not after now, the first one first.

        Parameters
        ----------
        since_tai_ns, now_tai_ns : int
            When it was looked last, and now.
        grace_s : float
            How late a run may be begun, s.
        """
        found = []
        for day, instant in self.after(since_tai_ns):
            if instant > now_tai_ns:
                break
            found.append(Due(day, instant, missed=now_tai_ns - instant > grace_s * NS_PER_S))
        return found


def daily(at: str, zone: str = "UTC") -> Daily:
    """Return a daily time by its words.

    Parameters
    ----------
    at : str
        ``HH:MM`` or ``HH:MM:SS``.
    zone : str
        ``UTC``, or a name of the tz database such as ``America/Santiago``.

    Raises
    ------
    NoSuchTime
        One of them cannot be read.
    """
    if re.fullmatch(_OF_DAY, at) is None:
        raise NoSuchTime(f"at: {at!r} is no time of the day: write 06:00, or 06:00:30")
    return Daily(time.fromisoformat(at), _zone(zone))


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # ZoneInfo opens whatever file or folder has the name
        raise NoSuchTime(
            f"zone: there is no time zone {name!r}: write UTC, or a name such as America/Santiago"
        ) from None
