"""What log lines are about: fields bound to the work at hand, carried along by context variables.

Owns the names of the fields. A task, a thread of ``asyncio.to_thread`` and a call in a child process inherit them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calibrant.bus.cloudevents import Envelope
    from calibrant.bus.ports import Record
    from calibrant.runtime.intake import Decoded

Field = str | int
_FIELDS: ContextVar[Mapping[str, Field]] = ContextVar("calibrant_log_fields", default=MappingProxyType({}))
_EVENT: ContextVar[Decoded | None] = ContextVar("calibrant_log_event", default=None)


def fields() -> Mapping[str, Field]:
    """Return what is bound now."""
    event = _EVENT.get()
    return (
        _FIELDS.get() if event is None else {**_FIELDS.get(), **place_of(event), **event_of(event.envelope)}
    )


class about:  # noqa: N801  read as the function it would be, at a third of a generator's cost
    """Bind an event until the block ends; its fields are looked at only when something is logged."""

    __slots__ = ("_event", "_token")

    def __init__(self, event: Decoded) -> None:
        self._event = event

    def __enter__(self) -> None:
        self._token = _EVENT.set(self._event)

    def __exit__(self, *_: object) -> None:
        _EVENT.reset(self._token)


@contextmanager
def bound(**more: Field) -> Iterator[None]:
    """Bind further fields until the block ends."""
    token = _FIELDS.set({**_FIELDS.get(), **more})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def place_of(record: Record | Decoded) -> dict[str, Field]:
    """Return the fields that say where a record, or the message read from it, is in the log."""
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def event_of(envelope: Envelope) -> dict[str, Field]:
    """Return the fields that say which event and run it is, and the trace that it is in."""
    trace = (envelope.traceparent or "").split("-")
    return {
        "event_id": envelope.id,
        "event_type": envelope.type,
        **({"correlation_id": envelope.correlation_id} if envelope.correlation_id else {}),
        **({"trace_id": trace[1]} if len(trace) == 4 else {}),
    }
