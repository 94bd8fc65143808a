"""Ranges of time in messages, from and to nanoseconds since 1970-01-01T00:00:00 TAI. Knows no rule on them."""

from calibrant.contracts.common.v1 import TaiTime, TimeRange


def time_range(begin_tai_ns: int | None, end_tai_ns: int | None) -> TimeRange:
    """Write a range [begin, end) as a message has it; None is unbounded.

    Examples
    --------
    >>> bounds_of(time_range(5, None))
    (5, None)
    """
    begin, end = (None if ns is None else TaiTime.from_ns(ns) for ns in (begin_tai_ns, end_tai_ns))
    return TimeRange(begin=begin, end=end)


def bounds_of(span: TimeRange) -> tuple[int | None, int | None]:
    """Read begin and end of a message's range; None is unbounded. They may be turned round."""
    return None if span.begin is None else span.begin.ns, None if span.end is None else span.end.ns
