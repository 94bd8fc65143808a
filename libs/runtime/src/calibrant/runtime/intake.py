"""From a record to a message with its handler, or to the reason why not.

Owns decoding; every kind of garbage ends here as Poison, every unknown type is counted and skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from calibrant.bus.cloudevents import Envelope, from_record
from calibrant.bus.errors import Malformed
from calibrant.bus.records import MOST_BODY_BYTES, Record
from calibrant.contracts.base import Message
from calibrant.contracts.generated.registry import MESSAGES

_NUL_IN_JSON: Final = rb"\u0000"
"""The only way that JSON has to say U+0000."""


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
        It is no event of ours, or its body does not fit its type or holds U+0000, which PostgreSQL keeps in no
        text; the message names the field.
    """
    envelope = from_record(record)
    if envelope.type not in wanted:
        return None
    if len(envelope.data) > MOST_BODY_BYTES:
        raise Malformed(
            f"{envelope.type}: body has {len(envelope.data)} bytes: at most {MOST_BODY_BYTES} are read"
        )
    try:
        message = MESSAGES[envelope.type].from_json(envelope.data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise Malformed(f"{envelope.type}: {place}: {first['msg']}") from None
    if _NUL_IN_JSON in envelope.data and (field := next(_with_nul(message.model_dump()), None)):
        raise Malformed(f"{envelope.type}: {field}: holds U+0000, which no text of a message may")
    return Decoded(envelope, message, record.topic, record.partition, record.offset)


def _with_nul(value: Any, place: str = "") -> Iterator[str]:
    """Find the fields whose text, or a key of whose map, holds U+0000."""
    if isinstance(value, str) and "\0" in value:
        yield place
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _with_nul(name, place)
            yield from _with_nul(inner, f"{place}.{name}".lstrip("."))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for number, inner in enumerate(value):
            yield from _with_nul(inner, f"{place}.{number}")
