"""The camera's simulated clock: how it runs beside the system's, and waiting for an instant of it.

Owns the speed. Must not know exposures or tables.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from calibrant.frames.times import NS_PER_S
from calibrant.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Watch:
    """Measures how long something takes on the camera's clock, from its making on.

    Parameters
    ----------
    system
        The system's clock.
    speed
        How much faster the camera's clock runs.
    """

    system: Clock
    speed: float
    begun_s: float

    @property
    def elapsed_s(self) -> float:
        """How long ago it was made, in seconds of the camera's clock."""
        return (self.system.monotonic_s() - self.begun_s) * self.speed


@dataclass(slots=True)
class SimulatedClock:
    """A clock that is set by the first exposure of a boot and runs on from there.

    With speed 0 it stands still between exposures, and nothing is waited for: the same commands give the same times.

    Parameters
    ----------
    system
        The system's clock.
    speed
        How much faster it runs than real time; 0: as fast as possible.
    follows
        Whether it shows what the system's clock does, and nothing sets it; then its speed is 1.
    """

    system: Clock
    speed: float
    follows: bool = False
    _set_ns: int = 0
    _at_s: float = 0.0

    def now_tai_ns(self) -> int:
        """Return what it shows, in nanoseconds since 1970-01-01T00:00:00 TAI; 0 before it is set."""
        if self.follows:
            return self.system.tai_ns()
        if not self._set_ns:
            return 0
        return self._set_ns + round((self.system.monotonic_s() - self._at_s) * self.speed * NS_PER_S)

    def reach(self, tai_ns: int) -> None:
        """Set it to an instant, unless it shows a later one."""
        if not self.follows and tai_ns > self.now_tai_ns():
            self._set_ns, self._at_s = tai_ns, self.system.monotonic_s()

    def watch(self) -> Watch:
        """Return a watch that begins now. With speed 0 it runs as the system's clock does."""
        return Watch(self.system, self.speed or 1.0, self.system.monotonic_s())

    def next_ns(self, free_tai_ns: int, now_tai_ns: int) -> int:
        """Return when an exposure begins that is begun now, where the last readout ends at an instant, both TAI."""
        return now_tai_ns if self.follows else max(free_tai_ns, now_tai_ns)

    async def until(self, tai_ns: int) -> None:
        """Wait until it shows an instant; with speed 0 that is now."""
        while self.speed > 0 and (left_ns := tai_ns - self.now_tai_ns()) > 0:  # noqa: ASYNC110  nobody tells the time
            await asyncio.sleep(left_ns / NS_PER_S / self.speed)
