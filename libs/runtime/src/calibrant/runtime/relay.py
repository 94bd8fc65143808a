"""The relay: sends the outbox in order and removes what was sent.

Owns the ``outbox`` table's emptying. Sending and removing are two steps: after a crash between them a message
goes out again, and its reader's inbox drops it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import delete
from sqlmodel import col, select

from calibrant.bus.errors import TransientError
from calibrant.bus.ports import Message, Producer
from calibrant.runtime.database import Database
from calibrant.runtime.health import Health
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.unit_of_work import headers_from_text

log = logging.getLogger(__name__)
BATCH = 200
IDLE_S = 0.5


class Relay:
    """Sends one service's outbox.

    Parameters
    ----------
    database : Database
        The service's database.
    producer : Producer
        An open producer.
    health : Health
        Where trouble with the bus is told.
    probe : Probe
        Hears the steps.
    """

    def __init__(self, database: Database, producer: Producer, health: Health, probe: Probe) -> None:
        self._database = database
        self._producer = producer
        self._health = health
        self._probe = probe
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = False

    def wake(self) -> None:
        """Say that there is something to send; may be called from any thread, at any time."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended: the next start sends it
                self._loop.call_soon_threadsafe(self._wake.set)

    def end(self) -> None:
        """Let ``run`` send once more what is there, and return."""
        self._ending = True
        self._wake.set()

    async def run(self) -> None:
        """Send until ``end`` is called; while the bus or the database is away, try again."""
        self._loop = asyncio.get_running_loop()
        while True:
            ending = self._ending
            self._wake.clear()
            try:
                await self.flush()
                self._health.well("outbox")
            except TransientError as error:
                self._health.trouble("outbox", str(error))
                log.warning("outbox: %s", error)
            if ending:
                return
            if not self._ending:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), IDLE_S)

    async def flush(self) -> None:
        """Send everything that is there.

        Raises
        ------
        TransientError
            The bus or the database is away; nothing is lost.
        """
        while rows := await asyncio.to_thread(self._next):
            await self._producer.send([_message(row) for row in rows])
            self._probe.at(Step.RELAYED)
            await asyncio.to_thread(self._remove, [row.number for row in rows])
            self._probe.at(Step.MARKED_SENT)

    def _next(self) -> Sequence[OutboxRow]:
        with self._database.reading() as session:
            return session.exec(select(OutboxRow).order_by(col(OutboxRow.number)).limit(BATCH)).all()

    def _remove(self, numbers: Sequence[int | None]) -> None:
        with self._database.writing() as session:
            session.execute(delete(OutboxRow).where(col(OutboxRow.number).in_(numbers)))


def _message(row: OutboxRow) -> Message:
    return Message(topic=row.topic, key=row.key, value=row.value, headers=headers_from_text(row.headers))
