"""From our events and answers to the fields of SAL's, by their names.

Pure: owns what they are called on either side. Must not know Kafka. An event that is added to the contract is told at
once, with those fields that SAL's has; only other names take a line in ``TOPICS`` or ``FIELDS``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any

from calibrant.camera.wire.names import sal_name
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import AckCode, CommandAck, CommandHeader, Heartbeat, IntegrationMode
from calibrant.contracts.common.v1 import TaiTime
from calibrant.sal import command_name
from calibrant.sal.acks import ERROR
from calibrant.sal.wire.interface import COMMAND, EVENT, Component, Field, Topic
from calibrant.sal.wire.schemas import KINDS

TOPICS: Mapping[str, str] = MappingProxyType({"summaryStateChanged": "summaryState"})
"""By SAL name of an event of ours, that of SAL's where it is another."""

FIELDS: Mapping[str, str] = MappingProxyType({"dayObs": "imageDate", "timestampWritten": "timestamp"})
"""By name of a field of ours in SAL's spelling, that of SAL's where it is another."""

WORDS: Mapping[Enum, str] = MappingProxyType(
    {IntegrationMode.TIMED: "normal", IntegrationMode.COMMANDED: "calibration"}
)
"""By value of ours, SAL's word where it is a text there and another one."""

_ACKS: Mapping[AckCode, AckCode] = MappingProxyType({AckCode.STALLED: AckCode.IN_PROGRESS})
"""Clients of SAL take STALLED for the end of a command (docs/adr/0016)."""


def event_of(message: Message, component: Component) -> tuple[str, dict[str, Any]] | None:
    """Return the topic and the fields of an event; None where the component has no such event."""
    name = command_name(message)
    topic = component.topics.get(EVENT + TOPICS.get(name, name))
    if topic is None:
        return None
    return topic.name, _taken(topic, dict(_fields(message)))


def acknowledgement_of(ack: CommandAck, component: Component) -> dict[str, Any] | None:
    """Return the fields of an acknowledgement; None where nobody on SAL can have given the command."""
    topic = COMMAND + ack.command
    if ack.sequence_number is None or ack.origin is None or topic not in component.topics:
        return None
    return {
        "ack": _ACKS.get(ack.ack, ack.ack).number,
        "error": ack.error,
        "result": ack.result,
        "identity": ack.identity,
        "origin": ack.origin,
        "cmdtype": component.command_number(topic),
        "timeout": ack.timeout_s,
    }


def refusal_of(topic: str, header: CommandHeader, why: str, component: Component) -> dict[str, Any]:
    """Return the fields of the answer to a sample that is no command of ours."""
    return {
        "ack": AckCode.FAILED.number,
        "error": ERROR,
        "result": why,
        "identity": header.identity,
        "origin": header.origin,
        "cmdtype": component.command_number(topic),
    }


def _taken(topic: Topic, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields that the topic has and that are what they are there; the others keep their defaults."""
    plain = {one.name: _plain(fields[one.name], one) for one in topic.fields if one.name in fields}
    kinds = {one.name: _python_types(one.kind) for one in topic.fields}
    return {
        name: value
        for name, value in plain.items()
        if all(type(each) in kinds[name] for each in (value if isinstance(value, list) else [value]))
    }


def _python_types(kind: str) -> tuple[type, ...]:
    default = type(KINDS[kind][1])
    return (int, float) if default is float else (default,)


def _fields(message: Message) -> Iterator[tuple[str, Any]]:
    """Give all fields of a message and of those within it."""
    if isinstance(message, Heartbeat):
        yield "heartbeat", True
    for name in type(message).model_fields:
        value = getattr(message, name)
        if isinstance(value, TaiTime):
            spelt = sal_name(f"timestamp_{name}")
            yield FIELDS.get(spelt, spelt), value.ns / 1e9
        elif isinstance(value, Message):
            yield from _fields(value)
        elif value is not None:
            spelt = sal_name(name)
            yield FIELDS.get(spelt, spelt), value


def _plain(value: Any, field: Field) -> Any:
    """Return a value as SAL has it: states as numbers or by their names, lists as arrays or as texts with colons between."""
    if isinstance(value, Enum):
        return (
            WORDS.get(value, value.name) if field.kind == "string" else getattr(value, "number", value.value)
        )
    if isinstance(value, (list, tuple)) and field.kind != "string":
        return _array(value, field.count)
    return ":".join(map(_escaped, value)) if isinstance(value, (list, tuple)) else value


def _array(values: Sequence[Any], count: int) -> Any:
    """Return as many elements as SAL's field has, the last ones 0; one alone where it is no array."""
    filled = [*values, *[0] * (count - len(values))][:count]
    return filled[0] if count == 1 else filled


def _escaped(word: Any) -> str:
    """Return a word of a list, with a backslash before what would end it."""
    return str(word).replace("\\", "\\\\").replace(":", "\\:")
