"""SAL over Kafka on the wire: interface files, Avro schemas, framing, the schema registry."""

from calibrant.sal.wire.errors import (
    InterfaceError,
    RegistryAway,
    RegistryRefused,
    SampleMalformed,
    SampleWrong,
)
from calibrant.sal.wire.interface import Component, Field, Topic
from calibrant.sal.wire.reading import component_names, read_component
from calibrant.sal.wire.registry import SchemaRegistry
from calibrant.sal.wire.samples import TopicCodec
from calibrant.sal.wire.schemas import TopicNames, avro_schema, record_key, revision_code, topic_settings

__all__ = [
    "Component",
    "Field",
    "InterfaceError",
    "RegistryAway",
    "RegistryRefused",
    "SampleMalformed",
    "SampleWrong",
    "SchemaRegistry",
    "Topic",
    "TopicCodec",
    "TopicNames",
    "avro_schema",
    "component_names",
    "read_component",
    "record_key",
    "revision_code",
    "topic_settings",
]
