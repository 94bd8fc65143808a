"""Waking those who wait for records: at once within a process, within a poll across processes.

Owns the waiters of one bus and the watch on the file. Must not know what they wait for.
"""

import asyncio
import logging
from collections.abc import Collection

from calibrant.bus.embedded.database import Database
from calibrant.bus.errors import CalibrantError

_LOG = logging.getLogger(__name__)


class Waiter:
    """One who waits; register it with `Wakeups`.

    Parameters
    ----------
    topics
        What it waits for.
    """

    def __init__(self, topics: Collection[str]) -> None:
        self.topics = frozenset(topics)
        self._event = asyncio.Event()

    def clear(self) -> None:
        """Forget earlier wake-ups; look for work after this, then wait."""
        self._event.clear()

    def wake(self) -> None:
        """End the wait."""
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        """Wait until woken, or so many seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return


class Wakeups:
    """All who wait on one bus.

    Parameters
    ----------
    database
        Watched for what other processes write.
    poll_s
        How often, in seconds.
    """

    def __init__(self, database: Database, *, poll_s: float) -> None:
        self._database = database
        self._poll_s = poll_s
        self._waiters: set[Waiter] = set()
        self._watch: asyncio.Task[None] | None = None

    def add(self, waiter: Waiter) -> None:
        """Register a waiter; the first one starts the watch."""
        self._waiters.add(waiter)
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_file(), name="bus-watch")

    def remove(self, waiter: Waiter) -> None:
        """Forget a waiter."""
        self._waiters.discard(waiter)

    def wake(self, topics: Collection[str] | None = None) -> None:
        """Wake those who wait for one of these topics; None: everybody."""
        for waiter in self._waiters:
            if topics is None or not waiter.topics.isdisjoint(topics):
                waiter.wake()

    async def close(self) -> None:
        """Stop the watch."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None

    async def _watch_file(self) -> None:
        seen: int | None = None
        while True:
            try:
                version: int | None = await self._database.data_version()
            except CalibrantError as error:
                # Whoever fetches meets the same error and has a caller to tell it to.
                _LOG.debug("watching the log failed: %s", error)
                version = None
            if version is None or version != seen:
                self.wake()
            seen = version
            await asyncio.sleep(self._poll_s)
