"""Records and partitions, from aiokafka's form to ours and back.

Owns what is done with what Kafka allows and we do not send: keys that are not UTF-8, and values that are missing.
"""

from typing import Any

import aiokafka

from calibrant.bus.records import Record, TopicPartition


def to_kafka(partition: TopicPartition) -> aiokafka.TopicPartition:
    """Give aiokafka's name of a partition."""
    return aiokafka.TopicPartition(partition.topic, partition.partition)


def to_record(at: TopicPartition, raw: Any) -> Record:
    """Give a record as a reader of ours meets it; nothing that a stranger sent makes this fail.

    Parameters
    ----------
    at
        The partition.
    raw
        From aiokafka, its time in milliseconds.
    """
    return Record(
        at.topic,
        at.partition,
        raw.offset,
        None if raw.key is None else raw.key.decode(errors="backslashreplace"),
        raw.value or b"",
        tuple((name, value or b"") for name, value in raw.headers),
        raw.timestamp * 1_000_000,
    )
