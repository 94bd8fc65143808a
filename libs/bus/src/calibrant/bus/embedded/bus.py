"""The embedded bus: one file, one worker thread, any number of processes of one machine.

Owns opening and closing, and hands the work to `log`, `groups`, `producer` and `consumer`.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from calibrant.bus.embedded import groups, log
from calibrant.bus.embedded.consumer import EmbeddedConsumer
from calibrant.bus.embedded.database import Database, Synchronous
from calibrant.bus.embedded.engine import Engine
from calibrant.bus.embedded.producer import EmbeddedProducer
from calibrant.bus.embedded.wakeups import Wakeups
from calibrant.bus.ports import RebalanceListener
from calibrant.bus.process import Process
from calibrant.bus.records import Record, TopicPartition, TopicSpec


async def open_bus(
    path: Path | str,
    *,
    clock_ns: Callable[[], int] = time.time_ns,
    synchronous: Synchronous = "FULL",
    session_timeout_s: float = 10.0,
    busy_timeout_s: float = 5.0,
    poll_s: float = 0.05,
) -> "EmbeddedBus":
    """Open the log, creating the file if need be. Not to be shared over a fork: open it in the child.

    Parameters
    ----------
    path
        The SQLite file, on a local disk (a write-ahead log does not work on network file systems).
    clock_ns
        Gives POSIX time in nanoseconds; the processes that share a file must agree on it.
    synchronous
        FULL: what was sent and acknowledged survives a power cut. NORMAL: it survives a killed process only,
        and is several times faster.
    session_timeout_s
        A member that did not fetch for longer loses its partitions, in seconds. One whose process has
        ended loses them as soon as another joins or beats.
    busy_timeout_s
        How long a write waits for other processes before `BusUnavailable`, in seconds.
    poll_s
        How often to look for what other processes wrote, in seconds.

    Returns
    -------
    EmbeddedBus
        Open; close it with `close`.

    Raises
    ------
    BusUnavailable
        The file is locked, or cannot be made or written.
    BusCorrupt
        The file is damaged, no log, or a log of another version.
    """
    database = Database(Path(path), synchronous=synchronous, busy_timeout_s=busy_timeout_s)
    await database.open()
    wakeups = Wakeups(database, poll_s=poll_s)
    return EmbeddedBus(Engine(database, wakeups, clock_ns, round(session_timeout_s * 1e9), Process.current()))


class EmbeddedBus:
    """`calibrant.bus.ports.Bus` on a file. Belongs to the event loop it was opened in.

    Parameters
    ----------
    engine
        The open log; see `open_bus`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open_consumers: set[EmbeddedConsumer] = set()

    async def ensure_topics(self, specs: Collection[TopicSpec]) -> None:
        """Create missing topics; see `calibrant.bus.ports.Bus.ensure_topics`."""
        await self._engine.database.write(partial(log.ensure, specs=tuple(specs)))

    async def check_access(
        self, *, produces: Collection[str], consumes: Collection[str], groups: Collection[str]
    ) -> None:
        """Check that the topics exist: who may open the file may do everything with it."""
        del groups
        await self.end_offsets({*produces, *consumes})

    def producer(self) -> EmbeddedProducer:
        """Make a producer."""
        return EmbeddedProducer(self._engine)

    def consumer(
        self, group: str, topics: Sequence[str], *, listener: RebalanceListener | None = None
    ) -> EmbeddedConsumer:
        """Make a member of a group; see `calibrant.bus.ports.Bus.consumer`."""
        return EmbeddedConsumer(self._engine, group, topics, listener, self._open_consumers)

    async def end_offsets(self, topics: Collection[str]) -> Mapping[TopicPartition, int]:
        """Tell the next offset of each partition."""
        return await self._engine.database.read(partial(log.end_offsets, topics=tuple(topics)))

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """Tell where a group goes on."""
        return await self._engine.database.read(partial(groups.committed, group=group))

    async def read(
        self,
        topic: str,
        *,
        from_start: bool,
        limit: int,
        offsets: Mapping[TopicPartition, int] | None = None,
    ) -> list[Record]:
        """Look into a topic; see `calibrant.bus.ports.Bus.read`."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1: {limit}")
        start = dict(offsets or {})
        work = partial(log.look, topic=topic, from_start=from_start, limit=limit, offsets=start)
        return await self._engine.database.read(work)

    async def prune(self) -> int:
        """Delete what is older than its topic's retention and was read by every group that ever subscribed.

        A group that never committed has read nothing, so it keeps everything. Topics nobody ever
        subscribed to are pruned by age alone.

        Returns
        -------
        int
            How many records were deleted.
        """
        return await self._engine.database.write(partial(log.prune, now_ns=self._engine.clock_ns()))

    async def close(self) -> None:
        """Close consumers that are still open, and the file; a second call does nothing."""
        for consumer in list(self._open_consumers):
            await consumer.close()
        await self._engine.wakeups.close()
        await self._engine.database.close()
