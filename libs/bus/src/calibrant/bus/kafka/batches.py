"""Records as they lie on the brokers: batch by batch, where the client gives up on all for one it cannot decode.

Owns what becomes of such a batch: one record, whose value is the whole batch. Its reader cannot read that either,
and deals with it as with any other. Must not know groups.

Source: Apache Kafka's documentation, "Record Batch".
"""

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from aiokafka import errors as kafka
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from calibrant.bus.kafka.conversion import to_record
from calibrant.bus.kafka.topics import Topics
from calibrant.bus.records import Record, TopicPartition

_LOG = logging.getLogger(__name__)
_WAIT_MS: Final = 500
_UNCOMMITTED: Final = 0
_BYTES: Final = 1024 * 1024
"""How much comes with one answer; a first batch that is larger comes whole."""
_LENGTH: Final = 4
_PREFIX: Final = 12
"""Bytes of a batch that its length does not count: its first offset and the length itself."""


async def read_batches(topics: Topics, at: TopicPartition, offset: int, limit: int) -> list[Record]:
    """Read records from an offset on, as far as they come with one answer.

    Parameters
    ----------
    topics
        Of the bus.
    at
        The partition.
    offset
        The first to read.
    limit
        At most so many.

    Raises
    ------
    BusUnavailable, AccessDenied
        Nobody answers, or what is stored is damaged; we may not read it.
    """

    async def attempt() -> list[Record]:
        leader = (await topics.leaders([at.topic]))[at.topic][at.partition]
        places = [(at.topic, [(at.partition, offset, _BYTES)])]
        answer = await topics.link.ask(FetchRequest(_WAIT_MS, 1, _BYTES, _UNCOMMITTED, places), leader)
        ((_, ((_, code, *_, content),)),) = answer.topics
        error = kafka.for_code(code)
        if error is not kafka.NoError:
            raise error(f"{at.topic}[{at.partition}] from {offset}")
        return list(islice((one for one in decoded(at, content) if one.offset >= offset), limit))

    return await topics.link.retried(f"be read in {at.topic}[{at.partition}]", attempt)


def decoded(at: TopicPartition, content: bytes) -> Iterator[Record]:
    """Yield the records of batches; of one that cannot be decoded a single record, at its last offset.

    Raises
    ------
    CorruptRecordException
        A batch is not what was written.
    """
    begin = 0
    while (after := begin + _PREFIX) <= len(content):
        end = after + int.from_bytes(content[after - _LENGTH : after])
        if end <= len(content):  # the last one may be cut off
            yield from _of_batch(at, content[begin:end])
        begin = end


def _of_batch(at: TopicPartition, raw: bytes) -> list[Record]:
    batch: Any = MemoryRecords(raw).next_batch()
    if not batch.validate_crc():
        raise kafka.CorruptRecordException(
            f"the batch at {batch.base_offset} is damaged: its check sum is wrong"
        )
    if batch.is_control_batch:
        return []
    try:
        return [to_record(at, one) for one in batch]
    except Exception as error:  # noqa: BLE001  a stranger's bytes may be anything
        last = batch.next_offset - 1
        _LOG.warning(
            "%s[%d]: offsets %d to %d cannot be decoded and are one record: %r",
            *(at.topic, at.partition, batch.base_offset, last, error),
        )
        return [Record(at.topic, at.partition, last, None, raw, (), batch.max_timestamp * 1_000_000)]
