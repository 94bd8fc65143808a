"""One service at work: its consumers, its relay, its background tasks, from start to drain.

Owns the life of a service inside a process. HTTP is laid over it by ``http``; several may share a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from sqlmodel import func, select

from calibrant.bus.ports import Bus, Producer
from calibrant.contracts.base import Message
from calibrant.contracts.flow import topics_consumed
from calibrant.runtime import dead_letters
from calibrant.runtime.database import Database
from calibrant.runtime.events import Desk, EventProcessor
from calibrant.runtime.handlers import HandlerTable
from calibrant.runtime.health import Health, Phase
from calibrant.runtime.jobs import JobDesk, JobProcessor
from calibrant.runtime.lanes import Lanes
from calibrant.runtime.lossy import send_lossy
from calibrant.runtime.platform import Platform
from calibrant.runtime.relay import Relay
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.unit_of_work import UnitOfWork, unit_of_work

log = logging.getLogger(__name__)
AHEAD = 32
"""Short records fetched ahead of the one in hand."""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What makes a service different from every other.

    Parameters
    ----------
    name : str
        Its name in the data flow.
    service : object
        Its use cases; handlers reach it as ``context.service``.
    handlers : HandlerTable
        What it does with messages.
    database : Database
        Its own database.
    migrations : Path
        Folder with its Alembic revisions.
    router : APIRouter
        Its HTTP queries and controls.
    background : sequence
        Coroutine functions that run beside the handlers; each is given the process.
    config : mapping
        Plain settings for computations in child processes.
    """

    name: str
    service: Any
    handlers: HandlerTable
    database: Database
    migrations: Path
    router: APIRouter = field(default_factory=APIRouter)
    background: Sequence[Callable[[ServiceProcess], Coroutine[Any, Any, None]]] = ()
    config: Mapping[str, str] = field(default_factory=dict)


class ServiceProcess:
    """A service on a platform.

    Parameters
    ----------
    spec : ServiceSpec
        The service.
    platform : Platform
        What it stands on.
    """

    def __init__(self, spec: ServiceSpec, platform: Platform) -> None:
        self.spec = spec
        self.platform = platform
        self.health = Health()
        self._stack = AsyncExitStack()
        self._producer: Producer | None = None
        self._relay: Relay | None = None
        self._lanes: list[Lanes] = []
        self._consuming: list[asyncio.Task[None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def name(self) -> str:
        """The service's name."""
        return self.spec.name

    @property
    def database(self) -> Database:
        """The service's database."""
        return self.spec.database

    def prepare(self) -> None:
        """Bring the database's schema up to date."""
        self.database.migrate([self.spec.migrations])

    async def start(self) -> None:
        """Begin to work.

        Raises
        ------
        TransientError
            The database or the bus is away.
        """
        await asyncio.to_thread(self.prepare)
        bus = self.platform.bus
        self._producer = await self._stack.enter_async_context(bus.producer())
        self._relay = Relay(self.database, self._producer, self.health, self.platform.probe)
        self._spawn(self._tasks, "relay", self._relay.run())
        await self._consume(bus)
        self.health.phase = Phase.RUNNING
        for task in self.spec.background:
            self._spawn(self._tasks, task.__name__, task(self))

    async def stop(self, drain_s: float) -> None:
        """Take on nothing new, finish what is in hand or give it up after ``drain_s`` seconds, flush, leave."""
        self.health.phase = Phase.DRAINING
        for lanes in self._lanes:
            lanes.drain()
        if self._consuming:
            _, late = await asyncio.wait(self._consuming, timeout=drain_s)
            if late:
                for lanes in self._lanes:
                    lanes.abandon()
                await asyncio.wait(late, timeout=5)
        for task in [*self._tasks, *self._consuming]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._consuming, return_exceptions=True)
        if self._relay is not None:
            with contextlib.suppress(Exception):  # what stays in the outbox goes out at the next start
                await self._relay.flush()
        await self._stack.aclose()
        self.database.close()
        self.health.phase = Phase.STOPPED

    def pause(self) -> None:
        """Take on nothing new until resumed; membership and what is in hand go on."""
        for lanes in self._lanes:
            lanes.pause()
        self.health.phase = Phase.PAUSED

    def resume(self) -> None:
        """Take on work again."""
        for lanes in self._lanes:
            lanes.resume()
        self.health.phase = Phase.RUNNING

    async def drain(self) -> None:
        """Finish what is in hand and take on nothing new for ever; the process stays up to be looked at."""
        self.health.phase = Phase.DRAINING
        for lanes in self._lanes:
            lanes.drain()
        if self._consuming:
            await asyncio.wait(self._consuming)

    @contextmanager
    def unit_of_work(self, cause: str, correlation_id: str | None = None) -> Iterator[UnitOfWork]:
        """Open a unit of work for what no event caused: a request over HTTP, a background task.

        Parameters
        ----------
        cause : str
            A name of this piece of work: identifiers of what it emits derive from it.
        correlation_id : str or None
            The run it belongs to.
        """
        with unit_of_work(
            self.database, self.name, self.platform.clock, cause=cause, correlation_id=correlation_id
        ) as unit:
            yield unit
        self.wake()

    def wake(self) -> None:
        """Say that the outbox has something to send; may be called from any thread."""
        if self._relay is not None:
            self._relay.wake()

    async def send_telemetry(self, message: Message) -> None:
        """Send a message of a lossy topic at once, outside the outbox; a failure loses it."""
        if self._producer is not None:
            await send_lossy(self._producer, self.name, self.platform.clock, message)

    def faults(self) -> list[str]:
        """Return what has ended that should run on; a service with faults is not live."""
        return [
            f"{task.get_name()}: {task.exception()!r}"
            for task in [*self._tasks, *self._consuming]
            if task.done() and not task.cancelled() and task.exception() is not None
        ]

    async def status(self) -> dict[str, Any]:
        """Return the state of the service for people and programs."""
        waiting, dead = await asyncio.to_thread(self._counts)
        return {
            "service": self.name,
            "phase": self.health.phase.value,
            "ready": self.health.ready,
            "troubles": dict(self.health.troubles),
            "faults": self.faults(),
            "in_hand": sum(lanes.in_hand for lanes in self._lanes),
            "outbox": waiting,
            "dead_letters": dead,
            "lag": await self.lag(),
            "counts": dict(self.health.counts),
        }

    async def lag(self) -> dict[str, int]:
        """Return how many records wait, by topic."""
        names = [topic.name for topic in topics_consumed(self.name)]
        ends = await self.platform.bus.end_offsets(names)
        done = dict(await self.platform.bus.committed(self.name))
        done.update(await self.platform.bus.committed(f"{self.name}-jobs"))
        lag = dict.fromkeys(names, 0)
        for partition, end in ends.items():
            lag[partition.topic] += end - done.get(partition, 0)
        return lag

    async def _consume(self, bus: Bus) -> None:
        desk = Desk(
            self.name,
            self.spec.service,
            self.database,
            self.platform.clock,
            self.health,
            self.platform.probe,
            self.wake,
        )
        handlers = self.spec.handlers
        consumed = topics_consumed(self.name)
        jobs = [t.name for t in consumed if handlers.jobs.keys() & set(t.messages)]
        events = [t.name for t in consumed if t.name not in jobs]
        if events:
            processor = EventProcessor(desk, dict(handlers.events))
            await self._join(bus, self.name, events, processor.process, slots=1, ahead=AHEAD)
        if jobs:
            job_desk = JobDesk(
                self.platform.objects,
                self.platform.workers,
                self.platform.ids,
                self.platform.data_dir / "scratch" / self.name,
                self.spec.config,
            )
            worker = JobProcessor(desk, job_desk, dict(handlers.jobs))
            slots = self.platform.workers.slots
            await self._join(bus, f"{self.name}-jobs", jobs, worker.process, slots=slots, ahead=1)

    async def _join(
        self, bus: Bus, group: str, names: list[str], process: Any, *, slots: int, ahead: int
    ) -> None:
        lanes = Lanes(process, slots=slots, ahead=ahead, health=self.health, probe=self.platform.probe)
        consumer = await self._stack.enter_async_context(bus.consumer(group, names, listener=lanes))
        self._lanes.append(lanes)
        self._spawn(self._consuming, f"consumer of {', '.join(names)}", lanes.run(consumer))

    def _spawn(self, into: list[asyncio.Task[None]], name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"{self.name}: {name}")
        task.add_done_callback(_tell_fault)
        into.append(task)

    def _counts(self) -> tuple[int, int]:
        with self.database.reading() as session:
            waiting = session.exec(select(func.count()).select_from(OutboxRow)).one()
            return waiting, len(dead_letters.letters(session))


def _tell_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("%s ended", task.get_name(), exc_info=task.exception())
