"""Looking into a topic without a group.

Owns the choice of the oldest or newest records over all partitions. Must not know groups.
"""

import asyncio
from collections.abc import Mapping
from heapq import merge

from calibrant.bus.kafka import offsets
from calibrant.bus.kafka.batches import read_batches
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
            found = [await _read(topics, at, *span, limit) for at, span in spans.items()]
    ordered = list(merge(*found, key=lambda record: record.timestamp_ns))
    return ordered[:limit] if from_start else ordered[-limit:]


async def _spans(link: Link, topics: Topics, topic: str, wanted: Mapping[TopicPartition, int]) -> Spans:
    starts = await offsets.bounds(link, topics, [topic], offsets.OLDEST)
    ends = await offsets.bounds(link, topics, [topic], offsets.NEWEST)
    spans = {at: (max(start, wanted.get(at, 0)), ends[at]) for at, start in starts.items()}
    return {at: (first, end) for at, (first, end) in spans.items() if first < end}


async def _read(topics: Topics, at: TopicPartition, first: int, end: int, limit: int) -> list[Record]:
    """Read one partition to the end of its span, or until it has given enough."""
    found: list[Record] = []
    while first < end and len(found) < limit:
        more = await read_batches(topics, at, first, limit - len(found))
        if not more:  # what is left are marks of the brokers' own
            break
        first = more[-1].offset + 1
        found += more
    return [record for record in found if record.offset < end]
