"""Spans for whoever works: where a run is and was, across services. Nothing, at no cost, unless traces are exported.

Owns which service's spans the work at hand belongs to, carried along by a context variable as in ``bound``. Knows no
OpenTelemetry: ``tracing`` does, and is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from sqlmodel import Session

    from calibrant.bus.cloudevents import Envelope
    from calibrant.bus.ports import Message


class Tracer(Protocol):
    """Makes one service's spans."""

    def span(self, name: str) -> AbstractContextManager[None]:
        """Make a span below the one at hand, until the block ends."""
        ...

    def handling(self, envelope: Envelope) -> AbstractContextManager[None]:
        """Make a span for dealing with an event, below the event's own."""
        ...

    def continuing(self, traceparent: str, run_id: str, name: str) -> AbstractContextManager[None]:
        """Make a span for what a span of before has led to."""
        ...

    def requested(self, traceparent: str, name: str) -> AbstractContextManager[None]:
        """Make a span for a request from outside."""
        ...

    def emitted(self, session: Session, envelope: Envelope) -> None:
        """Make the event's own span, when the transaction has committed."""

    def begun(self, session: Session, run_id: str) -> None:
        """Make the root span of a run, when the transaction has committed."""

    def sending(self, messages: Sequence[Message]) -> AbstractContextManager[None]:
        """Make a span for each message that is sent, below the event's own."""
        ...

    def here(self) -> str:
        """Return the span at hand as a W3C trace context; empty when there is none."""
        ...


_TRACER: ContextVar[Tracer | None] = ContextVar("calibrant_tracer", default=None)


def tracer_of(service: str, processor: SpanProcessor | None) -> Tracer | None:
    """Return what makes a service's spans; None when they go nowhere."""
    if processor is None:
        return None
    from calibrant.runtime.telemetry.tracing import ServiceTracer  # noqa: PLC0415

    return ServiceTracer(service, processor)


@contextmanager
def spans_of(tracer: Tracer | None) -> Iterator[None]:
    """Let the spans of this block be those of a service."""
    token = _TRACER.set(tracer)
    try:
        yield
    finally:
        _TRACER.reset(token)


def span(name: str) -> AbstractContextManager[None]:
    """Make a span for a step of the work at hand, such as ``compute``, until the block ends."""
    tracer = _TRACER.get()
    return nullcontext() if tracer is None else tracer.span(name)


def handling(envelope: Envelope) -> AbstractContextManager[None]:
    """Make a span for dealing with an event, until the block ends; an error that leaves it is noted."""
    tracer = _TRACER.get()
    return nullcontext() if tracer is None else tracer.handling(envelope)


def continuing(traceparent: str, run_id: str, name: str) -> AbstractContextManager[None]:
    """Make a span for work that was written down to be done later.

    Parameters
    ----------
    traceparent : str
        What ``here`` gave when it was written down; empty: the run's root.
    run_id : str
        The run; empty for none.
    name : str
        What is done, such as ``execute TakeImages``.
    """
    tracer = _TRACER.get()
    return nullcontext() if tracer is None else tracer.continuing(traceparent, run_id, name)


def requested(traceparent: str, name: str) -> AbstractContextManager[None]:
    """Make a span for a request from outside, until the block ends.

    Parameters
    ----------
    traceparent : str
        What the request says of the trace it belongs to; empty: nothing.
    name : str
        What is asked; one of few names.
    """
    tracer = _TRACER.get()
    return nullcontext() if tracer is None else tracer.requested(traceparent, name)


def sending(messages: Sequence[Message]) -> AbstractContextManager[None]:
    """Make a span for each message that the block sends."""
    tracer = _TRACER.get()
    return nullcontext() if tracer is None else tracer.sending(messages)


def wanted() -> bool:
    """Tell whether anybody makes spans of the work at hand."""
    return _TRACER.get() is not None


def emitted(session: Session, envelope: Envelope) -> None:
    """Note that an event is emitted in a transaction: its own span, which all that follows from it is below."""
    if (tracer := _TRACER.get()) is not None:
        tracer.emitted(session, envelope)


def begun(session: Session, run_id: str) -> None:
    """Note that a run begins in a transaction: the root span of its trace."""
    if (tracer := _TRACER.get()) is not None:
        tracer.begun(session, run_id)


def here() -> str:
    """Return the span at hand as a W3C trace context, to go on from later; empty when there is none."""
    tracer = _TRACER.get()
    return "" if tracer is None else tracer.here()
