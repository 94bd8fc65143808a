"""Time as a port: UTC for people and envelopes, TAI for everything else.

Owns the system clock. Knows nothing of observation times, which come from frames.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

from calibrant.contracts.common.v1 import TaiTime

TAI_MINUS_UTC_S = 37
"""Leap seconds between UTC and TAI since 2017-01-01 (IERS Bulletin C); clocks of running services only."""


class Clock(Protocol):
    """Where a service takes the time from."""

    def tai_ns(self) -> int:
        """Now, in nanoseconds since 1970-01-01T00:00:00 TAI."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that only ever grow, for durations."""
        ...


class SystemClock:
    """The machine's clock."""

    def tai_ns(self) -> int:
        """Now, in nanoseconds since 1970-01-01T00:00:00 TAI."""
        return time.time_ns() + TAI_MINUS_UTC_S * 1_000_000_000

    def monotonic_s(self) -> float:
        """Seconds that only ever grow, for durations."""
        return time.monotonic()


def utc_text(tai_ns: int) -> str:
    """Return an instant of a running service's clock as RFC 3339 UTC text with microseconds."""
    utc_ns = tai_ns - TAI_MINUS_UTC_S * 1_000_000_000
    seconds, ns = divmod(utc_ns, 1_000_000_000)
    return f"{_second_text(seconds)}.{ns // 1000:06d}Z"


@lru_cache(maxsize=8)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


def tai_now(clock: Clock) -> TaiTime:
    """Return now as the contract's instant."""
    return TaiTime.from_ns(clock.tai_ns())
