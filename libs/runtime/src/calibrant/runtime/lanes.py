"""Lanes: records of one partition one after the other, partitions side by side, offsets committed in order.

Owns fetching, pausing while work is in hand, and committing the contiguous done prefix. Knows neither
messages nor handlers: it is given a coroutine that deals with one record.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from calibrant.bus.errors import CommitFailed, NotAssigned, TransientError
from calibrant.bus.ports import Consumer, Record, TopicPartition
from calibrant.runtime.health import Health
from calibrant.runtime.probe import Probe, Step

log = logging.getLogger(__name__)
FETCH_S = 0.25
BEAT_S = 1.0
"""How often a consumer that takes on nothing still fetches, to stay a member of its group."""


@dataclass(slots=True)
class _Lane:
    waiting: deque[Record] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    done_to: int | None = None  # offset of the next record to read, once something is done


class Lanes:
    """Feeds records from a consumer to a processor.

    Parameters
    ----------
    consumer : Consumer
        An open consumer whose listener is this object.
    process : coroutine function
        Deals with one record and never raises for what is wrong with the record.
    slots : int
        Records in hand at the same time. Nothing is fetched beyond ``slots * ahead``.
    ahead : int
        Records fetched for each slot: 1 for jobs, so that others may take what waits; more for short work.
    """

    def __init__(
        self,
        process: Callable[[Record], Awaitable[None]],
        *,
        slots: int,
        ahead: int,
        health: Health,
        probe: Probe,
    ) -> None:
        self._process = process
        self._slots = asyncio.Semaphore(slots)
        self._limit = slots * ahead
        self._health = health
        self._probe = probe
        self._lanes: dict[TopicPartition, _Lane] = {}
        self._open = True
        self._paused = False
        self._fault: BaseException | None = None
        self._freed = asyncio.Event()

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Forget what waits of partitions that go; what is in hand runs on, its result is idempotent."""
        for partition in partitions:
            lane = self._lanes.pop(partition, None)
            if lane is not None:
                lane.waiting.clear()

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
        return sum(len(lane.waiting) + (lane.task is not None) for lane in self._lanes.values())

    async def run(self, consumer: Consumer) -> None:
        """Fetch and feed until ``drain`` was called and nothing is in hand.

        Raises
        ------
        BaseException
            Whatever the processor raised, which it must not; its record stays uncommitted.
        """
        while self._open or self.in_hand:
            if self._fault is not None:
                raise self._fault
            try:
                await self._turn(consumer)
                self._health.well("bus")
            except TransientError as error:
                self._health.trouble("bus", str(error))
                log.warning("fetch: %s", error)
                await asyncio.sleep(FETCH_S)
        await self._commit(consumer)

    def drain(self) -> None:
        """Take on nothing new for ever; ``run`` returns when what is in hand is done."""
        self._open = False
        self._freed.set()
        for lane in self._lanes.values():
            lane.waiting.clear()

    def abandon(self) -> None:
        """Cancel what is in hand; it is delivered again to whoever comes next."""
        self.drain()
        for lane in self._lanes.values():
            if lane.task is not None:
                lane.task.cancel()

    async def _turn(self, consumer: Consumer) -> None:
        free = self._limit - self.in_hand
        takes = self._open and not self._paused and free > 0
        self._set_pauses(consumer, everything=not takes)
        if not takes:
            await self._until_freed()
        records = await consumer.fetch(max_records=max(free, 1), timeout_s=FETCH_S if takes else 0.0)
        for record in records:
            lane = self._lanes.setdefault(record.topic_partition, _Lane())
            lane.waiting.append(record)
            if lane.task is None:
                lane.task = asyncio.create_task(self._drive(lane))
        await self._commit(consumer)

    async def _until_freed(self) -> None:
        self._freed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._freed.wait(), BEAT_S)

    def _set_pauses(self, consumer: Consumer, *, everything: bool) -> None:
        owned = consumer.assignment()
        wanted = owned if everything else frozenset()
        try:
            consumer.pause(wanted - consumer.paused())
            consumer.resume(consumer.paused() - wanted)
        except NotAssigned:
            return  # a rebalance came between; the next turn sets them anew

    async def _drive(self, lane: _Lane) -> None:
        try:
            while lane.waiting:
                async with self._slots:
                    if not lane.waiting:
                        break
                    record = lane.waiting.popleft()
                    await self._process(record)
                    lane.done_to = record.offset + 1
                    self._freed.set()
        except Exception as error:  # noqa: BLE001  carried to ``run``, which raises it
            self._fault = error
        finally:
            lane.task = None
            self._freed.set()

    async def _commit(self, consumer: Consumer) -> None:
        done = {tp: lane.done_to for tp, lane in self._lanes.items() if lane.done_to is not None}
        if not done:
            return
        try:
            await consumer.commit(done)
        except CommitFailed as error:
            for partition in error.partitions:
                self._lanes.pop(partition, None)
            return
        for partition, offset in done.items():
            lane = self._lanes.get(partition)
            if lane is not None and lane.done_to == offset:
                lane.done_to = None
        self._probe.at(Step.OFFSET_COMMITTED)
