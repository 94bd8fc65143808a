"""Jobs of one partition side by side, in whatever order; who is busy for long lets others have its partitions.

Owns how many records are in hand, waiting between attempts, and letting go. Knows neither jobs nor how they are
computed: it is given a coroutine that makes one attempt at one record.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from calibrant.bus.errors import TransientError
from calibrant.bus.ports import Consumer, Record, TopicPartition
from calibrant.runtime.feed import Attempt, Feed
from calibrant.runtime.health import Health
from calibrant.runtime.job_lane import JobLane
from calibrant.runtime.membership import Membership
from calibrant.runtime.probe import Probe

log = logging.getLogger(__name__)
RESTING = 256
"""Most records in hand beyond the number of slots: those wait for their next attempt."""
BEHIND = 1024
"""Most records of a partition that are not committed because one before them is in hand; beyond it the partition is
paused. So many, each done, may be given again after a rebalance, and are dropped by the inbox."""
LONGER = 2.0
"""By how much it waits longer each time before it lets go, until it was idle in between: who has little use of
letting go must not keep its group busy with changes."""


class JobLanes(Feed[JobLane]):
    """Feeds jobs to a processor; its membership's listener.

    Parameters
    ----------
    attempt : coroutine function
        Makes one attempt at a record, given how many have failed. Returns None when the record is dealt with,
        or the seconds to wait before the next attempt; never raises for what is wrong with the record.
    slots : int
        Attempts made at the same time; so many records are in hand, beside those that wait for their next attempt.
    let_go_s : float
        How long all slots may be busy, while something waits in partitions that are ours, before they are left to
        other members, in seconds.
    health : Health
        Where trouble with the bus is told.
    probe : Probe
        Hears the steps.
    part : str
        Name of this consumer among the troubles.
    """

    def __init__(
        self,
        attempt: Attempt,
        *,
        slots: int,
        let_go_s: float,
        health: Health,
        probe: Probe,
        part: str = "bus",
    ) -> None:
        super().__init__(health=health, probe=probe, part=part)
        self._attempt = attempt
        self._number = slots
        self._slots = asyncio.Semaphore(slots)
        self._let_go_s = self._patience_s = let_go_s
        self._busy_since_s: float | None = None

    async def run(self, membership: Membership) -> None:
        """Fetch and feed until ``drain`` was called and nothing is in hand.

        Raises
        ------
        Exception
            Whatever the processor raised, which it must not; its record stays uncommitted.
        """
        self._consumer = membership.consumer
        await self._go_on(lambda: self._step(membership))

    async def _step(self, membership: Membership) -> None:
        if membership.consumer is None:
            if not self._open or self._room()[0] <= 0:
                await self._until_freed()
                return
            await membership.join()
            self._consumer = membership.consumer
        elif await self._has_had_enough(membership):
            await self._let_go(membership, membership.consumer)
            return
        assert membership.consumer is not None
        await self._turn(membership.consumer)

    async def _has_had_enough(self, membership: Membership) -> bool:
        """Tell whether all slots are busy for so long that others should be given what waits."""
        now_s = asyncio.get_running_loop().time()
        if not self._open or self._active() < self._number:
            self._busy_since_s = None
            return False
        if self._busy_since_s is None:
            self._busy_since_s = now_s
        if now_s - self._busy_since_s < self._patience_s or not await membership.keeps_waiting():
            return False
        self._patience_s *= LONGER
        return True

    async def _let_go(self, membership: Membership, consumer: Consumer) -> None:
        """Leave the group; what is in hand goes on, and is not committed: whoever is given it again waits for it."""
        owned = consumer.assignment()
        log.info("%s: busy, so others are given what waits in %d partitions", self.part, len(owned))
        with contextlib.suppress(TransientError):
            await self._commit()
        self._consumer, self._busy_since_s = None, None
        for lane in self._shares.values():
            lane.lose()
        await membership.leave()
        self._health.count("let_go")

    def _room(self) -> tuple[int, int]:
        return min(self._number - self._active(), self._number + RESTING - self.in_hand), 1

    def _full(self) -> set[TopicPartition]:
        return {at for at, lane in self._shares.items() if len(lane.given) >= BEHIND}

    def _take(self, record: Record) -> None:
        self._patience_s = self._let_go_s if self._active() == 0 else self._patience_s
        lane = self._shares.setdefault(record.topic_partition, JobLane())
        if lane.takes(record.offset):
            lane.at_work[record.offset] = asyncio.create_task(self._drive(lane, record))

    def _active(self) -> int:
        return sum(len(lane.at_work) - len(lane.resting) for lane in self._shares.values())

    async def _drive(self, lane: JobLane, record: Record) -> None:
        done = False
        try:
            done = await self._deal(lane, record)
        except Exception as error:  # noqa: BLE001  carried to ``run``, which raises it
            self._fault = error
        finally:
            lane.put_down(record.offset, done=done)
            self._freed.set()

    async def _deal(self, lane: JobLane, record: Record) -> bool:
        """Make attempts until the record is dealt with, or is not ours to deal with any more."""
        failed = 0
        while True:
            async with self._slots:
                if self._closing.is_set() or record.offset not in lane.given:
                    return False
                delay_s = await self._attempt(record, failed)
            if delay_s is None:
                return True
            failed += 1
            lane.resting.add(record.offset)
            self._freed.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._closing.wait()
            lane.resting.discard(record.offset)
