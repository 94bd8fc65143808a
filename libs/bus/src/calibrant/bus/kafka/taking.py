"""What a client of aiokafka has fetched, partition by partition, in our form.

Owns going on where it cannot decode something: it would stand there for ever, and drop what it had taken from
other partitions by then. Never waits but then. Must not know groups.
"""

from typing import Final

import aiokafka
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaError, UnsupportedCodecError

from calibrant.bus.kafka.batches import read_batches
from calibrant.bus.kafka.conversion import to_kafka, to_record
from calibrant.bus.kafka.topics import Topics
from calibrant.bus.records import Record, TopicPartition

_UNDECODED: Final = (CorruptRecordException, UnsupportedCodecError)


async def take(
    topics: Topics, client: aiokafka.AIOKafkaConsumer, at: TopicPartition, limit: int
) -> list[Record]:
    """Take records of one partition, and advance its position past them.

    Raises
    ------
    KafkaError
        Whatever else keeps them from coming.
    BusUnavailable, AccessDenied
        See `read_batches`.
    """
    place = to_kafka(at)
    try:
        taken = (await client.getmany(place, max_records=limit)).get(place, ())
    except Exception as error:
        if isinstance(error, KafkaError | ConsumerStoppedError) and not isinstance(error, _UNDECODED):
            raise
        return await _take_batches(topics, client, at, limit)
    return [to_record(at, raw) for raw in taken]


async def _take_batches(
    topics: Topics, client: aiokafka.AIOKafkaConsumer, at: TopicPartition, limit: int
) -> list[Record]:
    place = to_kafka(at)
    begin = await client.position(place)
    records = await read_batches(topics, at, begin, limit)
    if not records or await client.position(place) != begin:  # meanwhile it was put elsewhere
        return []
    client.seek(place, records[-1].offset + 1)
    return records
