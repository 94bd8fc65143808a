"""Owns how a time is written for a reader, and the leap seconds between UTC and TAI. Must not know frames or services.

Inside the program a time is an integer: nanoseconds since 1970-01-01T00:00:00 TAI. People read UTC. Leap seconds come
from the table compiled into ERFA (astropy's own), so nothing is ever downloaded. ``calibrant.frames.times`` reads what
is written here.
"""

from bisect import bisect_right
from datetime import date, timedelta
from functools import cache
from typing import Literal, overload

import erfa  # type: ignore[import-untyped]  # astropy's; ships no types

Scale = Literal["utc", "tai"]

NS_PER_S = 1_000_000_000
"""Nanoseconds in a second."""
DAY_S = 86_400
"""Seconds in a day without a leap second."""
EPOCH = date(1970, 1, 1)
_FIRST_LEAP_YEAR = 1972


@cache
def leap_table() -> tuple[list[int], list[int]]:
    """Return the days (since 1970) on which TAI - UTC changes, and the new differences [s]."""
    days, seconds = [], []
    for row in erfa.leap_seconds.get():
        if int(row["year"]) >= _FIRST_LEAP_YEAR:
            days.append((date(int(row["year"]), int(row["month"]), 1) - EPOCH).days)
            seconds.append(round(float(row["tai_utc"])))
    return days, seconds


def utc_parts(tai_ns: int) -> tuple[int, int]:
    """Return the UTC day since 1970 and the nanoseconds of that day (86 400 s and more in a leap second)."""
    days, seconds = leap_table()
    starts = [(day * DAY_S + offset) * NS_PER_S for day, offset in zip(days, seconds, strict=True)]
    index = bisect_right(starts, tai_ns) - 1
    if index < 0:
        raise ValueError(
            f"{tai_ns} ns TAI is before 1972, when UTC had no whole leap seconds; format it in TAI"
        )
    utc_ns = tai_ns - seconds[index] * NS_PER_S
    day, of_day_ns = divmod(utc_ns, DAY_S * NS_PER_S)
    if index + 1 < len(days) and day == days[index + 1]:
        return day - 1, of_day_ns + DAY_S * NS_PER_S
    return day, of_day_ns


def format_time(tai_ns: int, scale: Scale = "utc", decimals: int = 3) -> str:
    """Write a time.

    Parameters
    ----------
    tai_ns : int
        Nanoseconds since 1970-01-01T00:00:00 TAI.
    scale : {'utc', 'tai'}
        Scale to write it in; the text itself does not name it.
    decimals : int
        Decimals of the second, 0 to 9; more are cut, not rounded, so that no time moves forward.

    Returns
    -------
    str
        ``2026-01-01T00:00:00.000``

    Raises
    ------
    ValueError
        If it lies before 1972 and UTC is asked for.
    """
    if scale == "utc":
        day, of_day_ns = utc_parts(tai_ns)
    else:
        day, of_day_ns = divmod(tai_ns, DAY_S * NS_PER_S)
    of_day_s, nanoseconds = divmod(of_day_ns, NS_PER_S)
    over = max(0, of_day_s - (DAY_S - 1))  # 1 within a leap second
    hours, rest = divmod(of_day_s - over, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{EPOCH + timedelta(days=day)}T{hours:02d}:{minutes:02d}:{seconds + over:02d}"
    return f"{text}.{nanoseconds:09d}"[: len(text) + 1 + decimals] if decimals else text


@overload
def utc_text(tai_ns: int) -> str: ...
@overload
def utc_text(tai_ns: None) -> None: ...
def utc_text(tai_ns: int | None) -> str | None:
    """Write a time for a reader: UTC with ``Z``, exact, no zeros at the end; TAI, and saying so, before 1972.

    Outside the years 1 to 9999 it is the bare number of nanoseconds.

    Parameters
    ----------
    tai_ns : int or None
        Nanoseconds since 1970-01-01T00:00:00 TAI; None stays None: unbounded, or not known yet.

    Examples
    --------
    >>> utc_text(1_767_225_637_250_000_000)
    '2026-01-01T00:00:00.25Z'
    >>> utc_text(0)
    '1970-01-01T00:00:00 TAI'
    """
    if tai_ns is None:
        return None
    try:
        return _exact(tai_ns)
    except OverflowError:
        return f"{tai_ns} ns TAI"


def second_text(tai_ns: int) -> str:
    """Write a time for a table whose heading says UTC: to the second; before 1972 TAI, and saying so.

    Parameters
    ----------
    tai_ns : int
        Nanoseconds since 1970-01-01T00:00:00 TAI.

    Examples
    --------
    >>> second_text(1_767_225_637_250_000_000)
    '2026-01-01 00:00:00'
    >>> second_text(0)
    '1970-01-01 00:00:00 TAI'
    """
    try:
        return format_time(tai_ns, "utc", 0).replace("T", " ")
    except ValueError:
        return format_time(tai_ns, "tai", 0).replace("T", " ") + " TAI"


def _exact(tai_ns: int) -> str:
    try:
        return format_time(tai_ns, "utc", 9).rstrip("0").rstrip(".") + "Z"
    except ValueError:
        return format_time(tai_ns, "tai", 9).rstrip("0").rstrip(".") + " TAI"
