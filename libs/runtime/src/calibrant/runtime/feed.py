"""Fetching for those who deal with records: told of troubles, paused when there is no room, offsets committed.

Owns the turn: fetch, hand on, commit the done prefix. How records of one partition are dealt with, one after the
other or side by side, is ``lanes``' and ``job_lanes``' to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from calibrant.bus.errors import CommitFailed, NotAssigned, TransientError
from calibrant.bus.ports import Consumer, Record, TopicPartition
from calibrant.runtime.health import Health
from calibrant.runtime.probe import Probe, Step

log = logging.getLogger(__name__)
Attempt = Callable[[Record, int], Awaitable[float | None]]
FETCH_S = 0.25
BEAT_S = 1.0
"""How often a consumer that takes on nothing still fetches, to stay a member of its group."""


class Share(Protocol):
    """What is known of one partition."""

    done_to: int | None
    """Offset of the next record to read, once something is done."""

    @property
    def load(self) -> int:
        """Records fetched and not yet dealt with."""
        ...

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """What works on them."""
        ...

    def lose(self) -> None:
        """Forget the partition; what is in hand runs on, for its result is idempotent."""
        ...

    def close(self) -> None:
        """Forget what waits."""
        ...


S = TypeVar("S", bound=Share)


class Feed(ABC, Generic[S]):
    """Feeds records from a consumer to whoever deals with them; the consumer's listener.

    Parameters
    ----------
    health : Health
        Where trouble with the bus is told.
    probe : Probe
        Hears the steps.
    part : str
        Name of this consumer among the troubles.
    """

    def __init__(self, *, health: Health, probe: Probe, part: str) -> None:
        self.part = part
        self._health = health
        self._probe = probe
        self._shares: dict[TopicPartition, S] = {}
        self._consumer: Consumer | None = None
        self._paused = False
        self._closing = asyncio.Event()
        self._freed = asyncio.Event()
        self._fault: Exception | None = None

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Commit what is done and forget what waits."""
        with contextlib.suppress(TransientError):  # then it is given again, and dropped by the inbox
            await self._commit()
        for partition in partitions:
            if partition in self._shares:
                self._shares[partition].lose()

    async def on_assigned(self, partitions: Collection[TopicPartition]) -> None:
        """Nothing to do: pauses are set anew before every fetch."""

    def pause(self) -> None:
        """Take on nothing new until resumed."""
        self._paused = True

    def resume(self) -> None:
        """Take on work again."""
        self._paused = False
        self._freed.set()

    @property
    def in_hand(self) -> int:
        """Records fetched and not yet dealt with."""
        return sum(share.load for share in self._shares.values())

    def drain(self) -> None:
        """Take on nothing new for ever; ``run`` returns when what is being worked on is done."""
        self._closing.set()
        self._freed.set()
        for share in self._shares.values():
            share.close()

    def abandon(self) -> None:
        """Cancel what is in hand; it is delivered again to whoever comes next."""
        self.drain()
        for task in self._tasks():
            task.cancel()

    @abstractmethod
    def _room(self) -> tuple[int, int]:
        """Return for how many more records there is room, and how many of them to fetch at once."""

    @abstractmethod
    def _full(self) -> set[TopicPartition]:
        """Return the partitions that no more is taken from for now."""

    @abstractmethod
    def _take(self, record: Record) -> None:
        """Take a record on."""

    @property
    def _open(self) -> bool:
        return not (self._paused or self._closing.is_set())

    async def _go_on(self, turn: Callable[[], Awaitable[None]]) -> None:
        """Take turns until ``drain`` was called and nothing is in hand, or a processor raised."""
        try:
            while (not self._closing.is_set() or self.in_hand) and self._fault is None:
                await self._told(turn())
        finally:
            await self._end_tasks()
        if self._fault is not None:
            raise self._fault
        await self._told(self._commit())

    async def _turn(self, consumer: Consumer) -> None:
        room, at_once = self._room()
        takes = self._open and room > 0
        self._set_pauses(consumer, everything=not takes)
        if not takes:
            await self._until_freed()
        records = await consumer.fetch(
            max_records=min(max(room, 1), at_once), timeout_s=FETCH_S if takes else 0.0
        )
        if self._open:
            for record in records:
                self._take(record)
        else:  # paused or closed while the fetch was under way
            await _put_back(consumer, records)
        await self._commit()

    async def _told(self, step: Awaitable[None]) -> None:
        try:
            await step
        except TransientError as error:
            self._health.trouble(self.part, str(error))
            log.warning("%s: %s", self.part, error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FETCH_S):
                    await self._closing.wait()
        else:
            self._health.well(self.part)

    async def _until_freed(self) -> None:
        self._freed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEAT_S):
                await self._freed.wait()

    def _set_pauses(self, consumer: Consumer, *, everything: bool) -> None:
        owned = consumer.assignment()
        wanted = owned if everything else owned & self._full()
        try:
            consumer.pause(wanted - consumer.paused())
            consumer.resume(consumer.paused() - wanted)
        except NotAssigned:
            return  # a rebalance came between; the next turn sets them anew

    async def _commit(self) -> None:
        if self._consumer is None:
            return
        done = self._done(self._consumer.assignment())
        if not done:
            return
        try:
            await self._consumer.commit(done)
        except CommitFailed as error:
            for partition in error.partitions:
                self._shares[partition].done_to = None
            return
        for partition, offset in done.items():
            if self._shares[partition].done_to == offset:
                self._shares[partition].done_to = None
        self._probe.at(Step.OFFSET_COMMITTED)

    def _done(self, owned: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {
            at: share.done_to
            for at, share in self._shares.items()
            if share.done_to is not None and at in owned
        }

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for share in self._shares.values() for task in share.tasks]

    async def _end_tasks(self) -> None:
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _put_back(consumer: Consumer, records: Sequence[Record]) -> None:
    firsts: dict[TopicPartition, int] = {}
    for record in records:
        firsts.setdefault(record.topic_partition, record.offset)
    for partition, offset in firsts.items():
        with contextlib.suppress(NotAssigned):  # then its next owner starts where the group has committed
            await consumer.seek(partition, offset)
