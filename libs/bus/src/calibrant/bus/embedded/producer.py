"""Appending to the embedded log.

Owns the spreading of messages without a key. Must not know groups.
"""

from collections.abc import Sequence
from functools import partial
from itertools import count
from types import TracebackType
from typing import Self

from calibrant.bus.embedded import log
from calibrant.bus.embedded.engine import Engine
from calibrant.bus.records import Message, TopicPartition


class EmbeddedProducer:
    """`calibrant.bus.ports.Producer` on a file; one `send` is one transaction, all or nothing.

    Parameters
    ----------
    engine
        The log.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = count()

    async def __aenter__(self) -> Self:
        """Do nothing: the bus is open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: the bus is closed by whoever opened it."""

    async def send(self, messages: Sequence[Message]) -> list[tuple[TopicPartition, int]]:
        """Append messages; see `calibrant.bus.ports.Producer.send`."""
        if not messages:
            return []
        work = partial(
            log.append,
            messages=tuple(messages),
            now_ns=self._engine.clock_ns(),
            spread=partial(next, self._turns),
        )
        places = await self._engine.database.write(work)
        self._engine.wakeups.wake({message.topic for message in messages})
        return places
