"""The desk: what all work of one service shares, and its patience with a world that is away.

Owns waiting for database and object store. Knows no topic, no handler and no bus.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlmodel import Session

from calibrant.bus.cloudevents import Envelope
from calibrant.bus.errors import Backoff, TransientError
from calibrant.bus.ports import Record
from calibrant.runtime.clock import Clock
from calibrant.runtime.database import Database, DatabaseUnavailable
from calibrant.runtime.dead_letters import Death, bury
from calibrant.runtime.health import Health
from calibrant.runtime.objects import StoreUnavailable
from calibrant.runtime.probe import Probe
from calibrant.runtime.unit_of_work import UnitOfWork, unit_of_work, was_done

log = logging.getLogger(__name__)
T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
AWAY_MAX_S = 5.0
"""Longest wait between two looks whether what was away is back."""


@dataclass(slots=True)
class Desk:
    """What all work of one service shares.

    Parameters
    ----------
    name : str
        The service's name.
    service : object
        Its use cases.
    database : Database
        Its own database.
    clock : Clock
        The time.
    health : Health
        Where counters and troubles are told.
    probe : Probe
        Hears the steps.
    wake_relay : callable
        Called when the outbox has something to send.
    backoff : Backoff
        How often and how long after each other a transient failure is tried again.
    sleep : coroutine function
        Waits so many seconds.
    random : callable
        Gives a number in [0, 1), for the spread of waits.
    """

    name: str
    service: Any
    database: Database
    clock: Clock
    health: Health
    probe: Probe
    wake_relay: Callable[[], None]
    backoff: Backoff = field(default_factory=Backoff)
    sleep: Sleep = asyncio.sleep
    random: Callable[[], float] = random.random

    def unit(self, envelope: Envelope) -> AbstractContextManager[UnitOfWork]:
        """Open the unit of work that deals with an event."""
        return unit_of_work(
            self.database, self.name, self.clock, cause=envelope.id, correlation_id=envelope.correlation_id
        )

    def unit_in(self, session: Session, envelope: Envelope) -> UnitOfWork:
        """Give the unit of work of an event that shares its transaction with others; the caller writes all."""
        return UnitOfWork(self.name, session, self.clock, envelope.id, envelope.correlation_id)

    async def until_stored(self, what: str, work: Callable[[], T]) -> T:
        """Run a transaction on a worker thread; while the database is unavailable, wait and try again."""
        return await self._until("database", DatabaseUnavailable, what, work)

    async def until_kept(self, what: str, work: Callable[[], T]) -> T:
        """Put objects on a worker thread; while the object store is unavailable, wait and try again."""
        return await self._until("objects", StoreUnavailable, what, work)

    def delay_s(self, error: TransientError, failed: int) -> float | None:
        """Tell how long to wait after so many failed attempts, in seconds; None when it is time to give up.

        What fails because the object store is away is never given up: it is the world's fault, and the
        service says that it is not ready.
        """
        if isinstance(error, StoreUnavailable):
            self.health.trouble("objects", str(error))
            return _away_s(failed, self.backoff.max_s)
        return self.backoff.delay_s(failed, self.random)

    async def bury(self, record: Record, death: Death) -> None:
        """Record a dead letter for good; one whose event is dealt with already changes nothing."""

        def work() -> bool:
            with self.database.writing() as session:
                if was_done(session, death.event_id):
                    return False
                bury(session, self.clock, record, death)
                return True

        if await self.until_stored("dead letter", work):
            self.tell(record, death)
        else:
            self.health.count("repeated")

    def tell(self, record: Record, death: Death) -> None:
        """Log and count a dead letter."""
        log.error("%s: dead letter (%s): %s", death.message_type or record.topic, death.error, death.reason)
        self.health.count("dead_letters")
        self.health.meters.dead_letter(death.error)

    async def _until(self, part: str, away: type[TransientError], what: str, work: Callable[[], T]) -> T:
        failed = 0
        while True:
            try:
                result = await asyncio.to_thread(work)
            except away as error:
                failed += 1
                self.health.trouble(part, str(error))
                log.warning("%s: %s", what, error)
                await self.sleep(_away_s(failed, AWAY_MAX_S))
            else:
                self.health.well(part)
                return result


def _away_s(failed: int, longest_s: float) -> float:
    return min(0.1 * 2.0 ** min(failed, 10), longest_s)
