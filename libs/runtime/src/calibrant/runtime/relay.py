"""The relay: sends the outbox in order and removes what was sent.

Owns when that happens. Sending and removing are two steps: after a crash between them a message goes out again, and
its reader's inbox drops it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from calibrant.bus.errors import CalibrantError
from calibrant.bus.ports import Message, Producer
from calibrant.runtime.database import Database
from calibrant.runtime.header_text import headers_from_text
from calibrant.runtime.health import Health
from calibrant.runtime.outbox import Outbox
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.telemetry import spans

log = logging.getLogger(__name__)
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
        self._outbox = Outbox(database)
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
        """Send until ``end`` is called; while the bus or the database is away, or refuses, say so and try again."""
        self._loop = asyncio.get_running_loop()
        while True:
            ending = self._ending
            self._wake.clear()
            try:
                await self.flush()
                self._health.well("outbox")
            except CalibrantError as error:  # a right that was withdrawn is granted again while we run
                self._health.trouble("outbox", str(error))
                log.warning("outbox: %s", error)
            if ending:
                return
            if not self._ending:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), IDLE_S)

    async def flush(self) -> None:
        """Send everything that is there and that no other relay is sending.

        Raises
        ------
        CalibrantError
            The bus or the database is away, or refuses; nothing is lost.
        """
        while await self._send_some():
            pass

    async def _send_some(self) -> bool:
        claim = await asyncio.to_thread(self._outbox.claim)
        if claim is None:
            return False
        try:
            messages = [_message(row) for row in claim.rows]
            with spans.sending(messages):
                await self._producer.send(messages)
            self._probe.at(Step.RELAYED)
        except BaseException:
            await asyncio.to_thread(claim.release)
            raise
        await asyncio.to_thread(claim.remove)
        self._probe.at(Step.MARKED_SENT)
        return True


def _message(row: OutboxRow) -> Message:
    return Message(topic=row.topic, key=row.key, value=row.value, headers=headers_from_text(row.headers))
