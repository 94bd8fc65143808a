"""A corner of a log that is shared: topics and groups have a name of their own there, each topic one partition.

Owns the translation of names, both ways. Tests that need many logs need not start many brokers.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Generic, Self, TypeVar

from calibrant.bus.errors import CommitFailed
from calibrant.bus.ports import Bus, Consumer, Message, Producer, RebalanceListener, Record
from calibrant.bus.records import TopicPartition, TopicSpec

Inner = TypeVar("Inner", bound=Producer | Consumer)


class _Names:
    """How what is here is called there."""

    def __init__(self, corner: str) -> None:
        self._before = f"{corner}."

    def there(self, name: str) -> str:
        return self._before + name

    def here(self, name: str) -> str:
        return name.removeprefix(self._before)

    def there_at(self, at: TopicPartition) -> TopicPartition:
        return replace(at, topic=self.there(at.topic))

    def here_at(self, at: TopicPartition) -> TopicPartition:
        return replace(at, topic=self.here(at.topic))

    def records(self, records: Sequence[Record]) -> list[Record]:
        return [replace(record, topic=self.here(record.topic)) for record in records]


class Corner:
    """`calibrant.bus.ports.Bus` within another.

    Parameters
    ----------
    bus
        The log that is shared; closed with this.
    name
        What the names of topics and groups begin with there.
    """

    def __init__(self, bus: Bus, name: str) -> None:
        self._bus = bus
        self._names = _Names(name)

    async def ensure_topics(self, specs: Collection[TopicSpec]) -> None:
        """Create missing topics, of one partition whatever is asked for."""
        await self._bus.ensure_topics(
            [TopicSpec(self._names.there(spec.topic), 1, spec.retention_s) for spec in specs]
        )

    async def check_access(
        self, *, produces: Collection[str], consumes: Collection[str], groups: Collection[str]
    ) -> None:
        """Check that we may do what we are going to."""
        there = self._names.there
        await self._bus.check_access(
            produces=list(map(there, produces)),
            consumes=list(map(there, consumes)),
            groups=list(map(there, groups)),
        )

    def producer(self) -> Producer:
        """Make a producer."""
        return _Producer(self._bus.producer(), self._names)

    def consumer(
        self, group: str, topics: Sequence[str], *, listener: RebalanceListener | None = None
    ) -> Consumer:
        """Make a member of a group."""
        heard = None if listener is None else _Listener(listener, self._names)
        there = [self._names.there(topic) for topic in topics]
        inner = self._bus.consumer(self._names.there(group), there, listener=heard)
        return _Consumer(inner, self._names)

    async def end_offsets(self, topics: Collection[str]) -> Mapping[TopicPartition, int]:
        """Tell the next offset of each partition."""
        found = await self._bus.end_offsets([self._names.there(topic) for topic in topics])
        return {self._names.here_at(at): offset for at, offset in found.items()}

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """Tell where a group goes on."""
        found = await self._bus.committed(self._names.there(group))
        return {self._names.here_at(at): offset for at, offset in found.items()}

    async def read(
        self,
        topic: str,
        *,
        from_start: bool,
        limit: int,
        offsets: Mapping[TopicPartition, int] | None = None,
    ) -> list[Record]:
        """Look into a topic."""
        wanted = {self._names.there_at(at): offset for at, offset in (offsets or {}).items()}
        there = self._names.there(topic)
        found = await self._bus.read(there, from_start=from_start, limit=limit, offsets=wanted)
        return self._names.records(found)

    async def prune(self) -> int:
        """Delete what is too old, in the whole log."""
        return await self._bus.prune()

    async def close(self) -> None:
        """Let go of everything."""
        await self._bus.close()


class _Listener:
    def __init__(self, inner: RebalanceListener, names: _Names) -> None:
        self._inner = inner
        self._names = names

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        await self._inner.on_revoked([self._names.here_at(at) for at in partitions])

    async def on_assigned(self, partitions: Collection[TopicPartition]) -> None:
        await self._inner.on_assigned([self._names.here_at(at) for at in partitions])


class _Inside(Generic[Inner]):
    """A producer or a consumer in the corner: entered and left with the one that it speaks through."""

    def __init__(self, inner: Inner, names: _Names) -> None:
        self._inner = inner
        self._names = names

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)


class _Producer(_Inside[Producer]):
    async def send(self, messages: Sequence[Message]) -> list[tuple[TopicPartition, int]]:
        there = [replace(message, topic=self._names.there(message.topic)) for message in messages]
        return [(self._names.here_at(at), offset) for at, offset in await self._inner.send(there)]


class _Consumer(_Inside[Consumer]):
    async def fetch(self, *, max_records: int, timeout_s: float) -> Sequence[Record]:
        return self._names.records(await self._inner.fetch(max_records=max_records, timeout_s=timeout_s))

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(map(self._names.here_at, self._inner.assignment()))

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        self._inner.pause([self._names.there_at(at) for at in partitions])

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        self._inner.resume([self._names.there_at(at) for at in partitions])

    def paused(self) -> frozenset[TopicPartition]:
        return frozenset(map(self._names.here_at, self._inner.paused()))

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        try:
            await self._inner.commit({self._names.there_at(at): offset for at, offset in offsets.items()})
        except CommitFailed as error:
            raise CommitFailed([self._names.here_at(at) for at in error.partitions]) from error

    async def seek(self, partition: TopicPartition, offset: int) -> None:
        await self._inner.seek(self._names.there_at(partition), offset)

    async def position(self, partition: TopicPartition) -> int:
        return await self._inner.position(self._names.there_at(partition))
