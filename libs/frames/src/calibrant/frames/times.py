"""Owns time: TAI nanoseconds from and to what people and headers write. Must not know frames or files.

Inside the program a time is an integer: nanoseconds since 1970-01-01T00:00:00 TAI. Leap seconds come from the
table compiled into ERFA (astropy's own), so nothing is ever downloaded.
"""

import re
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Literal, overload

import erfa  # type: ignore[import-untyped]  # astropy's; ships no types

Scale = Literal["utc", "tai"]

NS_PER_S = 1_000_000_000
"""Nanoseconds in a second."""
_DAY_S = 86_400
_EPOCH = date(1970, 1, 1)
_MJD_EPOCH = date(1858, 11, 17)
_FIRST_LEAP_YEAR = 1972

_ISO = re.compile(
    r"^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?\s*(Z|UTC|TAI)?$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^\s*(\d+)(?:\.(\d*))?\s*$")


@cache
def _leap_table() -> tuple[list[int], list[int]]:
    """Return the days (since 1970) on which TAI - UTC changes, and the new differences [s]."""
    days, seconds = [], []
    for row in erfa.leap_seconds.get():
        if int(row["year"]) >= _FIRST_LEAP_YEAR:
            days.append((date(int(row["year"]), int(row["month"]), 1) - _EPOCH).days)
            seconds.append(round(float(row["tai_utc"])))
    return days, seconds


def _tai_minus_utc_s(day: int) -> int:
    days, seconds = _leap_table()
    index = bisect_right(days, day) - 1
    if index < 0:
        raise ValueError("is before 1972, when UTC had no whole leap seconds; give the time in TAI")
    return seconds[index]


def _tai_ns(day: int, of_day_ns: int, scale: Scale) -> int:
    offset_s = _tai_minus_utc_s(day) if scale == "utc" else 0
    return (day * _DAY_S + offset_s) * NS_PER_S + of_day_ns


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
        raise ValueError(f"{text!r} is not a time; write 2026-01-01T00:00:00, with TAI at the end unless UTC")
    year, month, dom, hour, minute, second, decimals, named = match.groups()
    if named is not None:
        scale = "tai" if named.upper() == "TAI" else "utc"
    try:
        day = (date(int(year), int(month), int(dom)) - _EPOCH).days
    except ValueError as problem:
        raise ValueError(f"{text!r} is not a time: {problem}") from problem
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    leap = scale == "utc" and (hours, minutes, seconds) == (23, 59, 60) and day + 1 in _leap_table()[0]
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
    of_day_ns = int(decimals) * _DAY_S * NS_PER_S // 10 ** len(decimals)
    if form == "jd":  # MJD = JD - 2400000.5
        half_day_ns = _DAY_S * NS_PER_S // 2
        carry, of_day_ns = divmod(of_day_ns + half_day_ns, 2 * half_day_ns)
        whole += carry - 2_400_001
    return _tai_ns(whole - (_EPOCH - _MJD_EPOCH).days, of_day_ns, scale)


def parse_unix(seconds: float) -> int:
    """Read Unix seconds (UTC) as nanoseconds since 1970-01-01T00:00:00 TAI."""
    whole, part = divmod(seconds, 1)
    day, of_day = divmod(int(whole), _DAY_S)
    return _tai_ns(day, of_day * NS_PER_S + round(part * NS_PER_S), "utc")


def _utc_parts(tai_ns: int) -> tuple[int, int]:
    """Return the UTC day since 1970 and the nanoseconds of that day (86 400 s and more in a leap second)."""
    days, seconds = _leap_table()
    starts = [(day * _DAY_S + offset) * NS_PER_S for day, offset in zip(days, seconds, strict=True)]
    index = bisect_right(starts, tai_ns) - 1
    if index < 0:
        raise ValueError(
            f"{tai_ns} ns TAI is before 1972, when UTC had no whole leap seconds; format it in TAI"
        )
    utc_ns = tai_ns - seconds[index] * NS_PER_S
    day, of_day_ns = divmod(utc_ns, _DAY_S * NS_PER_S)
    if index + 1 < len(days) and day == days[index + 1]:
        return day - 1, of_day_ns + _DAY_S * NS_PER_S
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
        day, of_day_ns = _utc_parts(tai_ns)
    else:
        day, of_day_ns = divmod(tai_ns, _DAY_S * NS_PER_S)
    of_day_s, nanoseconds = divmod(of_day_ns, NS_PER_S)
    over = max(0, of_day_s - (_DAY_S - 1))  # 1 within a leap second
    hours, rest = divmod(of_day_s - over, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{_EPOCH + timedelta(days=day)}T{hours:02d}:{minutes:02d}:{seconds + over:02d}"
    return f"{text}.{nanoseconds:09d}"[: len(text) + 1 + decimals] if decimals else text


@overload
def utc_text(tai_ns: int) -> str: ...
@overload
def utc_text(tai_ns: None) -> None: ...
def utc_text(tai_ns: int | None) -> str | None:
    """Write a time for a reader: UTC with ``Z``, exact, no zeros at the end; TAI, and saying so, before 1972.

    Parameters
    ----------
    tai_ns : int or None
        Nanoseconds since 1970-01-01T00:00:00 TAI; None stays None: unbounded, or not known yet.

    Examples
    --------
    >>> utc_text(parse_time("2026-01-01T00:00:00.250"))
    '2026-01-01T00:00:00.25Z'
    >>> utc_text(0)
    '1970-01-01T00:00:00 TAI'
    """
    if tai_ns is None:
        return None
    try:
        return format_time(tai_ns, "utc", 9).rstrip("0").rstrip(".") + "Z"
    except ValueError:
        return format_time(tai_ns, "tai", 9).rstrip("0").rstrip(".") + " TAI"


def mjd_tai(tai_ns: int) -> float:
    """Return the Modified Julian Date in TAI [days] of nanoseconds since 1970-01-01T00:00:00 TAI."""
    day, of_day_ns = divmod(tai_ns, _DAY_S * NS_PER_S)
    return (_EPOCH - _MJD_EPOCH).days + day + of_day_ns / (_DAY_S * NS_PER_S)


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
    day, of_day_ns = _utc_parts(tai_ns)
    if of_day_ns < _DAY_S * NS_PER_S // 2:
        day -= 1
    return f"{_EPOCH + timedelta(days=day):%Y%m%d}"


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
