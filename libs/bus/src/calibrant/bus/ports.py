"""The ports of the bus: what a durable, partitioned log with consumer groups offers, and no more.

Owns the vocabulary (topic, partition, record, group) and the promises both adapters keep, which
`calibrant.bus.testing.contract` states as tests. Must not know SQLite, Kafka, CloudEvents or any service.

Promises
--------
- Records of one partition are delivered in the order of their offsets; one key is always in one partition.
- A group has each partition read by at most one member. A group that never committed starts at the oldest
  record. What is not committed is delivered again after a crash, a leave or a rebalance.
- Nothing is committed implicitly, not even when a consumer is closed.
"""

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from calibrant.bus.records import Message, Record, TopicPartition, TopicSpec

__all__ = [
    "Bus",
    "Consumer",
    "Message",
    "Producer",
    "RebalanceListener",
    "Record",
    "TopicPartition",
    "TopicSpec",
]


class RebalanceListener(Protocol):
    """Hears when partitions come and go. Called on the consumer's event loop; must not call `fetch`."""

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Hear that these are about to be given up: all that were owned, before every rebalance.

        Commits are still taken here, unless membership was already lost (then they raise `CommitFailed`).
        """

    async def on_assigned(self, partitions: Collection[TopicPartition]) -> None:
        """Hear that these, and no others, are owned now. Nothing is paused; `position` is the committed one."""


class Consumer(Protocol):
    """A member of a group. An async context manager: it joins when entered, leaves at once when exited."""

    async def __aenter__(self) -> Self:
        """Join the group.

        Raises
        ------
        UnknownTopic
            One of its topics does not exist.
        BusUnavailable
            The log cannot be reached.
        """
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the group; its partitions are free at once. Commits nothing, calls no listener."""

    async def fetch(self, *, max_records: int, timeout_s: float) -> Sequence[Record]:
        """Give the next records of what is owned and not paused, and advance the positions past them.

        It also keeps the membership alive and takes part in rebalances, so it must be called at least every
        few seconds, with everything paused if there is nothing to be taken on. One call at a time; the other
        methods may be called meanwhile from other tasks.

        Parameters
        ----------
        max_records
            At most so many; at least 1. Fewer come when they have `MOST_FETCH_BYTES` together.
        timeout_s
            Seconds to wait when there is nothing; it returns as soon as there is anything.

        Returns
        -------
        sequence of Record
            In order within each partition; empty after the time-out.

        Raises
        ------
        BusUnavailable
            The log cannot be reached now; call again.
        """
        ...

    def assignment(self) -> frozenset[TopicPartition]:
        """Tell what is owned now; empty before the first `fetch` and during a rebalance."""
        ...

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Give nothing of these from now on, until resumed or rebalanced: a rebalance clears every pause.

        Raises
        ------
        NotAssigned
            One of them is not owned.
        """

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Give records of these again; what is not paused is left as it is.

        Raises
        ------
        NotAssigned
            One of them is not owned.
        """

    def paused(self) -> frozenset[TopicPartition]:
        """Tell what is owned and paused now."""
        ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store where the group goes on: the offset of the next record to read, per partition.

        All or nothing. It outlives every process; a power cut may undo it, and records are then given again.

        Raises
        ------
        CommitFailed
            Some are no longer owned; drop the results that led here.
        BusUnavailable
            The log cannot be reached now.
        """

    async def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at this offset with the next `fetch`; commits nothing.

        Raises
        ------
        NotAssigned
            It is not owned.
        """

    async def position(self, partition: TopicPartition) -> int:
        """Tell the offset that the next `fetch` starts at.

        Raises
        ------
        NotAssigned
            It is not owned.
        """
        ...


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


class Bus(Protocol):
    """The log. Opened by an adapter's own function, closed with `close`."""

    async def ensure_topics(self, specs: Collection[TopicSpec]) -> None:
        """Create what is missing, and bring the retention of what exists up to date.

        Raises
        ------
        TopicMismatch
            A topic exists with another number of partitions.
        BusUnavailable
            The log cannot be written now.
        """

    async def check_access(
        self, *, produces: Collection[str], consumes: Collection[str], groups: Collection[str]
    ) -> None:
        """Check that these topics may be written and read, and these groups joined, before any work starts.

        Raises
        ------
        AccessDenied
            Not all of it may be done; the text names every right that is missing, and on what.
        UnknownTopic, BusUnavailable
            A topic does not exist; the log cannot be reached.
        """

    def producer(self) -> Producer:
        """Make a producer, to be entered with ``async with``."""
        ...

    def consumer(
        self, group: str, topics: Sequence[str], *, listener: RebalanceListener | None = None
    ) -> Consumer:
        """Make a member of a group, to be entered with ``async with``.

        Parameters
        ----------
        group
            The group's name: members share the partitions, groups know nothing of each other.
        topics
            What it reads; must exist. Members of one group may differ in this.
        listener
            Hears of rebalances.
        """
        ...

    async def end_offsets(self, topics: Collection[str]) -> Mapping[TopicPartition, int]:
        """Tell, for each partition, the offset the next record will have.

        Raises
        ------
        UnknownTopic, BusUnavailable
            One does not exist; the log cannot be reached.
        """
        ...

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """Tell where a group goes on, for each partition it ever committed. Lag is `end_offsets` less this."""
        ...

    async def read(
        self,
        topic: str,
        *,
        from_start: bool,
        limit: int,
        offsets: Mapping[TopicPartition, int] | None = None,
    ) -> list[Record]:
        """Look into a topic without a group, and without waiting.

        Parameters
        ----------
        topic
            Its name.
        from_start
            True: the oldest records; False: the newest.
        limit
            At most so many; at least 1.
        offsets
            Look only at records from these offsets on; a partition not named is looked at whole. To follow a
            topic, pass the offsets after those seen so far, with `from_start`.

        Returns
        -------
        list of Record
            Oldest first by time of appending; in order within each partition.

        Raises
        ------
        UnknownTopic, BusUnavailable
            It does not exist; the log cannot be reached.
        """
        ...

    async def prune(self) -> int:
        """Delete what is older than its topic's retention and was read by every group that ever subscribed.

        To be called now and then, by any process. Kafka does this itself: returns 0.

        Returns
        -------
        int
            How many records were deleted.

        Raises
        ------
        BusUnavailable
            The log cannot be written now.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; consumers and producers still open are closed. A second call does nothing."""
