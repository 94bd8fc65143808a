"""Looking into a topic without a group.

Owns the choice of the oldest or newest records over all partitions. Must not know groups.
"""

import asyncio
from collections.abc import Mapping
from heapq import merge
from typing import Any

import aiokafka

from calibrant.bus.kafka import offsets
from calibrant.bus.kafka.conversion import to_kafka, to_record
from calibrant.bus.kafka.failures import translated
from calibrant.bus.kafka.link import Link
from calibrant.bus.kafka.topics import Topics
from calibrant.bus.records import Record, TopicPartition

Spans = dict[TopicPartition, tuple[int, int]]
"""For each partition the first offset to read, and the one to stop before."""


async def look(
    link: Link,
    topics: Topics,
    topic: str,
    *,
    from_start: bool,
    limit: int,
    wanted: Mapping[TopicPartition, int],
) -> list[Record]:
    """Read the oldest or newest records of a topic; see `calibrant.bus.ports.Bus.read`."""
    spans = await _spans(link, topics, topic, wanted)
    if not from_start:
        spans = {at: (max(first, end - limit), end) for at, (first, end) in spans.items()}
    with translated(f"be read in topic {topic!r}"):
        async with asyncio.timeout(link.options.request_timeout_s):
            found = await _read(link, spans, limit)
    ordered = list(merge(*found.values(), key=lambda record: record.timestamp_ns))
    return ordered[:limit] if from_start else ordered[-limit:]


async def _spans(link: Link, topics: Topics, topic: str, wanted: Mapping[TopicPartition, int]) -> Spans:
    starts = await offsets.bounds(link, topics, [topic], offsets.OLDEST)
    ends = await offsets.bounds(link, topics, [topic], offsets.NEWEST)
    spans = {at: (max(start, wanted.get(at, 0)), ends[at]) for at, start in starts.items()}
    return {at: (first, end) for at, (first, end) in spans.items() if first < end}


async def _read(link: Link, spans: Spans, limit: int) -> dict[TopicPartition, list[Record]]:
    """Read each span to its end, or until it has given enough."""
    found: dict[TopicPartition, list[Record]] = {at: [] for at in spans}
    if not spans:
        return found
    consumer = aiokafka.AIOKafkaConsumer(**link.options.reader())
    try:
        await consumer.start()
        consumer.assign([to_kafka(at) for at in spans])
        for at, (first, _) in spans.items():
            consumer.seek(to_kafka(at), first)
        left = set(spans)
        while left:
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                for record in map(to_record, batch):
                    _keep(found[record.topic_partition], record, spans, limit)
            left -= await _finished(consumer, left, found, spans, limit)
    finally:
        await consumer.stop()
    return found


def _keep(kept: list[Record], record: Record, spans: Spans, limit: int) -> None:
    if len(kept) < limit and record.offset < spans[record.topic_partition][1]:
        kept.append(record)


async def _finished(
    consumer: Any,
    left: set[TopicPartition],
    found: Mapping[TopicPartition, list[Record]],
    spans: Spans,
    limit: int,
) -> set[TopicPartition]:
    """Tell which are read, and read them no more."""
    done = {
        at for at in left if len(found[at]) >= limit or await consumer.position(to_kafka(at)) >= spans[at][1]
    }
    consumer.pause(*map(to_kafka, done))
    return done
