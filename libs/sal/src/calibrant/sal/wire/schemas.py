"""Makes the Avro schema of a topic, its code of revision, and its names on Kafka.

Pure: owns what stands in a schema and in which order. Must not know files, registries or brokers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from calibrant.sal.wire.interface import Component, Field, Topic
from calibrant.sal.wire.private import private_fields

Schema = dict[str, Any]
KINDS = MappingProxyType(
    {
        "boolean": ("boolean", False),
        "byte": ("int", 0),
        "short": ("int", 0),
        "int": ("int", 0),
        "long": ("int", 0),
        "long long": ("long", 0),
        "unsigned short": ("int", 0),
        "unsigned int": ("long", 0),
        "float": ("float", 0.0),
        "double": ("double", 0.0),
        "string": ("string", ""),
    }
)
"""By type in the interface files, the type in Avro and the default. A "long" has 32 bits."""

_INDENT = 4
_CODE_DIGITS = 8


def avro_schema(component: Component, topic: Topic) -> Schema:
    """Make the schema of a topic: the private fields, then its own.

    The namespace is the same for every ``LSST_TOPIC_SUBNAME``; topics and subjects are not.
    """
    return {
        "type": "record",
        "name": topic.name,
        "namespace": f"lsst.sal.{component.name}",
        "fields": [_field(one) for one in (*private_fields(component), *topic.fields)],
        "description": topic.description,
    }


def revision_code(schema: Schema) -> str:
    """Return the code of a schema's revision: the first eight digits of the MD5 of its JSON, indented by 4."""
    text = json.dumps(schema, indent=_INDENT)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:_CODE_DIGITS]


@dataclass(frozen=True, slots=True)
class TopicNames:
    """What a topic is called on Kafka and in the registry.

    Parameters
    ----------
    subname
        ``LSST_TOPIC_SUBNAME``: "sal" in production, anything else in tests.
    component
        Name of the component.
    topic
        Name of the topic in SAL.
    """

    subname: str
    component: str
    topic: str

    @property
    def kafka(self) -> str:
        """The topic on Kafka."""
        return f"lsst.{self.subname}.{self.component}.{self.topic}"

    @property
    def subject(self) -> str:
        """The subject in the registry."""
        return f"{self.kafka}-value"


def record_key(component: Component, topic: Topic, index: int) -> str:
    """Return the key of a topic's records: telemetry has none, all others one for each component and topic.

    It is what compaction keeps the last record of.
    """
    if topic.is_telemetry:
        return ""
    number = f'"index": {index}, ' if component.indexed else ""
    return f'{{ "name": "{component.name}", {number}"topic": "{topic.name}" }}'


def topic_settings(topic: Topic) -> dict[str, str]:
    """Return the settings of a topic on Kafka, which has one partition: events are compacted."""
    return {"cleanup.policy": "compact"} if topic.is_event else {}


def _field(field: Field) -> Schema:
    kind, default = KINDS[field.kind]
    several = field.count > 1
    return {
        "name": field.name,
        "type": {"type": "array", "items": kind} if several else kind,
        "default": [default] * field.count if several else default,
        "description": field.description,
        "units": field.units,
    }
