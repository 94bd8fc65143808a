"""The contract of consumer groups: offsets, redelivery, rebalance, pauses.

Owns expectations on consumers that end in order; those that are killed are in `calibrant.bus.testing.crash`.
"""

from collections.abc import Collection

import pytest

from calibrant.bus.errors import CommitFailed, NotAssigned
from calibrant.bus.ports import Bus, Message, Record, TopicPartition
from calibrant.bus.testing.harness import (
    Fixtures,
    Listener,
    Site,
    all_partitions,
    collect,
    ends,
    numbered,
    send,
    settle,
    values,
)


@pytest.mark.asyncio
class GroupContract(Fixtures):
    """Members share, groups do not; what is not committed comes again."""

    async def test_groups_are_independent(self, bus: Bus, topic: str) -> None:
        """Each group gets everything, whatever others have committed."""
        await send(bus, numbered(topic, 10))
        for group in (f"{topic}.a", f"{topic}.b"):
            async with bus.consumer(group, [topic]) as consumer:
                records = await collect(consumer, 10)
                await consumer.commit(ends(records))
            assert values(records) == [str(number) for number in range(10)]

    async def test_offsets_survive_closing_the_bus(self, site: Site, bus: Bus, topic: str) -> None:
        """Another opening goes on where the commit was."""
        first = await site.open()
        await send(first, numbered(topic, 10))
        async with first.consumer(topic, [topic]) as consumer:
            await consumer.commit(ends(await collect(consumer, 10)))
        await first.close()
        await send(bus, [Message(topic, "k", b"10")])
        async with bus.consumer(topic, [topic]) as consumer:
            assert values(await collect(consumer, 1)) == ["10"]

    async def test_only_what_was_committed_is_done(self, bus: Bus, topic: str) -> None:
        """Leaving commits nothing; the next member starts at the commit, even inside a batch."""
        await send(bus, numbered(topic, 10, keys=1))
        async with bus.consumer(topic, [topic]) as consumer:
            records = await collect(consumer, 10)
            await consumer.commit({records[0].topic_partition: 4})
        async with bus.consumer(topic, [topic]) as consumer:
            assert values(await collect(consumer, 6)) == [str(number) for number in range(4, 10)]

    async def test_two_members_share_and_one_inherits(self, bus: Bus, site: Site, topic: str) -> None:
        """After settling each partition has one owner; a leave gives them all back; listeners hear it."""
        other = await site.open()
        listener = Listener()
        try:
            async with bus.consumer(topic, [topic], listener=listener) as first:
                await settle(topic, first)
                async with other.consumer(topic, [topic]) as second:
                    await settle(topic, first, second)
                    kept = first.assignment()
                    await send(bus, numbered(topic, 40, keys=40))
                    mine: list[Record] = []
                    theirs: list[Record] = []
                    while len(mine) + len(theirs) < 40:
                        mine += await first.fetch(max_records=40, timeout_s=0.1)
                        theirs += await second.fetch(max_records=40, timeout_s=0.1)
                    assert {record.topic_partition for record in mine} == kept
                    assert {record.topic_partition for record in theirs} == second.assignment()
                await settle(topic, first)
        finally:
            await other.close()
        whole = all_partitions(topic)
        expected = [("assigned", whole), ("revoked", whole), ("assigned", kept)]
        assert listener.heard == [*expected, ("revoked", kept), ("assigned", whole)]

    async def test_a_commit_after_revoke_raises(self, bus: Bus, topic: str) -> None:
        """What moved to another member cannot be committed any more, and nothing of the commit is stored."""
        await send(bus, numbered(topic, 40, keys=40))
        async with bus.consumer(topic, [topic]) as first:
            done = ends(await collect(first, 40))
            async with bus.consumer(topic, [topic]) as second:
                await settle(topic, first, second)
                with pytest.raises(CommitFailed) as failure:
                    await first.commit(done)
                assert set(failure.value.partitions) >= second.assignment()
                assert await bus.committed(topic) == {}

    async def test_a_commit_while_revoked_is_taken(self, bus: Bus, topic: str) -> None:
        """The listener may commit what is done before the partitions go, so that nothing comes twice."""
        await send(bus, numbered(topic, 40, keys=40))

        class Committing(Listener):
            async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
                await super().on_revoked(partitions)
                await first.commit(done)

        listener = Committing()
        first = bus.consumer(topic, [topic], listener=listener)
        async with first:
            done = ends(await collect(first, 40))
            async with bus.consumer(topic, [topic]) as second:
                assert await settle(topic, first, second) == []
                assert ("revoked", all_partitions(topic)) in listener.heard

    async def test_a_rebalance_starts_again_at_the_commit(self, bus: Bus, topic: str) -> None:
        """What was fetched but not committed comes again, to whoever owns it then."""
        await send(bus, numbered(topic, 40, keys=40))
        async with bus.consumer(topic, [topic]) as first:
            await collect(first, 40)
            async with bus.consumer(topic, [topic]) as second:
                records = await settle(topic, first, second)
                while len(records) < 40:
                    records += await first.fetch(max_records=40, timeout_s=0.1)
                    records += await second.fetch(max_records=40, timeout_s=0.1)
        assert values(records) == [str(number) for number in range(40)]

    async def test_paused_partitions_give_nothing(self, bus: Bus, topic: str) -> None:
        """A pause holds back one partition and no other, keeps the place, and is undone by resume."""
        async with bus.consumer(topic, [topic]) as consumer:
            await settle(topic, consumer)
            places = await send(bus, numbered(topic, 40, keys=40))
            held = [TopicPartition(topic, 1)]
            free = sum(1 for place, _ in places if place not in held)
            consumer.pause(held)
            assert consumer.paused() == set(held)
            records = await collect(consumer, free)
            assert {record.topic_partition for record in records} == all_partitions(topic) - set(held)
            assert await consumer.fetch(max_records=40, timeout_s=0.2) == []
            assert await consumer.position(held[0]) == 0
            consumer.resume(held)
            assert consumer.paused() == frozenset()
            records = await collect(consumer, 40 - free)
            assert {record.topic_partition for record in records} == set(held)

    async def test_a_rebalance_clears_pauses(self, bus: Bus, topic: str) -> None:
        """Whoever wants a pause kept asks for it again in `on_assigned`."""
        async with bus.consumer(topic, [topic]) as first:
            await settle(topic, first)
            first.pause(all_partitions(topic))
            async with bus.consumer(topic, [topic]) as second:
                await settle(topic, first, second)
                assert first.paused() == frozenset()

    async def test_a_paused_member_stays_one(self, bus: Bus, topic: str) -> None:
        """With everything paused, fetching goes on and nobody takes the partitions away."""
        listener = Listener()
        async with bus.consumer(topic, [topic], listener=listener) as consumer:
            await settle(topic, consumer)
            consumer.pause(all_partitions(topic))
            await send(bus, numbered(topic, 8))
            for _ in range(5):
                assert await consumer.fetch(max_records=8, timeout_s=0.05) == []
            consumer.resume(all_partitions(topic))
            await consumer.commit(ends(await collect(consumer, 8)))
        assert listener.heard == [("assigned", all_partitions(topic))]

    async def test_seek_and_position(self, bus: Bus, topic: str) -> None:
        """A seek moves the place of one partition, forth and back."""
        places = await send(bus, numbered(topic, 10, keys=1))
        place = places[0][0]
        async with bus.consumer(topic, [topic]) as consumer:
            assert len(await collect(consumer, 10)) == 10
            assert await consumer.position(place) == 10
            await consumer.seek(place, 7)
            assert await consumer.position(place) == 7
            assert values(await collect(consumer, 3)) == ["7", "8", "9"]

    async def test_what_is_not_owned_is_refused(self, bus: Bus, topic: str) -> None:
        """Every call that names a partition names the stranger in its error."""
        stranger = TopicPartition(f"{topic}.stranger", 3)
        async with bus.consumer(topic, [topic]) as consumer:
            await settle(topic, consumer)
            with pytest.raises(NotAssigned, match="stranger"):
                consumer.pause([stranger])
            with pytest.raises(NotAssigned, match="stranger"):
                consumer.resume([stranger])
            with pytest.raises(NotAssigned, match="stranger"):
                await consumer.seek(stranger, 0)
            with pytest.raises(NotAssigned, match="stranger"):
                await consumer.position(stranger)
            with pytest.raises(CommitFailed, match="stranger"):
                await consumer.commit({stranger: 1})

    async def test_max_records_is_kept_and_no_partition_starves(self, bus: Bus, topic: str) -> None:
        """Small fetches come to every partition long before the first is empty."""
        await send(bus, numbered(topic, 40, keys=40))
        async with bus.consumer(topic, [topic]) as consumer:
            records: list[Record] = []
            while len(records) < 12:
                batch = await consumer.fetch(max_records=1, timeout_s=5.0)
                assert len(batch) <= 1
                records += batch
        assert {record.topic_partition for record in records} == all_partitions(topic)
