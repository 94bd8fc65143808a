"""Samples as bytes and back: Avro without its schema, in the frame of a registry.

Owns encoding, and what a reader with our schema makes of another writer's. Must not know how a schema is had.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from calibrant.sal.wire.errors import RegistryRefused, SampleMalformed, SampleWrong
from calibrant.sal.wire.framing import framed, unframed
from calibrant.sal.wire.interface import Component, Topic
from calibrant.sal.wire.private import private_fields
from calibrant.sal.wire.schemas import Schema, avro_schema, revision_code

_BROKEN = (EOFError, ValueError, TypeError, IndexError, KeyError, OverflowError, RecursionError, MemoryError)
"""What reading bytes of a stranger raises when they do not fit; a text that is no UTF-8 is a ValueError."""


@dataclass(frozen=True)
class TopicCodec:
    """Writes and reads the samples of one topic.

    Parameters
    ----------
    component
        The component.
    topic
        The topic.
    schema_id
        Number of our schema in the registry.
    find
        Gives another writer's schema by its number.
    """

    component: Component
    topic: Topic
    schema_id: int
    find: Callable[[int], Schema]
    schema: Schema = field(init=False)
    code: str = field(init=False)
    _parsed: Any = field(init=False, repr=False)
    _others: dict[int, Any] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        schema = avro_schema(self.component, self.topic)
        object.__setattr__(self, "schema", schema)
        object.__setattr__(self, "code", revision_code(schema))
        object.__setattr__(self, "_parsed", fastavro.parse_schema(schema))

    def encode(self, fields: dict[str, Any]) -> bytes:
        """Make the record of a sample; what is not given has its default.

        Raises
        ------
        SampleWrong
            A field is not the topic's, has the wrong type, or too many or too few elements.
        """
        known = {one.name: one for one in (*private_fields(self.component), *self.topic.fields)}
        for name, value in fields.items():
            if name not in known:
                raise SampleWrong(f"{self.topic.name} has no field {name!r}; it has {', '.join(known)}")
            if known[name].count > 1 and len(value) != known[name].count:
                raise SampleWrong(
                    f"{self.topic.name}.{name} has {known[name].count} elements; {len(value)} were given"
                )
        body = io.BytesIO()
        try:
            fastavro.schemaless_writer(body, self._parsed, fields, strict_allow_default=True)
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            raise SampleWrong(f"{self.topic.name} cannot be written: {error}") from None
        return framed(self.schema_id, body.getvalue())

    def decode(self, record: bytes) -> dict[str, Any]:
        """Read a record; what its writer's schema lacks has its default.

        Raises
        ------
        SampleMalformed
            It is no sample, is cut short or goes on too long, or its schema cannot be read as ours.
        RegistryRefused, RegistryAway
            Its schema cannot be had.
        """
        number, body = unframed(record)
        stream = io.BytesIO(body)
        try:
            found = fastavro.schemaless_reader(stream, self._writer(number), self._parsed)
        except (*_BROKEN, fastavro.read.SchemaResolutionError) as error:
            raise SampleMalformed(f"{self.topic.name} with schema {number} cannot be read: {error}") from None
        if stream.tell() != len(body):
            raise SampleMalformed(f"{self.topic.name}: {len(body) - stream.tell()} bytes follow its sample")
        assert isinstance(found, dict)
        return found

    def _writer(self, number: int) -> Any:
        if number == self.schema_id:
            return self._parsed
        if number not in self._others:
            try:
                self._others[number] = fastavro.parse_schema(self.find(number))
            except SchemaParseException as error:
                raise RegistryRefused(f"schema {number} of the registry is no schema: {error}") from None
        return self._others[number]
