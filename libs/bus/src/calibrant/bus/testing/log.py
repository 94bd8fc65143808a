"""The contract of the log itself: keys, partitions, order, contents, looking in.

Owns expectations on producers and on `Bus`; groups are in `calibrant.bus.testing.groups`.
"""

import asyncio

import pytest

from calibrant.bus.errors import TopicMismatch, UnknownTopic
from calibrant.bus.partitioner import partition_of
from calibrant.bus.ports import Bus, Message, TopicPartition, TopicSpec
from calibrant.bus.testing.harness import (
    PARTITIONS,
    PATIENCE_S,
    Fixtures,
    Site,
    all_partitions,
    collect,
    ends,
    numbered,
    send,
    settle,
    started,
    values,
)


@pytest.mark.asyncio
class LogContract(Fixtures):
    """What is sent is kept, in order, as it was."""

    async def test_a_key_keeps_its_order_and_its_partition(self, bus: Bus, topic: str) -> None:
        """One key's records come in the order sent, from the partition its hash names."""
        async with bus.producer() as producer:
            for start in range(0, 60, 6):
                await producer.send(numbered(topic, 60)[start : start + 6])
        async with bus.consumer(topic, [topic]) as consumer:
            records = await collect(consumer, 60)
        for key in {record.key for record in records}:
            assert key is not None
            mine = [record for record in records if record.key == key]
            assert [int(record.value) for record in mine] == sorted(int(record.value) for record in mine)
            assert {record.partition for record in mine} == {partition_of(key, PARTITIONS)}

    async def test_send_tells_where_each_message_went(self, bus: Bus, topic: str) -> None:
        """Places are in the order given, and the records are found there."""
        places = await send(bus, numbered(topic, 20))
        async with bus.consumer(topic, [topic]) as consumer:
            records = await collect(consumer, 20)
        found = {(record.topic_partition, record.offset): record.value for record in records}
        assert [found[place] for place in places] == [str(number).encode() for number in range(20)]

    async def test_keys_spread_over_partitions(self, bus: Bus, topic: str) -> None:
        """Enough keys use every partition."""
        places = await send(bus, numbered(topic, 64, keys=64))
        assert {partition for partition, _ in places} == all_partitions(topic)

    async def test_messages_without_a_key_spread_over_partitions(self, bus: Bus, topic: str) -> None:
        """No key, no favourite."""
        places: list[tuple[TopicPartition, int]] = []
        async with bus.producer() as producer:
            for number in range(64):
                places += await producer.send([Message(topic, None, str(number).encode())])
        assert {partition for partition, _ in places} == all_partitions(topic)

    async def test_contents_come_back_as_they_were(self, bus: Bus, topic: str) -> None:
        """Any bytes, any headers in their order and repeated, keys that are not ASCII, or empty, or none."""
        headers = (
            ("content-type", b"application/json"),
            ("raw", bytes(range(256))),
            ("raw", b""),
            ("ü", b"1"),
        )
        sent = [
            Message(topic, "", b""),
            Message(topic, "Größe/☉", bytes(range(256)), headers),
            Message(topic, None, b"\x00\xff", (("empty", b""),)),
        ]
        await send(bus, sent)
        async with bus.consumer(topic, [topic]) as consumer:
            records = await collect(consumer, 3)
        back = {Message(record.topic, record.key, record.value, record.headers) for record in records}
        assert back == set(sent)

    async def test_a_megabyte_passes(self, bus: Bus, topic: str) -> None:
        """A large value is neither cut nor changed."""
        value = bytes(range(250)) * 4000
        await send(bus, [Message(topic, "large", value)])
        async with bus.consumer(topic, [topic]) as consumer:
            records = await collect(consumer, 1)
        assert records[0].value == value

    async def test_nothing_to_send_is_fine(self, bus: Bus, topic: str) -> None:
        """An empty send gives nothing back and writes nothing."""
        assert await send(bus, []) == []
        assert set((await bus.end_offsets([topic])).values()) == {0}

    async def test_a_waiting_fetch_returns_at_once(self, bus: Bus, site: Site, topic: str) -> None:
        """A record, also one sent over another connection, ends a wait long before its time."""
        other = await site.open()
        try:
            async with bus.consumer(topic, [topic]) as consumer:
                await settle(topic, consumer)
                for sender in (bus, other):
                    waiting = await started(consumer.fetch(max_records=5, timeout_s=1e5), bus, topic)
                    async with asyncio.timeout(PATIENCE_S):
                        await send(sender, [Message(topic, "k", b"0")])
                        assert values(await waiting) == ["0"]
        finally:
            await other.close()

    async def test_end_offsets_less_committed_is_the_lag(self, bus: Bus, topic: str) -> None:
        """Both count records: all sent, and all done."""
        await send(bus, numbered(topic, 30))
        assert await bus.committed(topic) == {}
        async with bus.consumer(topic, [topic]) as consumer:
            await consumer.commit(ends(await collect(consumer, 30)))
        end = await bus.end_offsets([topic])
        assert sum(end.values()) == 30
        assert await bus.committed(topic) == {place: offset for place, offset in end.items() if offset}

    async def test_read_looks_in_without_a_group(self, bus: Bus, topic: str) -> None:
        """The oldest, the newest, and what came after those seen."""
        places = []
        for message in numbered(topic, 12):
            places += await send(bus, [message])
        assert values(await bus.read(topic, from_start=True, limit=100)) == [str(n) for n in range(12)]
        assert len(await bus.read(topic, from_start=True, limit=5)) == 5
        newest = await bus.read(topic, from_start=False, limit=1)
        assert newest[0].offset == (await bus.end_offsets([topic]))[newest[0].topic_partition] - 1
        seen = dict.fromkeys(all_partitions(topic), 0)
        for place, offset in places:
            seen[place] = offset + 1
        assert await bus.read(topic, from_start=True, limit=5, offsets=seen) == []
        await send(bus, [Message(topic, "key-1", b"12")])
        assert values(await bus.read(topic, from_start=True, limit=5, offsets=seen)) == ["12"]

    async def test_pruning_leaves_what_nobody_has_read(self, bus: Bus, topic: str) -> None:
        """Any process may ask for it at any time."""
        await send(bus, numbered(topic, 3))
        assert await bus.prune() == 0
        assert len(await bus.read(topic, from_start=True, limit=9)) == 3

    async def test_an_unknown_topic_is_named(self, bus: Bus, topic: str) -> None:
        """Nothing makes a topic by accident; and a send that names one writes nothing at all."""
        unknown = f"{topic}.unknown"
        with pytest.raises(UnknownTopic, match="unknown"):
            await send(bus, [Message(topic, "k", b"1"), Message(unknown, "k", b"1")])
        assert set((await bus.end_offsets([topic])).values()) == {0}
        with pytest.raises(UnknownTopic, match="unknown"):
            async with bus.consumer(topic, [topic, unknown]):
                pass
        with pytest.raises(UnknownTopic, match="unknown"):
            await bus.end_offsets([unknown])
        with pytest.raises(UnknownTopic, match="unknown"):
            await bus.check_access(produces=[topic], consumes=[unknown], groups=[])
        with pytest.raises(UnknownTopic, match="unknown"):
            await bus.read(unknown, from_start=True, limit=1)

    async def test_whoever_may_do_all_passes_the_check(self, bus: Bus, topic: str) -> None:
        """Where nobody's rights are limited, nothing is found missing."""
        await bus.check_access(produces=[topic], consumes=[topic], groups=[topic])

    async def test_topics_are_made_once(self, bus: Bus, topic: str) -> None:
        """Asking again keeps the records; another number of partitions is refused."""
        await send(bus, numbered(topic, 3))
        await bus.ensure_topics([TopicSpec(topic, PARTITIONS, retention_s=3600.0)])
        assert sum((await bus.end_offsets([topic])).values()) == 3
        with pytest.raises(TopicMismatch, match="partitions"):
            await bus.ensure_topics([TopicSpec(topic, PARTITIONS + 1)])
