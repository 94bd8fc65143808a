"""Reading Kafka as a member of a group.

Owns one member's view: what it owns, its part in a rebalance, and the replacement of an inner consumer that died.
Offsets and groups are Kafka's, the meeting with aiokafka's background is in `membership`.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import aiokafka
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from calibrant.bus.errors import BusUnavailable, CalibrantError, CommitFailed, NotAssigned
from calibrant.bus.kafka import inside
from calibrant.bus.kafka.conversion import to_kafka
from calibrant.bus.kafka.failures import translated
from calibrant.bus.kafka.membership import Membership
from calibrant.bus.kafka.taking import take
from calibrant.bus.kafka.topics import Topics
from calibrant.bus.ports import RebalanceListener
from calibrant.bus.records import Record, TopicPartition

_LOG = logging.getLogger(__name__)
_BEAT_S: Final = 1.0


class KafkaConsumer:
    """`calibrant.bus.ports.Consumer` on Kafka.

    Parameters
    ----------
    cluster
        The topics of the bus.
    group, topics, listener
        As in `calibrant.bus.ports.Bus.consumer`.
    still_open
        Where it is listed between entering and closing, for the bus to close what was left open.
    """

    def __init__(
        self,
        cluster: Topics,
        group: str,
        topics: Sequence[str],
        listener: RebalanceListener | None,
        still_open: set["KafkaConsumer"],
    ) -> None:
        self._cluster = cluster
        self._options = cluster.options
        self._group = group
        self._topics = tuple(dict.fromkeys(topics))
        self._listener = listener
        self._still_open = still_open
        self._open = False
        self._inner: aiokafka.AIOKafkaConsumer | None = None
        self._membership = Membership()
        self._owned: frozenset[TopicPartition] = frozenset()
        self._settled = False
        self._turn = 0

    async def __aenter__(self) -> Self:
        """Join the group."""
        await self._cluster.leaders(self._topics)
        self._open = True
        await self._joined()
        self._still_open.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the group."""
        await self.close()

    async def close(self) -> None:
        """Leave the group; a second call does nothing."""
        self._open = False
        self._still_open.discard(self)
        inner, self._inner = self._inner, None
        self._owned, self._settled = frozenset(), False
        self._membership.release()
        if inner is None:
            return
        try:
            async with asyncio.timeout(self._options.request_timeout_s):
                await inner.stop()
        except (KafkaError, OSError) as error:
            _LOG.warning("group %s learns of a leave by the session time-out only: %s", self._group, error)
            await inside.abandon_consumer(inner)

    async def fetch(self, *, max_records: int, timeout_s: float) -> Sequence[Record]:
        """Give the next records; see `calibrant.bus.ports.Consumer.fetch`."""
        if max_records < 1:
            raise ValueError(f"max_records must be at least 1: {max_records}")
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_s
        while True:
            inner = await self._joined()
            inside.touch(inner)
            await self._take_turns()
            with translated(f"be read by group {self._group!r}"):
                records = await self._take(inner, max_records)
                left_s = end_s - loop.time()
                if records or left_s <= 0:
                    return records
                await self._wait(inner, min(left_s, _BEAT_S))

    def assignment(self) -> frozenset[TopicPartition]:
        """Tell what is owned now."""
        return self._owned

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Give nothing of these."""
        self._inner_of(partitions).pause(*map(to_kafka, partitions))

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Give records of these again."""
        self._inner_of(partitions).resume(*map(to_kafka, partitions))

    def paused(self) -> frozenset[TopicPartition]:
        """Tell what is owned and paused now."""
        if self._inner is None or not self._owned:
            return frozenset()
        paused = {TopicPartition(at.topic, at.partition) for at in self._inner.paused()}
        return self._owned & paused

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store where the group goes on; see `calibrant.bus.ports.Consumer.commit`."""
        if missing := sorted(offsets.keys() - self._owned):
            raise CommitFailed(missing)
        if negative := [offset for offset in offsets.values() if offset < 0]:
            raise ValueError(f"an offset is at least 0: {negative}")
        if not offsets:
            return
        inner = self._inner_of(offsets.keys())
        with translated(f"store offsets of group {self._group!r}"):
            try:
                async with asyncio.timeout(self._options.request_timeout_s):
                    await inner.commit({to_kafka(at): offset for at, offset in offsets.items()})
            except (CommitFailedError, IllegalStateError) as error:
                raise CommitFailed(sorted(offsets)) from error

    async def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at this offset."""
        inner = self._inner_of([partition])
        if offset < 0:
            raise ValueError(f"an offset is at least 0: {offset}")
        inner.seek(to_kafka(partition), offset)

    async def position(self, partition: TopicPartition) -> int:
        """Tell the offset that the next fetch starts at."""
        inner = self._inner_of([partition])
        with translated(f"tell the position in {partition.topic}[{partition.partition}]"):
            async with asyncio.timeout(self._options.request_timeout_s):
                offset: int = await inner.position(to_kafka(partition))
                return offset

    async def _joined(self) -> aiokafka.AIOKafkaConsumer:
        """Give the inner consumer, a new one if there is none or it has died."""
        if not self._open:
            raise BusUnavailable(
                f"a consumer of group {self._group!r} is not open: enter it with 'async with'"
            )
        if self._inner is not None and inside.has_died(self._inner):
            _LOG.warning("group %s is joined anew: its client has failed", self._group)
            await self._revoke()
            self._membership.release()
            inner, self._inner = self._inner, None
            await inside.abandon_consumer(inner)
        if self._inner is None:
            self._membership = Membership()
            self._inner = await self._started(self._membership)
        return self._inner

    async def _started(self, membership: Membership) -> aiokafka.AIOKafkaConsumer:
        inner = aiokafka.AIOKafkaConsumer(**self._options.member(self._group))
        try:
            with translated(f"let us join group {self._group!r}"):
                async with asyncio.timeout(self._options.request_timeout_s):
                    await inner.start()
        except BaseException:
            await inside.abandon_consumer(inner)
            raise
        inner.subscribe(self._topics, listener=membership)
        return inner

    async def _take_turns(self) -> None:
        """Take part in whatever rebalance there is."""
        while turn := self._membership.next_turn():
            try:
                if turn.owned is None:
                    await self._revoke()
                else:
                    self._owned, self._settled = turn.owned, True
                    if self._listener is not None:
                        await self._listener.on_assigned(turn.owned)
            finally:
                turn.taken.set()

    async def _revoke(self) -> None:
        """Let go of everything; commits are taken until the listener has returned."""
        try:
            if self._owned and self._listener is not None:
                await self._listener.on_revoked(self._owned)
        finally:
            self._owned, self._settled = frozenset(), False

    async def _take(self, inner: aiokafka.AIOKafkaConsumer, limit: int) -> list[Record]:
        """Take what has come, from another partition first each time so that none starves."""
        if not self._settled or not self._owned or self._membership.in_rebalance:
            return []
        self._turn += 1
        owned = sorted(self._owned)
        first = owned[self._turn % len(owned)]
        taken: list[Record] = []
        for at in (first, *sorted(self._owned & inside.fetched(inner) - {first})):
            if len(taken) == limit:
                break
            try:
                taken += await take(self._cluster, inner, at, limit - len(taken))
            except (KafkaError, CalibrantError):
                if not taken:
                    raise
                break  # what is taken would be lost; the error comes again
        return taken

    async def _wait(self, inner: aiokafka.AIOKafkaConsumer, seconds: float) -> None:
        """Wait for data, a step of a rebalance, or an error, which is raised."""
        waiter = inside.data_waiter(inner)
        self._membership.wake(waiter)
        try:
            if not self._membership.in_rebalance:
                await asyncio.wait([waiter], timeout=seconds)
            if waiter.done():
                waiter.result()
        finally:
            self._membership.wake(None)
            waiter.cancel()

    def _inner_of(self, partitions: Collection[TopicPartition]) -> aiokafka.AIOKafkaConsumer:
        if missing := sorted(set(partitions) - self._owned):
            raise NotAssigned(missing)
        if self._inner is None:
            raise NotAssigned(sorted(partitions))
        return self._inner
