"""Reading the embedded log as a member of a group.

Owns one member's view: what it owns, its positions and pauses, and its part in a rebalance. The rules of
groups are in `groups`, the records in `log`.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Self

from calibrant.bus.embedded import groups, log
from calibrant.bus.embedded.engine import Engine
from calibrant.bus.embedded.wakeups import Waiter
from calibrant.bus.errors import BusUnavailable, CommitFailed, NotAssigned
from calibrant.bus.ports import RebalanceListener
from calibrant.bus.records import Record, TopicPartition

_LOG = logging.getLogger(__name__)
_BEATS_PER_SESSION = 10


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the group (its generation, None: we were expired; settled or not) and at the log."""

    generation: int | None
    settled: bool
    taken: log.Taken


class EmbeddedConsumer:
    """`calibrant.bus.ports.Consumer` on a file.

    Parameters
    ----------
    engine
        The log.
    group, topics, listener
        As in `calibrant.bus.ports.Bus.consumer`.
    still_open
        Where it is listed between entering and closing, for the bus to close what was left open.
    """

    def __init__(
        self,
        engine: Engine,
        group: str,
        topics: Sequence[str],
        listener: RebalanceListener | None,
        still_open: set["EmbeddedConsumer"],
    ) -> None:
        self._engine = engine
        self._still_open = still_open
        self._group = group
        self._topics = tuple(dict.fromkeys(topics))
        self._listener = listener
        self._waiter = Waiter(self._topics)
        self._member: groups.Member | None = None
        self._beaten_ns = 0
        self._assigned = False
        self._owned: dict[TopicPartition, groups.Owned] = {}
        self._paused: set[TopicPartition] = set()
        self._turn = 0

    async def __aenter__(self) -> Self:
        """Join the group."""
        await self._join()
        self._engine.wakeups.add(self._waiter)
        self._still_open.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the group."""
        await self.close()

    async def close(self) -> None:
        """Leave the group; a second call does nothing."""
        member, self._member = self._member, None
        self._forget()
        self._engine.wakeups.remove(self._waiter)
        self._still_open.discard(self)
        if member is None:
            return
        try:
            await self._engine.leave(self._group, member.id)
        except BusUnavailable as error:
            _LOG.warning("group %s learns of a leave by the session time-out only: %s", self._group, error)

    async def fetch(self, *, max_records: int, timeout_s: float) -> Sequence[Record]:
        """Give the next records; see `calibrant.bus.ports.Consumer.fetch`."""
        if max_records < 1:
            raise ValueError(f"max_records must be at least 1: {max_records}")
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_s
        while True:
            self._waiter.clear()
            records = await self._advance(max_records)
            left_s = end_s - loop.time()
            if records or left_s <= 0:
                return records
            await self._waiter.wait(min(left_s, self._engine.session_ns / _BEATS_PER_SESSION / 1e9))

    def assignment(self) -> frozenset[TopicPartition]:
        """Tell what is owned now."""
        return frozenset(self._owned)

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Give nothing of these."""
        self._check_owned(partitions)
        self._paused.update(partitions)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Give records of these again."""
        self._check_owned(partitions)
        self._paused.difference_update(partitions)
        self._waiter.wake()

    def paused(self) -> frozenset[TopicPartition]:
        """Tell what is owned and paused now."""
        return frozenset(self._paused)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store where the group goes on; see `calibrant.bus.ports.Consumer.commit`."""
        if missing := sorted(offsets.keys() - self._owned.keys()):
            raise CommitFailed(missing)
        if negative := [offset for offset in offsets.values() if offset < 0]:
            raise ValueError(f"an offset is at least 0: {negative}")
        if not offsets:
            return
        rows = {self._owned[partition].partition_id: offset for partition, offset in offsets.items()}
        work = partial(groups.commit, group=self._group, member=self._joined(), offsets=rows)
        # Waiting for the disk would hold up whoever sends: the log has one writer at a time.
        if not await self._engine.database.write(work, durable=False):
            raise CommitFailed(sorted(offsets))

    async def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at this offset."""
        self._check_owned([partition])
        if offset < 0:
            raise ValueError(f"an offset is at least 0: {offset}")
        self._owned[partition] = replace(self._owned[partition], position=offset)
        self._waiter.wake()

    async def position(self, partition: TopicPartition) -> int:
        """Tell the offset that the next fetch starts at."""
        self._check_owned([partition])
        return self._owned[partition].position

    async def _advance(self, max_records: int) -> list[Record]:
        """Take part in whatever rebalance there is, then take what records there are."""
        await self._beat()
        while True:
            wanted = self._wanted()
            seen = await self._engine.database.read(partial(self._look, wanted=wanted, limit=max_records))
            if seen.generation is None:
                await self._revoke()
                await self._join()
            elif seen.generation != self._joined().generation:
                await self._revoke()
                await self._agree(seen.generation)
            elif seen.settled and not self._assigned:
                await self._assign()
            else:
                return self._accept(seen.taken, {partition: offset for partition, _, offset in wanted})

    def _look(
        self, connection: sqlite3.Connection, *, wanted: list[tuple[TopicPartition, int, int]], limit: int
    ) -> _Look:
        member = self._joined()
        generation = groups.target(connection, self._group, member.id)
        if generation != member.generation:
            return _Look(generation, settled=False, taken={})
        if not self._assigned:
            return _Look(generation, groups.settled(connection, self._group, generation), {})
        return _Look(generation, settled=True, taken=log.take(connection, wanted, limit))

    def _wanted(self) -> list[tuple[TopicPartition, int, int]]:
        """List what to read on from, starting with another partition each time so that none starves."""
        ready = [
            (partition, owned.partition_id, owned.position)
            for partition, owned in self._owned.items()
            if partition not in self._paused
        ]
        self._turn += 1
        start = self._turn % len(ready) if ready else 0
        return ready[start:] + ready[:start]

    def _accept(self, taken: log.Taken, asked: Mapping[TopicPartition, int]) -> list[Record]:
        """Advance past what was read, without what was paused or sought elsewhere meanwhile."""
        accepted: list[Record] = []
        for partition, records in taken.items():
            owned = self._owned.get(partition)
            if partition in self._paused or owned is None or owned.position != asked[partition]:
                continue
            self._owned[partition] = replace(owned, position=records[-1].offset + 1)
            accepted += records
        return accepted

    async def _beat(self) -> None:
        presence = self._engine.presence(self._group)
        if abs(presence.now_ns - self._beaten_ns) * _BEATS_PER_SESSION < presence.session_ns:
            return
        work = partial(groups.beat, presence=presence, member_id=self._joined().id)
        if await self._engine.database.write(work, durable=False):
            self._engine.wakeups.wake()
        self._beaten_ns = presence.now_ns

    async def _join(self) -> None:
        presence = self._engine.presence(self._group)
        work = partial(groups.join, presence=presence, topics=self._topics)
        self._member = await self._engine.database.write(work)
        self._beaten_ns = presence.now_ns
        self._engine.wakeups.wake()

    async def _revoke(self) -> None:
        """Let go of everything; commits are taken until the listener has returned."""
        if self._owned and self._listener is not None:
            await self._listener.on_revoked(self.assignment())
        self._forget()

    async def _agree(self, generation: int) -> None:
        member = replace(self._joined(), generation=generation)
        await self._engine.database.write(partial(groups.agree, member=member), durable=False)
        self._member = member
        self._engine.wakeups.wake()

    async def _assign(self) -> None:
        owned = await self._engine.database.read(self._assignment)
        if owned is None:
            return
        self._owned = owned
        self._assigned = True
        if self._listener is not None:
            await self._listener.on_assigned(self.assignment())

    def _assignment(self, connection: sqlite3.Connection) -> dict[TopicPartition, groups.Owned] | None:
        member = self._joined()
        if not groups.settled(connection, self._group, member.generation):
            return None
        return groups.assignment(connection, self._group, member.id)

    def _forget(self) -> None:
        self._owned = {}
        self._paused = set()
        self._assigned = False

    def _joined(self) -> groups.Member:
        if self._member is None:
            raise BusUnavailable(
                f"a consumer of group {self._group!r} is not open: enter it with 'async with'"
            )
        return self._member

    def _check_owned(self, partitions: Collection[TopicPartition]) -> None:
        if missing := sorted(set(partitions) - self._owned.keys()):
            raise NotAssigned(missing)
