"""A place in a group that may be given up for a while and taken again.

Owns the consumer. When to give it up is decided in ``job_lanes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from calibrant.bus.errors import NotAssigned
from calibrant.bus.ports import Bus, Consumer, RebalanceListener


@dataclass(slots=True)
class Membership:
    """A member of a group, from the start to the end of a block, but for when it has left.

    Parameters
    ----------
    bus, group, topics, listener
        As in ``calibrant.bus.ports.Bus.consumer``.
    consumer
        What it reads with; None while it has left.
    """

    bus: Bus
    group: str
    topics: Sequence[str]
    listener: RebalanceListener
    consumer: Consumer | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        """Join the group."""
        await self.join()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the group for good."""
        await self.leave()

    async def join(self) -> None:
        """Become a member.

        Raises
        ------
        BusUnavailable
            The log is away.
        """
        self.consumer = await self.bus.consumer(self.group, self.topics, listener=self.listener).__aenter__()

    async def leave(self) -> None:
        """Stop being a member; who has left does nothing."""
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            await consumer.__aexit__(None, None, None)

    async def keeps_waiting(self) -> bool:
        """Tell whether there is anything in what it owns that it has not read.

        Raises
        ------
        BusUnavailable
            The log is away.
        """
        if self.consumer is None:
            return False
        ends = await self.bus.end_offsets(self.topics)
        try:
            for partition in self.consumer.assignment():
                if await self.consumer.position(partition) < ends[partition]:
                    return True
        except NotAssigned:
            return False  # a rebalance came between; the next look will tell
        return False
