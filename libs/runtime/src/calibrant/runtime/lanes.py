"""Lanes: records of one partition one after the other, partitions side by side: for short work.

Owns the order, waiting between attempts, and what goes into a batch. Knows neither messages nor handlers: it is
given a coroutine that makes one attempt at one record, and perhaps another that deals with several at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from calibrant.bus.ports import Consumer, Record, TopicPartition
from calibrant.runtime.feed import Attempt, Feed
from calibrant.runtime.health import Health
from calibrant.runtime.lane import Lane
from calibrant.runtime.probe import Probe

Batch = Callable[[Sequence[Record]], Awaitable[tuple[int, int]]]
BATCH = 2000
"""Most records dealt with at once."""


class Lanes(Feed[Lane]):
    """Feeds records from a consumer to a processor; the consumer's listener.

    Parameters
    ----------
    attempt : coroutine function
        Makes one attempt at a record, given how many have failed. Returns None when the record is dealt with,
        or the seconds to wait before the next attempt; never raises for what is wrong with the record.
    slots : int
        Attempts made at the same time. A record that waits for its next attempt takes none.
    ahead : int
        Records fetched ahead for each partition. Nothing is fetched beyond ``slots * ahead`` in all, but for what
        waits behind a record between two attempts: ``ahead`` more for each such partition.
    ahead_bytes : int
        The same in bytes; what one fetch gives may come on top.
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
        ahead_bytes: int,
        health: Health,
        probe: Probe,
        part: str = "bus",
        batch: Batch | None = None,
    ) -> None:
        super().__init__(health=health, probe=probe, part=part)
        self._attempt = attempt
        self._batch = batch
        self._slots = asyncio.Semaphore(slots)
        self._ahead = ahead
        self._ahead_bytes = ahead_bytes
        self._limit, self._limit_bytes = slots * ahead, slots * ahead_bytes

    async def run(self, consumer: Consumer) -> None:
        """Fetch and feed until ``drain`` was called and nothing is in hand.

        Raises
        ------
        Exception
            Whatever the processor raised, which it must not; its record stays uncommitted.
        """
        self._consumer = consumer
        await self._go_on(lambda: self._turn(consumer))

    def _room(self) -> tuple[int, int]:
        lanes = [lane for lane in self._shares.values() if not lane.resting]
        if sum(lane.load_bytes for lane in lanes) >= self._limit_bytes:
            return 0, self._ahead
        return self._limit - sum(lane.load for lane in lanes), self._ahead

    def _full(self) -> set[TopicPartition]:
        return {at for at, lane in self._shares.items() if lane.resting or self._is_full(lane)}

    def _is_full(self, lane: Lane) -> bool:
        return lane.load >= self._ahead or lane.load_bytes >= self._ahead_bytes

    def _take(self, record: Record) -> None:
        at = record.topic_partition
        lane = self._shares.get(at)
        if lane is None:
            lane = self._shares[at] = Lane()
        if lane.comes_again(record):
            return
        lane.give(record)
        if lane.task is None:
            lane.task = asyncio.create_task(self._drive(lane))

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
            lane.let_go()
            lane.resting, lane.task = False, None
            self._freed.set()

    async def _deal_at_once(self, lane: Lane, batch: Batch) -> None:
        async with self._slots:
            if records := lane.take(BATCH):
                done, singly = await batch(records)
                if lane.ours:
                    lane.singly = singly
                lane.put_down(done)
        if self._closing.is_set():
            lane.close()

    async def _deal(self, lane: Lane, record: Record) -> None:
        """Make attempts until the record is dealt with, or is not ours to deal with any more."""
        failed = 0
        while True:
            async with self._slots:
                if self._closing.is_set() or not lane.ours:
                    lane.let_go()
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
