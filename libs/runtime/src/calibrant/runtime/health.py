"""How a service is: its phase, what troubles it, its counters. Read by probes, status and metrics.

Owns no thread and no socket; every method may be called from any thread.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from calibrant.runtime.telemetry.meters import Meters


class Phase(StrEnum):
    """Where a service is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    STOPPED = "stopped"


class Health:
    """The state of one service's process."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self.meters = Meters()
        self._lock = threading.Lock()
        self._troubles: dict[str, str] = {}
        self._acknowledged: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def trouble(self, part: str, what: str) -> None:
        """Record that a part (database, bus, objects) does not work now, and why."""
        with self._lock:
            self._troubles[part] = what

    def well(self, part: str) -> None:
        """Record that a part works again."""
        with self._lock:
            self._troubles.pop(part, None)
            self._acknowledged.pop(part, None)

    def acknowledge(self, part: str, who: str) -> None:
        """Record who knows that a part does not work now, as long as that stands."""
        with self._lock:
            if part in self._troubles:
                self._acknowledged[part] = who

    def count(self, what: str, amount: int = 1) -> None:
        """Add to a counter; nothing makes no counter."""
        if amount:
            with self._lock:
                self._counts[what] += amount

    @property
    def troubles(self) -> Mapping[str, str]:
        """What does not work now, by part."""
        with self._lock:
            return dict(self._troubles)

    @property
    def acknowledged(self) -> Mapping[str, str]:
        """Who knows of what does not work now, by part."""
        with self._lock:
            return dict(self._acknowledged)

    @property
    def counts(self) -> Mapping[str, int]:
        """All counters."""
        with self._lock:
            return dict(self._counts)

    @property
    def ready(self) -> bool:
        """Whether the service takes on work now."""
        return self.phase is Phase.RUNNING and not self.troubles
