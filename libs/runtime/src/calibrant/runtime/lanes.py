"""Lanes: records of one partition one after the other, partitions side by side, offsets committed in order.

Owns fetching, pausing while work is in hand, waiting between attempts, and committing the contiguous done
prefix. Knows neither messages nor handlers: it is given a coroutine that makes one attempt at one record, and
perhaps another that deals with several at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

from calibrant.bus.errors import CommitFailed, NotAssigned, TransientError
from calibrant.bus.ports import Consumer, Record, TopicPartition
from calibrant.runtime.health import Health
from calibrant.runtime.lane import Lane
from calibrant.runtime.probe import Probe, Step

log = logging.getLogger(__name__)
Attempt = Callable[[Record, int], Awaitable[float | None]]
Batch = Callable[[Sequence[Record]], Awaitable[tuple[int, int]]]
FETCH_S = 0.25
BATCH = 256
"""Most records dealt with at once."""
BEAT_S = 1.0
"""How often a consumer that takes on nothing still fetches, to stay a member of its group."""


class Lanes:
    """Feeds records from a consumer to a processor; the consumer's listener.

    Parameters
    ----------
    attempt : coroutine function
        Makes one attempt at a record, given how many have failed. Returns None when the record is dealt with,
        or the seconds to wait before the next attempt; never raises for what is wrong with the record.
    slots : int
        Attempts made at the same time. A record that waits for its next attempt takes none.
    ahead : int
        Records fetched ahead for each partition: 1 for jobs, so that others may take what waits; more for
        short work. Nothing is fetched beyond ``slots * ahead`` in all.
    health : Health
        Where trouble with the bus is told.
    probe : Probe
        Hears the steps.
    part : str
        Name of this consumer among the troubles.
    batch : coroutine function, optional
        Deals with records of one partition that wait already, at once. Returns how many of them, from the
        first on, are dealt with, and how many of those after them are to be attempted one by one. One of the
        two is more than 0.
    """

    def __init__(
        self,
        attempt: Attempt,
        *,
        slots: int,
        ahead: int,
        health: Health,
        probe: Probe,
        part: str = "bus",
        batch: Batch | None = None,
    ) -> None:
        self._attempt = attempt
        self._batch = batch
        self._slots = asyncio.Semaphore(slots)
        self._ahead = ahead
        self._limit = slots * ahead
        self._health = health
        self._probe = probe
        self.part = part
        self._lanes: dict[TopicPartition, Lane] = {}
        self._consumer: Consumer | None = None
        self._paused = False
        self._closing = asyncio.Event()
        self._freed = asyncio.Event()
        self._fault: Exception | None = None

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Commit what is done and forget what waits; what is in hand runs on, for its result is idempotent."""
        with contextlib.suppress(TransientError):  # then it is given again, and dropped by the inbox
            await self._commit()
        for partition in partitions:
            lane = self._lanes.get(partition)
            if lane is not None:
                lane.waiting.clear()
                lane.ours, lane.done_to, lane.again_to, lane.singly = False, None, 0, 0

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
        return sum(lane.load for lane in self._lanes.values())

    async def run(self, consumer: Consumer) -> None:
        """Fetch and feed until ``drain`` was called and nothing is in hand.

        Raises
        ------
        Exception
            Whatever the processor raised, which it must not; its record stays uncommitted.
        """
        self._consumer = consumer
        try:
            while (not self._closing.is_set() or self.in_hand) and self._fault is None:
                await self._told(self._turn(consumer))
        finally:
            await self._end_tasks()
        if self._fault is not None:
            raise self._fault
        await self._told(self._commit())

    def drain(self) -> None:
        """Take on nothing new for ever; ``run`` returns when what is being worked on is done."""
        self._closing.set()
        self._freed.set()
        for lane in self._lanes.values():
            lane.waiting.clear()

    def abandon(self) -> None:
        """Cancel what is in hand; it is delivered again to whoever comes next."""
        self.drain()
        for lane in self._lanes.values():
            if lane.task is not None:
                lane.task.cancel()

    @property
    def _open(self) -> bool:
        return not (self._paused or self._closing.is_set())

    async def _told(self, step: Awaitable[None]) -> None:
        try:
            await step
        except TransientError as error:
            self._health.trouble(self.part, str(error))
            log.warning("%s: %s", self.part, error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), FETCH_S)
        else:
            self._health.well(self.part)

    async def _turn(self, consumer: Consumer) -> None:
        room = self._limit - sum(lane.load for lane in self._lanes.values() if not lane.resting)
        takes = self._open and room > 0
        self._set_pauses(consumer, everything=not takes)
        if not takes:
            await self._until_freed()
        records = await consumer.fetch(
            max_records=min(max(room, 1), self._ahead), timeout_s=FETCH_S if takes else 0.0
        )
        if self._open:
            for record in records:
                self._take(record)
        else:  # paused or closed while the fetch was under way
            await _put_back(consumer, records)
        await self._commit()

    def _take(self, record: Record) -> None:
        lane = self._lanes.setdefault(record.topic_partition, Lane())
        if lane.comes_again(record):
            return
        lane.waiting.append(record)
        if lane.task is None:
            lane.task = asyncio.create_task(self._drive(lane))

    async def _until_freed(self) -> None:
        self._freed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._freed.wait(), BEAT_S)

    def _set_pauses(self, consumer: Consumer, *, everything: bool) -> None:
        owned = consumer.assignment()
        busy = {at for at, lane in self._lanes.items() if lane.resting or lane.load >= self._ahead}
        wanted = owned if everything else owned & busy
        try:
            consumer.pause(wanted - consumer.paused())
            consumer.resume(consumer.paused() - wanted)
        except NotAssigned:
            return  # a rebalance came between; the next turn sets them anew

    async def _drive(self, lane: Lane) -> None:
        try:
            while lane.waiting:
                if self._batch is None or lane.singly or len(lane.waiting) == 1:
                    await self._deal(lane, lane.take(1)[0])
                else:
                    await self._deal_at_once(lane, self._batch)
                self._freed.set()
        except Exception as error:  # noqa: BLE001  carried to ``run``, which raises it
            self._fault = error
        finally:
            lane.in_hand, lane.resting, lane.task = [], False, None
            self._freed.set()

    async def _deal_at_once(self, lane: Lane, batch: Batch) -> None:
        async with self._slots:
            if records := lane.take(BATCH):
                done, singly = await batch(records)
                if lane.ours:
                    lane.singly = singly
                lane.put_down(done)
        if self._closing.is_set():
            lane.waiting.clear()

    async def _deal(self, lane: Lane, record: Record) -> None:
        """Make attempts until the record is dealt with, or is not ours to deal with any more."""
        failed = 0
        while True:
            async with self._slots:
                if self._closing.is_set() or not lane.ours:
                    lane.in_hand = []
                    return
                delay_s = await self._attempt(record, failed)
            if delay_s is None:
                lane.singly = max(lane.singly - 1, 0)
                lane.put_down(1)
                return
            failed += 1
            lane.resting = True
            self._freed.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), delay_s)
            lane.resting = False

    async def _commit(self) -> None:
        if self._consumer is None:
            return
        owned = self._consumer.assignment()
        done = {
            at: lane.done_to for at, lane in self._lanes.items() if lane.done_to is not None and at in owned
        }
        if not done:
            return
        try:
            await self._consumer.commit(done)
        except CommitFailed as error:
            for partition in error.partitions:
                self._lanes[partition].done_to = None
            return
        for partition, offset in done.items():
            if self._lanes[partition].done_to == offset:
                self._lanes[partition].done_to = None
        self._probe.at(Step.OFFSET_COMMITTED)

    async def _end_tasks(self) -> None:
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
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
