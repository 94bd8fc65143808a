"""Where a probe service stands: its folder, its log, its databases, in a process or looked at from outside.

Owns no expectations. Many may share one broker: each has a corner of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlmodel import SQLModel, select

from calibrant.bus import kafka
from calibrant.bus.cloudevents import Envelope, from_record
from calibrant.bus.ports import Bus, TopicPartition
from calibrant.bus.testing.corner import Corner
from calibrant.runtime import addresses
from calibrant.runtime.adapters import open_database, open_log
from calibrant.runtime.objects import open_store
from calibrant.runtime.platform import Platform
from calibrant.runtime.probe import Probe
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.workers import Workers

T = TypeVar("T", bound=SQLModel)
SESSION_S = 2.0
"""After so long without a sign of life a broker gives the partitions of a killed process to the next."""
PATIENCE_S = 60.0
"""How long a life may last, and how long it waits for an answer of a broker that is busy."""
LIMIT = 1000


@dataclass(frozen=True, slots=True)
class ProbeSite:
    """Where a probe service stands.

    Parameters
    ----------
    folder : str
        Its data folder.
    bus, database : str
        As the settings of these names; empty: embedded.
    corner : str
        What the names of its topics and groups begin with on a broker.
    """

    folder: str
    bus: str = ""
    database: str = ""
    corner: str = ""

    @property
    def settings(self) -> PlatformSettings:
        """Its settings: one job at a time."""
        return PlatformSettings(
            data_dir=Path(self.folder), bus=self.bus, database=self.database, worker_slots=1
        )

    @asynccontextmanager
    async def platform(self, probe: Probe) -> AsyncIterator[Platform]:
        """Open the platform of a process that is started here."""
        settings = self.settings
        workers = Workers(settings.worker_slots, start_method="fork")  # quick, and there are no threads yet
        workers.start()
        async with self._bus() as bus:
            try:
                yield Platform(settings, bus, open_store(settings), workers, probe=probe)
            finally:
                workers.close()

    def rows(self, service: str, table: type[T]) -> list[T]:
        """Return what is in a table of a service."""
        database = open_database(self.settings, service)
        try:
            with database.reading() as session:
                return list(session.exec(select(table)).all())
        finally:
            database.close()

    def objects(self, prefix: str) -> list[str]:
        """Return the keys of the object store below a prefix."""
        return list(open_store(self.settings).keys(prefix))

    async def events(self, topic: str) -> list[Envelope]:
        """Return what is in a topic."""
        async with self._bus() as bus:
            return [from_record(record) for record in await bus.read(topic, from_start=True, limit=LIMIT)]

    async def unread(self, group: str, topics: Sequence[str]) -> list[TopicPartition]:
        """Return the partitions that a group has not committed to their ends."""
        async with self._bus() as bus:
            ends, done = await bus.end_offsets(topics), await bus.committed(group)
        return [at for at, end in ends.items() if end != done.get(at, 0)]

    @asynccontextmanager
    async def _bus(self) -> AsyncIterator[Bus]:
        if not self.bus:
            bus: Bus = await open_log(self.settings)
        else:
            shared = await kafka.open_bus(
                addresses.brokers(self.bus), session_timeout_s=SESSION_S, request_timeout_s=PATIENCE_S
            )
            bus = Corner(shared, self.corner)
        try:
            yield bus
        finally:
            await bus.close()
