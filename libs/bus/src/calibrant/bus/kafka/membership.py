"""What a group tells its member, kept until the member asks for it.

Owns the meeting of aiokafka's background, where rebalances happen, and `fetch`, where our listeners hear of them.
Must not know records.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiokafka

from calibrant.bus.records import TopicPartition


@dataclass(slots=True)
class Turn:
    """One step of a rebalance: what is owned from now on, or None: all that was owned is about to go."""

    owned: frozenset[TopicPartition] | None
    taken: asyncio.Event = field(default_factory=asyncio.Event)


class Membership(aiokafka.ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Holds up a rebalance at each step until it was taken."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._released = False

    def next_turn(self) -> Turn | None:
        """Give the step to be taken now."""
        return self._turns.popleft() if self._turns else None

    @property
    def in_rebalance(self) -> bool:
        """Whether a step waits to be taken."""
        return bool(self._turns)

    def wake(self, waiter: asyncio.Future[None] | None) -> None:
        """End this future, too, when there is a step to be taken."""
        self._waiter = waiter

    def release(self) -> None:
        """Hold up nothing any more: the member leaves."""
        self._released = True
        while turn := self.next_turn():
            turn.taken.set()

    async def on_partitions_revoked(self, revoked: Iterable[aiokafka.TopicPartition]) -> None:  # noqa: ARG002
        """Hear it from aiokafka; it revokes all, always."""
        await self._hold(Turn(None))

    async def on_partitions_assigned(self, assigned: Iterable[aiokafka.TopicPartition]) -> None:
        """Hear it from aiokafka."""
        await self._hold(Turn(frozenset(TopicPartition(at.topic, at.partition) for at in assigned)))

    async def _hold(self, turn: Turn) -> None:
        if self._released:
            return
        self._turns.append(turn)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        await turn.taken.wait()
