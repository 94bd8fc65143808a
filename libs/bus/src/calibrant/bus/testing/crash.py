"""The contract under kill -9: nothing acknowledged is lost, nothing unfinished is forgotten.

Owns expectations on processes that end without a word.
"""

import asyncio
from itertools import pairwise

import pytest

from calibrant.bus.ports import Bus, Record
from calibrant.bus.testing.child import PADDING
from calibrant.bus.testing.harness import (
    PATIENCE_S,
    Fixtures,
    Site,
    collect,
    kill,
    lines,
    numbered,
    send,
    settle,
    values,
)


def _numbers(records: list[Record]) -> list[int]:
    """Give the numbers a writer sent, checking that every value is whole."""
    numbers = []
    for record in records:
        name, number, padding = record.value.split(b" ")
        assert name.decode() == record.key
        assert padding == PADDING
        numbers.append(int(number))
    return numbers


@pytest.mark.asyncio
class CrashContract(Fixtures):
    """Real processes, really killed."""

    async def test_uncommitted_records_come_again_after_a_kill(
        self, site: Site, bus: Bus, topic: str
    ) -> None:
        """All that a killed member had read and not committed goes to the next."""
        await send(bus, numbered(topic, 20))
        async with site.child("hold", topic, topic) as child:
            await lines(child, 20)
            await kill(child)
        async with bus.consumer(topic, [topic]) as consumer:
            assert values(await collect(consumer, 20)) == [str(number) for number in range(20)]

    async def test_committed_records_stay_done_after_a_kill(self, site: Site, bus: Bus, topic: str) -> None:
        """What was committed does not come again; the rest does. One commit may have been cut off from its word."""
        await send(bus, numbered(topic, 60))
        async with site.child("work", topic, topic) as child:
            done = await lines(child, 20)
            done += await kill(child)
        async with bus.consumer(topic, [topic]) as consumer:
            # Only once the partitions have an owner again can a commit that was under way no longer arrive.
            first = await settle(topic, consumer)
            stored = sum((await bus.committed(topic)).values())
            rest = values(first + await collect(consumer, 60 - stored - len(first)))
        assert len(done) <= stored <= len(done) + 1
        assert not set(rest) & set(done)
        assert len(set(rest) | set(done)) >= 59

    async def test_a_survivor_inherits_from_the_killed(self, site: Site, bus: Bus, topic: str) -> None:
        """A member that goes on fetching gets the partitions of one that was killed."""
        async with bus.consumer(topic, [topic]) as consumer, site.child("hold", topic, topic) as child:
            await settle(topic, consumer)
            await send(bus, numbered(topic, 40, keys=40))
            async with asyncio.timeout(PATIENCE_S):
                saying = asyncio.create_task(lines(child, 1))
                while not saying.done():
                    await consumer.fetch(max_records=40, timeout_s=0.05)
                await saying
            await kill(child)
            await settle(topic, consumer)

    async def test_a_killed_writer_loses_nothing_it_was_promised(
        self, site: Site, bus: Bus, topic: str
    ) -> None:
        """Every acknowledged record is there, once, whole and in order; at most one more beyond."""
        async with site.child("write", topic, "writer") as child:
            acknowledged = await lines(child, 50)
            acknowledged += await kill(child)
        records = await bus.read(topic, from_start=True, limit=100_000)
        assert len(acknowledged) <= len(records) <= len(acknowledged) + 1
        assert _numbers(records) == list(range(len(records)))

    async def test_four_processes_write_at_once(self, site: Site, bus: Bus, topic: str) -> None:
        """Nobody fails, nothing is lost, each writer's order is kept, offsets are used once."""

        async def write(name: str) -> None:
            async with site.child("write-200", topic, name) as child:
                await lines(child, 200)
                async with asyncio.timeout(PATIENCE_S):
                    assert await child.wait() == 0

        names = [f"writer-{number}" for number in range(4)]
        await asyncio.gather(*(write(name) for name in names))
        records = await bus.read(topic, from_start=True, limit=1000)
        assert len(records) == 800
        for name in names:
            assert _numbers([record for record in records if record.key == name]) == list(range(200))
        for partition in {record.partition for record in records}:
            offsets = [record.offset for record in records if record.partition == partition]
            assert all(after > before for before, after in pairwise(offsets))
