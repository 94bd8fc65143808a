"""The port of a reader: a member of a group, and who hears of its rebalances. Must not know an adapter."""

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from calibrant.bus.records import Record, TopicPartition


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
