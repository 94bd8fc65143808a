"""The private fields that every topic begins with. Owns their order and what is written into them."""

from __future__ import annotations

from typing import Any

from calibrant.runtime.clock import TAI_MINUS_UTC_S
from calibrant.sal.wire.interface import INDEX, Component, Field

_NS = 1_000_000_000
FIELDS = (
    Field("private_sndStamp", "double", "second", "When it was sent, TAI since 1970"),
    Field("private_rcvStamp", "double", "second", "When it was received, TAI since 1970; set by the reader"),
    Field("private_efdStamp", "double", "second", "When it was sent, UTC since 1970"),
    Field("private_kafkaStamp", "double", "second", "When the record was made, TAI since 1970"),
    Field(
        "private_seqNum", "long", description="Number of the sample; of a command: what answers name it by"
    ),
    Field("private_revCode", "string", description="Code of the schema's revision"),
    Field("private_identity", "string", description="Who sends: a component, or user@host"),
    Field("private_origin", "long", description="Process that sends"),
)
_INDEX = Field(INDEX, "long", description="Number of the component")


def private_fields(component: Component) -> tuple[Field, ...]:
    """Return the private fields of a component's topics; an indexed one's number comes first."""
    return (_INDEX, *FIELDS) if component.indexed else FIELDS


def stamped(
    fields: dict[str, Any], *, now_tai_ns: int, number: int, code: str, identity: str, origin: int
) -> dict[str, Any]:
    """Return a sample's fields with the private ones, as a sender fills them in.

    Parameters
    ----------
    fields
        The public fields, and ``salIndex`` where the component has one.
    now_tai_ns
        Now, in nanoseconds since 1970-01-01T00:00:00 TAI.
    number
        Sequence number.
    code
        Code of the schema's revision.
    identity, origin
        Who sends, and the number of the process.
    """
    now_s = now_tai_ns / _NS
    return fields | {
        "private_sndStamp": now_s,
        "private_efdStamp": (now_tai_ns - TAI_MINUS_UTC_S * _NS) / _NS,
        "private_kafkaStamp": now_s,
        "private_seqNum": number,
        "private_revCode": code,
        "private_identity": identity,
        "private_origin": origin,
    }
