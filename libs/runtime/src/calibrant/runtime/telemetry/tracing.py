"""Spans as OpenTelemetry has them: one trace a run, one span an event, both derived from their identifiers.

Owns how spans hang together. A run's root span and an event's own span have derived identifiers (``ids.trace_parent``),
so that whoever only has the event, in whichever process, can hang something below it. All other spans have random ones.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from sqlalchemy import event
from sqlmodel import Session

from calibrant.bus.cloudevents import Envelope
from calibrant.bus.ports import Message
from calibrant.runtime.ids import trace_parent

_DERIVED: ContextVar[SpanContext | None] = ContextVar("calibrant_derived_span", default=None)


class _Ids(IdGenerator):
    """Identifiers as wanted for the span about to be made, else random ones."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        wanted = _DERIVED.get()
        return self._random.generate_span_id() if wanted is None else wanted.span_id

    def generate_trace_id(self) -> int:
        wanted = _DERIVED.get()
        return self._random.generate_trace_id() if wanted is None else wanted.trace_id


class ServiceTracer:
    """Makes the spans of one service.

    Parameters
    ----------
    service : str
        Its name.
    processor : SpanProcessor
        Where ended spans go; shared by the services of a process, and closed by whoever made it.
    """

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        release = version("calibrant-runtime")
        resource = Resource(
            {
                "service.namespace": "calibrant",
                "service.name": service,
                "service.version": release,
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            }
        )
        provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=_Ids())
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("calibrant.runtime", release)

    def span(self, name: str) -> AbstractContextManager[None]:
        """Make a span below the one at hand, until the block ends."""
        return self._around(name, None, SpanKind.INTERNAL)

    def handling(self, envelope: Envelope) -> AbstractContextManager[None]:
        """Make a span for dealing with an event, below the event's own."""
        parent = _parsed(envelope.traceparent or "") or _root(envelope.correlation_id)
        return self._around(f"handle {_short(envelope.type)}", parent, SpanKind.CONSUMER, _about(envelope))

    def continuing(self, traceparent: str, run_id: str, name: str) -> AbstractContextManager[None]:
        """Make a span for what a span of before has led to."""
        parent = _parsed(traceparent) or _root(run_id)
        return self._around(name, parent, SpanKind.INTERNAL, {"calibrant.run_id": run_id})

    def requested(self, traceparent: str, name: str) -> AbstractContextManager[None]:
        """Make a span for a request from outside."""
        return self._around(name, _parsed(traceparent), SpanKind.SERVER)

    def emitted(self, session: Session, envelope: Envelope) -> None:
        """Make the event's own span, when the transaction has committed."""
        own = _parsed(envelope.traceparent or "")
        assert own is not None
        at_hand = get_current_span().get_span_context()
        parent = at_hand if at_hand.trace_id == own.trace_id else _root(envelope.correlation_id)
        self._once_committed(session, f"emit {_short(envelope.type)}", own, parent, _about(envelope))

    def begun(self, session: Session, run_id: str) -> None:
        """Make the root span of a run, when the transaction has committed."""
        root = _root(run_id)
        assert root is not None
        self._once_committed(session, "run", root, None, {"calibrant.run_id": run_id})

    @contextmanager
    def sending(self, messages: Sequence[Message]) -> Iterator[None]:
        """Make a span for each message that is sent, below the event's own."""
        begun_ns = time.time_ns()
        yield
        for message in messages:
            parent = _parsed(dict(message.headers).get("traceparent", b"").decode("latin-1"))
            if parent is not None:
                self._tracer.start_span(
                    f"send {message.topic}", _below(parent), SpanKind.PRODUCER, start_time=begun_ns
                ).end()

    def here(self) -> str:
        """Return the span at hand as a W3C trace context; empty when there is none."""
        found = get_current_span().get_span_context()
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-01" if found.is_valid else ""

    @contextmanager
    def _around(
        self, name: str, parent: SpanContext | None, kind: SpanKind, about: dict[str, str] | None = None
    ) -> Iterator[None]:
        context = None if parent is None else _below(parent)
        with self._tracer.start_as_current_span(name, context, kind, about):
            yield

    def _once_committed(
        self, session: Session, name: str, own: SpanContext, parent: SpanContext | None, about: dict[str, str]
    ) -> None:
        """Make a span with an identifier of its own; it is linked to the one at hand if that is not its parent."""
        at_hand, begun_ns = get_current_span().get_span_context(), time.time_ns()
        links = [Link(at_hand)] if at_hand.is_valid and at_hand != parent else []

        def make(_session: Session) -> None:
            token = _DERIVED.set(own)
            try:
                context = Context() if parent is None else _below(parent)
                made = self._tracer.start_span(name, context, SpanKind.PRODUCER, about, links, begun_ns)
            finally:
                _DERIVED.reset(token)
            made.end()

        listen: Callable[..., None] = event.listen
        listen(session, "after_commit", make, once=True)


def _below(parent: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _root(run_id: str | None) -> SpanContext | None:
    return _parsed(trace_parent(run_id, run_id)) if run_id else None


def _parsed(traceparent: str) -> SpanContext | None:
    """Read a W3C trace context; None for what is none."""
    parts = traceparent.split("-")
    try:
        found = SpanContext(int(parts[1], 16), int(parts[2], 16), is_remote=True, trace_flags=TraceFlags(1))
    except (IndexError, ValueError):
        return None
    return found if found.is_valid else None


def _about(envelope: Envelope) -> dict[str, str]:
    return {
        "calibrant.event_id": envelope.id,
        "calibrant.event_type": envelope.type,
        "calibrant.run_id": envelope.correlation_id or "",
    }


def _short(message_type: str) -> str:
    return message_type.rpartition(".")[2]
