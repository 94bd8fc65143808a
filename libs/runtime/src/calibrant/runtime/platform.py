"""The platform: what services share when they run side by side, or have for themselves when alone.

Owns the choice of adapters. The only place, beside tests, that names the embedded ones.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from calibrant.bus.embedded import open_bus
from calibrant.bus.ports import Bus, TopicSpec
from calibrant.contracts.flow import topics
from calibrant.runtime.clock import Clock, SystemClock
from calibrant.runtime.database import Database
from calibrant.runtime.ids import Ids, RandomIds
from calibrant.runtime.objects import FolderStore
from calibrant.runtime.probe import Probe
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.workers import Workers

DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Platform:
    """Bus, object store, child processes, clock and identifiers."""

    data_dir: Path
    bus: Bus
    objects: FolderStore
    workers: Workers
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    probe: Probe = field(default_factory=Probe)

    def database(self, service: str) -> Database:
        """Open a service's own database."""
        return Database(database_url(self.data_dir, service))


def database_url(data_dir: Path, service: str) -> str:
    """Return the address of a service's database."""
    return f"sqlite:///{data_dir / 'db' / f'{service}.sqlite'}"


def object_store(data_dir: Path) -> FolderStore:
    """Return the object store of a data folder."""
    return FolderStore(data_dir / "objects")


@asynccontextmanager
async def open_platform(settings: PlatformSettings, *, probe: Probe | None = None) -> AsyncIterator[Platform]:
    """Open the platform on its embedded adapters: make sure that all topics exist, drop what is too old.

    Child processes start when the first service that computes does.

    Raises
    ------
    BusUnavailable
        The data folder cannot be made or written.
    BusCorrupt
        Its log is damaged.
    """
    data_dir = settings.data_dir.absolute()
    bus = await open_bus(data_dir / "bus.sqlite")
    workers = Workers(settings.worker_slots or os.cpu_count() or 1)
    try:
        await bus.ensure_topics(
            [TopicSpec(t.name, t.partitions, t.retention_days * DAY_S) for t in topics().values()]
        )
        await bus.prune()
        yield Platform(data_dir, bus, object_store(data_dir), workers, probe=probe or Probe())
    finally:
        await asyncio.to_thread(workers.close)
        await bus.close()
