"""Owns time as people and headers write it: TAI nanoseconds of it, and its nights. Must not know frames or files.

Inside the program a time is an integer: nanoseconds since 1970-01-01T00:00:00 TAI. How it is written, and the leap
seconds, are in ``calibrant.rules.times``; both are had from here.
"""

import re
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from calibrant.rules.times import DAY_S, EPOCH, NS_PER_S, Scale, format_time, leap_table, utc_parts, utc_text

__all__ = [
    "NS_PER_S",
    "Scale",
    "begin_of_night",
    "day_obs",
    "format_time",
    "mjd_tai",
    "parse_days",
    "parse_time",
    "parse_unix",
    "tai_ns_from_datetime",
    "utc_text",
]
_MJD_EPOCH = date(1858, 11, 17)

_ISO = re.compile(
    r"^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?\s*(Z|UTC|TAI)?$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^\s*(\d+)(?:\.(\d*))?\s*$")


def _tai_minus_utc_s(day: int) -> int:
    days, seconds = leap_table()
    index = bisect_right(days, day) - 1
    if index < 0:
        raise ValueError("is before 1972, when UTC had no whole leap seconds; give the time in TAI")
    return seconds[index]


def _tai_ns(day: int, of_day_ns: int, scale: Scale) -> int:
    offset_s = _tai_minus_utc_s(day) if scale == "utc" else 0
    return (day * DAY_S + offset_s) * NS_PER_S + of_day_ns


def parse_time(text: str, scale: Scale = "utc") -> int:
    """Read a time.

    Parameters
    ----------
    text : str
        ``2026-01-01T00:00:00`` with any number of decimals, or ``2026-01-01``; an ending ``Z`` or ``UTC``, or
        ``TAI``, names the scale.
    scale : {'utc', 'tai'}
        The scale where the text names none.

    Returns
    -------
    int
        Nanoseconds since 1970-01-01T00:00:00 TAI; decimals beyond nanoseconds are dropped.

    Raises
    ------
    ValueError
        If the text is no time, the date does not exist, or a UTC time lies before 1972.

    Examples
    --------
    >>> parse_time("1970-01-01T00:00:01 TAI")
    1000000000
    >>> parse_time("2017-01-01T00:00:00Z") - parse_time("2016-12-31T23:59:59Z")
    2000000000
    """
    match = _ISO.match(text.strip())
    if match is None:
        other, usual = ("TAI", "UTC") if scale == "utc" else ("UTC", "TAI")
        raise ValueError(
            f"{text!r} is not a time; write 2026-01-01T00:00:00, with {other} at the end unless {usual}"
        )
    year, month, dom, hour, minute, second, decimals, named = match.groups()
    if named is not None:
        scale = "tai" if named.upper() == "TAI" else "utc"
    try:
        day = (date(int(year), int(month), int(dom)) - EPOCH).days
    except ValueError as problem:
        raise ValueError(f"{text!r} is not a time: {problem}") from problem
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    leap = scale == "utc" and (hours, minutes, seconds) == (23, 59, 60) and day + 1 in leap_table()[0]
    if hours > 23 or minutes > 59 or (seconds > 59 and not leap):
        raise ValueError(
            f"{text!r} is not a time: there is no {hours:02d}:{minutes:02d}:{seconds:02d} on that day"
        )
    nanoseconds = int((decimals or "0")[:9].ljust(9, "0"))
    of_day_ns = (hours * 3600 + minutes * 60 + seconds) * NS_PER_S + nanoseconds
    try:
        return _tai_ns(day, of_day_ns, scale)
    except ValueError as problem:
        raise ValueError(f"{text!r} {problem}") from problem


def parse_days(text: str, form: Literal["mjd", "jd"], scale: Scale = "utc") -> int:
    """Read a (Modified) Julian Date, exactly: the decimals are never rounded through a float.

    Parameters
    ----------
    text : str
        Days as written, for example ``58698.975185``.
    form : {'mjd', 'jd'}
        Which count of days.
    scale : {'utc', 'tai'}
        Its time scale.

    Returns
    -------
    int
        Nanoseconds since 1970-01-01T00:00:00 TAI.

    Raises
    ------
    ValueError
        If the text is no number of days.
    """
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number of days")
    whole, decimals = int(match[1]), match[2] or "0"
    of_day_ns = int(decimals) * DAY_S * NS_PER_S // 10 ** len(decimals)
    if form == "jd":  # MJD = JD - 2400000.5
        half_day_ns = DAY_S * NS_PER_S // 2
        carry, of_day_ns = divmod(of_day_ns + half_day_ns, 2 * half_day_ns)
        whole += carry - 2_400_001
    return _tai_ns(whole - (EPOCH - _MJD_EPOCH).days, of_day_ns, scale)


def parse_unix(seconds: float) -> int:
    """Read Unix seconds (UTC) as nanoseconds since 1970-01-01T00:00:00 TAI."""
    whole, part = divmod(seconds, 1)
    day, of_day = divmod(int(whole), DAY_S)
    return _tai_ns(day, of_day * NS_PER_S + round(part * NS_PER_S), "utc")


def mjd_tai(tai_ns: int) -> float:
    """Return the Modified Julian Date in TAI [days] of nanoseconds since 1970-01-01T00:00:00 TAI."""
    day, of_day_ns = divmod(tai_ns, DAY_S * NS_PER_S)
    return (EPOCH - _MJD_EPOCH).days + day + of_day_ns / (DAY_S * NS_PER_S)


def day_obs(tai_ns: int) -> str:
    """Return the night a time belongs to, as YYYYMMDD; nights change at 12:00 UTC.

    Parameters
    ----------
    tai_ns : int
        Nanoseconds since 1970-01-01T00:00:00 TAI.

    Raises
    ------
    ValueError
        If it lies before 1972.

    Examples
    --------
    >>> day_obs(parse_time("2015-05-20T03:44:04.78"))
    '20150519'
    """
    day, of_day_ns = utc_parts(tai_ns)
    if of_day_ns < DAY_S * NS_PER_S // 2:
        day -= 1
    return f"{EPOCH + timedelta(days=day):%Y%m%d}"


def begin_of_night(night: str) -> int:
    """Return when a night, as `day_obs` names it, begins: nanoseconds since 1970-01-01T00:00:00 TAI.

    Raises
    ------
    ValueError
        It is no day of the calendar, or before 1972.

    Examples
    --------
    >>> day_obs(begin_of_night("20150519"))
    '20150519'
    """
    if re.fullmatch(r"\d{8}", night) is None:
        raise ValueError(f"{night!r} is no night: write YYYYMMDD")
    return parse_time(f"{night[:4]}-{night[4:6]}-{night[6:]}T12:00:00")


def tai_ns_from_datetime(moment: datetime) -> int:
    """Return nanoseconds since 1970-01-01T00:00:00 TAI of an aware `datetime`.

    Raises
    ------
    ValueError
        If the datetime is naive: it would not say which scale it is in.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} names no time zone; use datetime.now(UTC)")
    return parse_time(moment.astimezone(UTC).replace(tzinfo=None).isoformat())
