"""What travels on the bus and where it lies: values only, no behaviour.

Owns topic, partition, message and record. Must not know how they are kept.
"""

from dataclasses import dataclass
from typing import Final

MOST_BODY_BYTES: Final = 4 * 1024 * 1024
"""Largest body of a message, whatever the engine: pixels never travel on the bus."""
MOST_FETCH_BYTES: Final = 16 * 1024 * 1024
"""How much one fetch gives, by about one record more."""


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    """One ordered part of a topic; partitions count from 0."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent.

    Parameters
    ----------
    topic
        Where to; must exist.
    key
        Messages of one key keep their order. None: any partition will do.
    value
        The body, opaque to the bus.
    headers
        Names and raw values, in order; a name may repeat.
    """

    topic: str
    key: str | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """What is received: a message with its place in the log.

    Parameters
    ----------
    topic, partition, offset
        Its place. Offsets grow by one from 0; retention and the engine may leave gaps.
    key, value, headers
        As sent.
    timestamp_ns
        When it was appended, POSIX time (UTC) in nanoseconds; an engine may round it to milliseconds.
        For retention and display only: an event's own time is in its envelope.
    """

    topic: str
    partition: int
    offset: int
    key: str | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ns: int

    @property
    def topic_partition(self) -> TopicPartition:
        """The partition it came from."""
        return TopicPartition(self.topic, self.partition)

    @property
    def size_bytes(self) -> int:
        """Bytes of its value and of its headers' values."""
        total = len(self.value)
        for _, value in self.headers:
            total += len(value)
        return total


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is laid out.

    Parameters
    ----------
    topic
        Its name.
    partitions
        How many; cannot change later, for keys would move. At least 1.
    retention_s
        Records older than this, in seconds, may be pruned. None: kept for ever.
    """

    topic: str
    partitions: int
    retention_s: float | None = None

    def __post_init__(self) -> None:
        if not self.topic or self.partitions < 1:
            raise ValueError(f"a topic needs a name and at least one partition: {self}")
        if self.retention_s is not None and not self.retention_s > 0:
            raise ValueError(f"retention_s must be positive, or None for ever: {self}")
