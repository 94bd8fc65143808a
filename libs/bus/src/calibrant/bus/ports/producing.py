"""The port of a writer. Must not know an adapter."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from calibrant.bus.records import Message, TopicPartition


class Producer(Protocol):
    """Appends messages. An async context manager."""

    async def __aenter__(self) -> Self:
        """Connect.

        Raises
        ------
        BusUnavailable
            The log cannot be reached.
        """
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""

    async def send(self, messages: Sequence[Message]) -> list[tuple[TopicPartition, int]]:
        """Append these; they are durable when it returns, and their order is kept for each key.

        When it raises or is cancelled, some may have been written: send all again (consumers tell
        duplicates by the event's id).

        Parameters
        ----------
        messages
            Any number, to any topics. The partition is `partition_of(key, count)`, the same with every engine.

        Returns
        -------
        list of (TopicPartition, int)
            Where each went, and its offset; in the order given.

        Raises
        ------
        UnknownTopic
            Nothing was written.
        BusUnavailable
            The log cannot be written now.
        """
        ...
