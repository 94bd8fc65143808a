"""One service at work: its consumers, its relay, its background tasks, from start to drain.

Owns the life of a service inside a process. HTTP is laid over it by ``http``; several may share a process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from sqlmodel import func, select

from calibrant.bus.errors import CalibrantError
from calibrant.bus.ports import Producer
from calibrant.contracts.base import Message
from calibrant.runtime import dead_letters
from calibrant.runtime.consumers import Consumers
from calibrant.runtime.database import Database
from calibrant.runtime.health import Health, Phase
from calibrant.runtime.housekeeping import keep_house
from calibrant.runtime.lagging import lag
from calibrant.runtime.lossy import send_lossy
from calibrant.runtime.platform import Platform
from calibrant.runtime.probe import Step
from calibrant.runtime.relay import Relay
from calibrant.runtime.sole import Sole
from calibrant.runtime.spec import ServiceSpec
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.tasks import cancel, tell_fault, wait
from calibrant.runtime.telemetry.backlog import Backlog
from calibrant.runtime.telemetry.bound import bound
from calibrant.runtime.telemetry.spans import spans_of, tracer_of
from calibrant.runtime.unit_of_work import UnitOfWork, unit_of_work

__all__ = ["ServiceProcess", "ServiceSpec"]

LEAVE_S = 5.0
"""How long what was given up, and the last flush, may take."""


class ServiceProcess:
    """A service on a platform.

    Parameters
    ----------
    spec : ServiceSpec
        The service.
    platform : Platform
        What it stands on.

    Raises
    ------
    LookupError
        It handles messages that the data flow does not bring it, or computes jobs and may not say that one
        failed.
    """

    def __init__(self, spec: ServiceSpec, platform: Platform) -> None:
        spec.check()
        self.spec = spec
        self.platform = platform
        self.health = Health()
        self.backlog = Backlog(spec.database, self.lag)
        self._tracer = tracer_of(spec.name, platform.spans)
        self._stack = AsyncExitStack()
        self._producer: Producer | None = None
        self._relay: Relay | None = None
        self._relaying: asyncio.Task[None] | None = None
        self._consumers = Consumers(spec, platform, self.health, self.wake)
        self._consuming: list[asyncio.Task[None]] = []
        self._background: list[asyncio.Task[None]] = []
        self._busy = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    @property
    def name(self) -> str:
        """The service's name."""
        return self.spec.name

    @property
    def database(self) -> Database:
        """The service's database."""
        return self.spec.database

    @property
    def in_hand(self) -> int:
        """Records fetched and not yet dealt with, and what background tasks are busy with."""
        return self._consumers.in_hand + self._busy

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Say that a background task has something in hand, until the block ends: a drain waits for it.

        On the event loop's thread. A task that takes something on looks first, with no ``await`` in between,
        whether ``health.phase`` is still RUNNING.
        """
        self._busy += 1
        self._at_rest.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._at_rest.set()

    def prepare(self) -> None:
        """Bring the database's schema up to date."""
        self.database.migrate([self.spec.migrations])

    async def start(self) -> None:
        """Begin to work.

        Raises
        ------
        CalibrantError
            Database or bus are away, damaged or withhold a right, or another process has what only one may
            have; nothing is left running.
        """
        try:
            watches = [await self._take_sole()] if self.spec.sole else []
            await asyncio.to_thread(self.prepare)
            await self.platform.admit(self.name)
            self._producer = await self._stack.enter_async_context(self.platform.bus.producer())
            self._relay = Relay(self.database, self._producer, self.health, self.platform.probe)
            self._relaying = self._spawn("relay", self._relay.run())
            for name, run in await self._consumers.open(self._stack):
                self._consuming.append(self._spawn(name, run()))
        except BaseException:
            await self.stop(0.0)
            raise
        self.health.phase = Phase.RUNNING
        self._background.append(self._spawn("backlog", self.backlog.run()))
        self._background += [self._spawn("sole", sole.watch()) for sole in watches]
        for task in (*self.spec.background, keep_house):
            self._background.append(self._spawn(task.__name__, task(self)))

    async def stop(self, drain_s: float) -> None:
        """Take on nothing new, finish what is in hand or give it up after ``drain_s`` seconds, flush, leave.

        Background tasks run until what is in hand is finished, theirs too; then they are cancelled. What the
        outbox holds after the flush goes out at the next start.
        """
        await self._drained(drain_s)
        self._consumers.abandon()
        await wait(self._consuming, LEAVE_S)
        await cancel([*self._consuming, *self._background])
        if self._relay is not None and self._relaying is not None:
            self._relay.end()
            await wait([self._relaying], LEAVE_S)
            await cancel([self._relaying])
        with contextlib.suppress(CalibrantError):  # membership of a log that is away ends by its time-out
            await self._stack.aclose()
        await asyncio.to_thread(self._consumers.close)
        await asyncio.to_thread(self.database.close)
        self.health.phase = Phase.STOPPED

    def pause(self) -> None:
        """Take on nothing new until resumed; membership and what is in hand go on."""
        self._consumers.pause()
        self.health.phase = Phase.PAUSED

    def resume(self) -> None:
        """Take on work again."""
        self._consumers.resume()
        self.health.phase = Phase.RUNNING

    async def drain(self, *, wait: bool = True) -> None:
        """Finish what is in hand and take on nothing new for ever; the process stays up to be looked at.

        Parameters
        ----------
        wait : bool
            Whether to return only when nothing is in hand any more.
        """
        if wait:
            await self._drained(None)
        else:
            self._begin_drain()

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
        with (
            self.telemetry(),
            unit_of_work(
                self.database, self.name, self.platform.clock, cause=cause, correlation_id=correlation_id
            ) as unit,
        ):
            yield unit
            self.platform.probe.at(Step.BEFORE_COMMIT)
        self.platform.probe.at(Step.COMMITTED)
        self.wake()

    @contextmanager
    def telemetry(self) -> Iterator[None]:
        """Let log lines and spans of this block be this service's."""
        with bound(service=self.name), spans_of(self._tracer):
            yield

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
        tasks = [*self._consuming, *self._background, *([self._relaying] if self._relaying else [])]
        return [
            f"{task.get_name()}: {task.exception()!r}"
            for task in tasks
            if task.done() and not task.cancelled() and task.exception() is not None
        ]

    async def status(self) -> dict[str, Any]:
        """Return the state of the service for people and programs."""
        waiting, dead, facts = await asyncio.to_thread(self._kept)
        return {
            "service": self.name,
            "phase": self.health.phase.value,
            "ready": self.health.ready,
            "troubles": dict(self.health.troubles),
            "acknowledged": dict(self.health.acknowledged),
            "faults": self.faults(),
            "in_hand": self.in_hand,
            "outbox": waiting,
            "dead_letters": dead,
            "lag": await self.lag(),
            "counts": dict(self.health.counts),
            **facts,
        }

    async def lag(self) -> dict[str, int]:
        """Return how many records wait, by topic."""
        return await lag(self.platform.bus, self.name)

    async def _drained(self, timeout_s: float | None) -> None:
        """Begin to drain, and wait until nothing is in hand: neither of the consumers nor of background tasks."""
        self._begin_drain()
        resting = asyncio.create_task(self._at_rest.wait())
        await wait([*self._consuming, resting], timeout_s)
        await cancel([resting])

    async def _take_sole(self) -> Sole:
        sole = Sole(self.spec.sole, self.database, self.platform.data_dir / "locks", self.health)
        return await self._stack.enter_async_context(sole)

    def _begin_drain(self) -> None:
        self.health.phase = Phase.DRAINING
        self._consumers.drain()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        with self.telemetry():
            task = asyncio.create_task(work, name=f"{self.name}: {name}")
            task.add_done_callback(tell_fault)
        return task

    def _kept(self) -> tuple[int, int, Mapping[str, Any]]:
        with self.database.reading() as session:
            waiting = session.exec(select(func.count()).select_from(OutboxRow)).one()
            return waiting, dead_letters.count(session), self.spec.facts(session)
