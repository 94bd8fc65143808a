"""The platform: what services share when they run side by side, or have for themselves when alone.

Owns its opening and closing. Which adapters it stands on is ``adapters``' to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from calibrant.bus.ports import Bus, TopicSpec
from calibrant.contracts.flow import topics
from calibrant.runtime import data_folder
from calibrant.runtime.adapters import open_database, open_log
from calibrant.runtime.clock import Clock, SystemClock
from calibrant.runtime.database import Database
from calibrant.runtime.ids import Ids, RandomIds
from calibrant.runtime.objects import ObjectStore, open_store
from calibrant.runtime.probe import Probe
from calibrant.runtime.reaching import check_rights
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.shares import processors
from calibrant.runtime.telemetry.export import exported
from calibrant.runtime.telemetry.logs import hide_secrets
from calibrant.runtime.workers import Workers

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Platform:
    """Bus, object store, child processes, clock and identifiers; where spans go, if anywhere."""

    settings: PlatformSettings
    bus: Bus
    objects: ObjectStore
    workers: Workers
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    probe: Probe = field(default_factory=Probe)
    spans: SpanProcessor | None = None

    @property
    def data_dir(self) -> Path:
        """Folder of this process, with its scratch space."""
        return self.settings.data_dir.absolute()

    async def ensure_topics(self, service: str = "") -> None:
        """Make sure that topics exist, with their partitions and retention.

        Parameters
        ----------
        service : str
            Only those that it writes or reads, for it may not see others; empty: all.

        Raises
        ------
        BusUnavailable
            The log is away.
        AccessDenied
            It does not let us make one that is missing.
        TopicMismatch
            One exists with another number of partitions.
        """
        await self.bus.ensure_topics(topic_specs(service))

    async def admit(self, service: str) -> None:
        """Make sure, before it starts, that a service's topics exist and that it may do there what it has to.

        Raises
        ------
        BusUnavailable, TopicMismatch
            As for ``ensure_topics``.
        AccessDenied
            The text names every right that is missing, and on what.
        """
        await self.ensure_topics(service)
        await check_rights(self.bus, service)

    def database(self, service: str) -> Database:
        """Open a service's own database."""
        return open_database(self.settings, service)


def topic_specs(service: str = "") -> list[TopicSpec]:
    """Return how the topics that a service writes or reads are laid out; empty: all topics."""
    return [
        TopicSpec(topic.name, topic.partitions, topic.retention_days * DAY_S)
        for topic in topics().values()
        if not service or service in (topic.producer, *topic.consumers)
    ]


@asynccontextmanager
async def open_platform(
    settings: PlatformSettings, *, probe: Probe | None = None, all_topics: bool = True
) -> AsyncIterator[Platform]:
    """Open the platform on what the settings name: make the data folder and topics that are missing, drop what is too old.

    Child processes start when the first service that computes does.

    Parameters
    ----------
    settings : PlatformSettings
        Where things are.
    probe : Probe or None
        Hears the steps of delivery; None: nobody does.
    all_topics : bool
        False: of the topics, each service makes sure of its own when it starts.

    Raises
    ------
    DataFolderUnusable
        The data folder cannot be made or written.
    BusUnavailable
        The log cannot be reached.
    AccessDenied
        The log's brokers do not let us in, or not make the topics.
    BusCorrupt
        The file of the log is damaged.
    StoreUnavailable, StoreRefused
        The object store is away, or may not be written.
    """
    hide_secrets(settings)
    await asyncio.to_thread(data_folder.make, settings.data_dir)
    objects = open_store(settings)
    await asyncio.to_thread(objects.check)
    bus = await open_log(settings)
    workers = Workers(settings.worker_slots or processors())
    try:
        async with exported(settings.otlp_endpoint) as spans:
            platform = Platform(settings, bus, objects, workers, probe=probe or Probe(), spans=spans)
            if all_topics:
                await platform.ensure_topics()
            await bus.prune()
            yield platform
    finally:
        await asyncio.to_thread(workers.close)
        await bus.close()
