"""From a record to a message with its handler, or to the reason why not.

Owns decoding; every kind of garbage ends here as Poison, every unknown type is counted and skipped.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from calibrant.bus.cloudevents import Envelope, from_record
from calibrant.bus.errors import Malformed
from calibrant.bus.ports import Record
from calibrant.contracts.base import Message
from calibrant.contracts.generated.registry import MESSAGES


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message that could be read, and where in the log it is."""

    envelope: Envelope
    message: Message
    topic: str
    partition: int
    offset: int


def decode(record: Record, wanted: frozenset[str]) -> Decoded | None:
    """Read a record.

    Parameters
    ----------
    record : Record
        As the bus gave it.
    wanted : frozenset of str
        Full names of the messages that the service handles.

    Returns
    -------
    Decoded or None
        None for a type that the service does not handle.

    Raises
    ------
    Malformed
        It is no event of ours, or its body does not fit its type; the text names the field.
    """
    envelope = from_record(record)
    if envelope.type not in wanted:
        return None
    try:
        message = MESSAGES[envelope.type].from_json(envelope.data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise Malformed(f"{envelope.type}: {place}: {first['msg']}") from None
    return Decoded(envelope, message, record.topic, record.partition, record.offset)
