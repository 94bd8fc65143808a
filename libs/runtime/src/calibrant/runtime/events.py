"""Short work: one record, one transaction with inbox row, effects and outbox rows.

Owns the decision what an error means for a record. Knows no topic and no bus beyond its record.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from calibrant.bus.cloudevents import Envelope
from calibrant.bus.errors import Backoff, PermanentError, PoisonError, TransientError
from calibrant.bus.ports import Record
from calibrant.runtime.clock import Clock
from calibrant.runtime.database import Database, DatabaseUnavailable
from calibrant.runtime.dead_letters import Death, bury, raw_event_id
from calibrant.runtime.handlers import Context, EventHandler
from calibrant.runtime.health import Health
from calibrant.runtime.intake import Decoded, decode
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.unit_of_work import unit_of_work

log = logging.getLogger(__name__)
Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Desk:
    """What all record processors of one service share."""

    name: str
    service: Any
    database: Database
    clock: Clock
    health: Health
    probe: Probe
    wake_relay: Callable[[], None]
    backoff: Backoff = field(default_factory=Backoff)
    sleep: Sleep = asyncio.sleep

    async def until_stored(self, what: str, work: Callable[[], None]) -> None:
        """Run a transaction on a worker thread; while the database is unavailable, wait and try again."""
        failed = 0
        while True:
            try:
                await asyncio.to_thread(work)
            except DatabaseUnavailable as error:
                failed += 1
                self.health.trouble("database", str(error))
                log.warning("%s: %s", what, error)
                await self.sleep(min(0.1 * 2 ** min(failed, 6), 5.0))
            else:
                self.health.well("database")
                return

    async def bury(self, record: Record, death: Death) -> None:
        """Record a dead letter for good."""

        def work() -> None:
            with self.database.writing() as session:
                bury(session, self.clock, record, death)

        log.error("%s: dead letter (%s): %s", death.message_type or record.topic, death.error, death.reason)
        await self.until_stored("dead letter", work)
        self.health.count("dead_letters")


@dataclass(slots=True)
class EventProcessor:
    """Processes records by short handlers.

    Parameters
    ----------
    desk : Desk
        The service's database, clock and policies.
    handlers : mapping
        By full name of the message.
    """

    desk: Desk
    handlers: dict[str, EventHandler]

    async def process(self, record: Record) -> None:
        """Deal with a record, whatever it is; afterwards its offset may be committed."""
        self.desk.probe.at(Step.FETCHED)
        decoded = await take_in(self.desk, record, frozenset(self.handlers))
        if decoded is not None:
            await self._handle(record, decoded)

    async def _handle(self, record: Record, decoded: Decoded) -> None:
        failed = 0
        while True:
            try:
                await self.desk.until_stored(decoded.envelope.type, lambda: self._unit(decoded))
            except TransientError as error:
                failed += 1
                delay_s = self.desk.backoff.delay_s(failed, random.random)
                if delay_s is None:
                    await self.desk.bury(record, death_of(decoded.envelope, "exhausted", error, failed))
                    return
                await self.desk.sleep(delay_s)
            except Exception as error:
                kind = "permanent" if isinstance(error, PermanentError) else "fault"
                if kind == "fault":
                    log.exception("fault in the handler of %s", decoded.envelope.type)
                await self.desk.bury(record, death_of(decoded.envelope, kind, error, failed + 1))
                return
            else:
                self.desk.health.count("events")
                self.desk.wake_relay()
                return

    def _unit(self, decoded: Decoded) -> None:
        desk, envelope = self.desk, decoded.envelope
        with unit_of_work(
            desk.database, desk.name, desk.clock, cause=envelope.id, correlation_id=envelope.correlation_id
        ) as unit:
            if unit.was_done(envelope.id):
                return
            context = Context(desk.service, unit.session, envelope, desk.clock)
            unit.emit(self.handlers[envelope.type].handle(decoded.message, context))
            unit.mark_done(envelope.id)
            desk.probe.at(Step.BEFORE_COMMIT)
        desk.probe.at(Step.COMMITTED)


async def take_in(desk: Desk, record: Record, wanted: frozenset[str]) -> Decoded | None:
    """Decode a record; dead-letter what is malformed, count and skip what is not handled."""
    try:
        decoded = decode(record, wanted)
    except PoisonError as error:
        await desk.bury(record, Death(raw_event_id(record), "", "poison", str(error), 1))
        return None
    if decoded is None:
        desk.health.count("skipped")
    return decoded


def death_of(envelope: Envelope, error: str, cause: BaseException, attempts: int) -> Death:
    """Return why a readable record is given up."""
    reason = (
        str(cause)
        if isinstance(cause, (PermanentError, TransientError))
        else f"{type(cause).__name__}: {cause}"
    )
    return Death(envelope.id, envelope.type, error, reason, attempts)
