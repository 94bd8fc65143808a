"""Which topic a message goes to, and under which key. The table itself is generated.

Knows no transport: a topic here is a name and its rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calibrant.contracts.base import Message


@dataclass(frozen=True, slots=True)
class Topic:
    """One entry of proto/topics.yaml."""

    name: str
    producer: str
    messages: tuple[str, ...]
    keys: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int
    retention_days: int
    lossy: bool
    public: bool

    def key_of(self, message: Message) -> str:
        """Return the key that orders the message: the first of the topic's key fields that it has."""
        for path in self.keys:
            value: object = message
            for name in path.split("."):
                value = getattr(value, name, None)
            if isinstance(value, str):
                return value
        raise LookupError(
            f"{message.message_type} has none of the key fields {self.keys} of topic {self.name}"
        )


@cache
def topics() -> dict[str, Topic]:
    """Return all topics by name."""
    from calibrant.contracts.generated.topics import TOPICS  # noqa: PLC0415  the table imports this module

    return {topic.name: topic for topic in TOPICS}


@cache
def topic_for(producer: str, message_type: str) -> Topic:
    """Return the topic on which ``producer`` sends messages of this type.

    Raises
    ------
    LookupError
        The contract lets this producer send no such message.
    """
    for topic in topics().values():
        if topic.producer == producer and message_type in topic.messages:
            return topic
    raise LookupError(f"proto/topics.yaml has no topic on which {producer} sends {message_type}")


def topics_consumed(service: str) -> tuple[Topic, ...]:
    """Return the topics that a service acts on, in the order of the table."""
    return tuple(topic for topic in topics().values() if service in topic.consumers)
