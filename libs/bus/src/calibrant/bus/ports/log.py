"""The port of the log itself: topics, offsets, looking in; it makes readers and writers. Must not know an adapter."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from calibrant.bus.ports.consuming import Consumer, RebalanceListener
from calibrant.bus.ports.producing import Producer
from calibrant.bus.records import Record, TopicPartition, TopicSpec


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
