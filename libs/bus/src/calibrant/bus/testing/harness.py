"""What the contract's tests share: where an adapter is, waiting for things to happen, processes to kill.

Owns no expectations; those are in the tests.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest_asyncio

from calibrant.bus.ports import Bus, Consumer, Message, Record, TopicPartition, TopicSpec
from calibrant.bus.testing.child import open_from

PATIENCE_S = 60.0
PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Site:
    """A log that several processes can open.

    Parameters
    ----------
    factory
        The function that opens it, as ``module:function``; a coroutine that gives a `Bus`.
    arguments
        Its keyword arguments, as JSON can hold them.
    """

    factory: str
    arguments: Mapping[str, str | float]

    async def open(self) -> Bus:
        """Open it once more in this process."""
        return await open_from(self.factory, json.dumps(dict(self.arguments)))

    @asynccontextmanager
    async def child(self, action: str, topic: str, name: str) -> AsyncIterator[Process]:
        """Run a child process on it; see `calibrant.bus.testing.child`. It is killed at the end."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "calibrant.bus.testing.child", self.factory, json.dumps(dict(self.arguments))),
            *(action, topic, name),
            stdout=PIPE,
        )
        try:
            yield process
        finally:
            await kill(process)


class Fixtures:
    """Fixtures of every part of the contract; an adapter's own test class overrides `site`."""

    @pytest_asyncio.fixture
    async def bus(self, site: Site) -> AsyncIterator[Bus]:
        """Open the log."""
        bus = await site.open()
        yield bus
        await bus.close()

    @pytest_asyncio.fixture
    async def topic(self, bus: Bus) -> str:
        """Make a topic of four partitions, with a name of its own."""
        topic = f"contract.{uuid4().hex}"
        await bus.ensure_topics([TopicSpec(topic, PARTITIONS)])
        return topic


@dataclass(slots=True)
class Listener:
    """Writes down what it hears, as (what, partitions)."""

    heard: list[tuple[str, frozenset[TopicPartition]]] = field(default_factory=list)

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Write it down."""
        self.heard.append(("revoked", frozenset(partitions)))

    async def on_assigned(self, partitions: Collection[TopicPartition]) -> None:
        """Write it down."""
        self.heard.append(("assigned", frozenset(partitions)))


def all_partitions(topic: str) -> frozenset[TopicPartition]:
    """Give every partition of a topic of the contract."""
    return frozenset(TopicPartition(topic, number) for number in range(PARTITIONS))


def numbered(topic: str, count: int, *, keys: int = 8) -> list[Message]:
    """Make messages whose values count from 0, with keys in turn."""
    return [Message(topic, f"key-{number % keys}", str(number).encode()) for number in range(count)]


def values(records: Sequence[Record]) -> list[str]:
    """Give the values, sorted as numbers."""
    return sorted((record.value.decode() for record in records), key=int)


def ends(records: Sequence[Record]) -> dict[TopicPartition, int]:
    """Give the offsets to commit when all of these are done."""
    return {record.topic_partition: record.offset + 1 for record in records}


async def send(bus: Bus, messages: Sequence[Message]) -> list[tuple[TopicPartition, int]]:
    """Send with a producer of its own."""
    async with bus.producer() as producer:
        return await producer.send(messages)


async def collect(consumer: Consumer, count: int) -> list[Record]:
    """Fetch until so many records are there."""
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(records) < count:
            records += await consumer.fetch(max_records=count - len(records), timeout_s=1.0)
    return records


async def settle(topic: str, *consumers: Consumer) -> list[Record]:
    """Fetch from each until every partition has exactly one owner and each member at least one."""
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for consumer in consumers:
                records += await consumer.fetch(max_records=100, timeout_s=0.05)
            parts = [consumer.assignment() for consumer in consumers]
            whole = frozenset[TopicPartition]().union(*parts)
            if all(parts) and whole == all_partitions(topic) and sum(map(len, parts)) == len(whole):
                return records


async def started(
    fetch: Coroutine[None, None, Sequence[Record]], bus: Bus, topic: str
) -> asyncio.Task[Sequence[Record]]:
    """Start a fetch and give it a question's time to find nothing, so that what follows meets it waiting."""
    task = asyncio.create_task(fetch)
    await asyncio.sleep(0)
    await bus.end_offsets([topic])
    return task


async def lines(process: Process, count: int) -> list[str]:
    """Read so many lines of what a child says."""
    assert process.stdout is not None
    said = []
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(count):
            line = await process.stdout.readline()
            assert line.endswith(b"\n"), "the child ended too early; its own error is above"
            said.append(line.decode().rstrip("\n"))
    return said


async def kill(process: Process) -> list[str]:
    """Kill -9, and give the whole lines it had said before and nobody read."""
    assert process.stdout is not None
    if process.returncode is None:
        process.kill()
    rest = (await process.stdout.read()).decode()
    await process.wait()
    return rest.split("\n")[:-1]
