"""A consumer in memory and a processor whose attempts wait to be let go, for tests of lanes.

Owns no expectations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

from calibrant.bus.errors import CommitFailed, NotAssigned
from calibrant.bus.ports import RebalanceListener, Record, TopicPartition

A: Final = TopicPartition("t", 0)
B: Final = TopicPartition("t", 1)
PATIENCE_S = 20.0


class MemoryLog:
    """A consumer of two partitions in memory; each fetch gives way to other tasks.

    Parameters
    ----------
    a, b : int
        How many records are in each partition.
    value : bytes
        What each of them holds.
    """

    def __init__(self, a: int = 0, b: int = 0, value: bytes = b"") -> None:
        self.value = value
        self.lengths = {A: a, B: b}
        self.owned = frozenset(self.lengths)
        self.positions = dict.fromkeys(self.lengths, 0)
        self.committed = dict.fromkeys(self.lengths, 0)
        self.commits: list[dict[TopicPartition, int]] = []
        self.pauses: set[TopicPartition] = set()
        self.failures: list[Exception] = []
        self.before_return: Callable[[Sequence[Record]], Awaitable[None]] | None = None
        self.fetches = 0
        self.most = 1 << 30

    async def __aenter__(self) -> Self:
        """Do nothing."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""

    async def fetch(self, *, max_records: int, timeout_s: float) -> list[Record]:
        """Give the next records, from another partition first each time; never wait."""
        assert timeout_s >= 0
        self.fetches += 1
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        found: list[Record] = []
        for at in sorted(self.owned - self.pauses, reverse=self.fetches % 2 == 0):
            while self.positions[at] < self.lengths[at] and len(found) < min(max_records, self.most):
                found.append(Record(at.topic, at.partition, self.positions[at], None, self.value, (), 0))
                self.positions[at] += 1
        if self.before_return is not None:
            await self.before_return(found)
        return found

    def assignment(self) -> frozenset[TopicPartition]:
        """Tell what is owned."""
        return self.owned

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Give nothing of these."""
        if not set(partitions) <= self.owned:
            raise NotAssigned(sorted(partitions))
        self.pauses |= set(partitions)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Give records of these again."""
        self.pauses -= set(partitions)

    def paused(self) -> frozenset[TopicPartition]:
        """Tell what is paused."""
        return frozenset(self.pauses)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Write offsets down."""
        if missing := sorted(set(offsets) - self.owned):
            raise CommitFailed(missing)
        self.commits.append(dict(offsets))
        self.committed.update(offsets)

    async def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at this offset."""
        if partition not in self.owned:
            raise NotAssigned([partition])
        self.positions[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        """Tell where the next fetch starts."""
        return self.positions[partition]

    async def rebalance(self, listener: RebalanceListener) -> None:
        """Take everything away and give it back, from where the group has committed."""
        await listener.on_revoked(self.owned)
        self.pauses = set()
        self.positions = dict(self.committed)
        await listener.on_assigned(self.owned)


class MemoryBus:
    """A bus whose only consumer is one in memory."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.joined = 0

    def consumer(self, group: str, topics: Sequence[str], *, listener: RebalanceListener) -> MemoryLog:
        """Give the consumer, from where the group has committed."""
        assert (group, topics) == ("g", ["t"])
        assert listener is not None
        self.joined += 1
        self._log.pauses = set()
        self._log.positions = dict(self._log.committed)
        return self._log

    async def end_offsets(self, topics: Collection[str]) -> Mapping[TopicPartition, int]:
        """Tell how long the partitions are."""
        assert topics == ["t"]
        return self._log.lengths


@asynccontextmanager
async def at_work(run: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Let lanes run, and end them with the block if they have not ended before."""
    running = asyncio.create_task(run)
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Hands:
    """A processor whose every attempt waits at a gate of its own, unless all are open."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.ended: list[tuple[int, int]] = []
        self.answers: dict[tuple[int, int], list[float | Exception]] = {}
        self.gates: dict[tuple[int, int], asyncio.Event] = {}
        self.open = False

    def gate(self, partition: int, offset: int) -> asyncio.Event:
        """Give the gate of a record."""
        return self.gates.setdefault((partition, offset), asyncio.Event())

    async def attempt(self, record: Record, failed: int) -> float | None:
        """Wait, then answer as told: an error, seconds to wait, or done."""
        name = (record.partition, record.offset)
        self.begun.append(name)
        if not self.open:
            await self.gate(*name).wait()
        answers = self.answers.get(name, [])
        if failed >= len(answers):
            self.ended.append(name)
            return None
        answer = answers[failed]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def until(true: Callable[[], object]) -> None:
    """Let other tasks go on until something is true.

    Raises
    ------
    TimeoutError
        It does not come true.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  what is waited for is told by nobody
            await asyncio.sleep(0)
