"""How a service says what it does with a message: ``@on`` for short work, ``@job`` for long work.

Owns the marks, the context a handler gets and the table a dispatcher looks into. Knows no bus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue

from calibrant.bus.cloudevents import Envelope
from calibrant.contracts.base import Message
from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.clock import Clock
from calibrant.runtime.ids import derive
from calibrant.runtime.objects import ObjectStore

if TYPE_CHECKING:  # a child process that computes needs no database
    from sqlmodel import Session

    from calibrant.runtime.unit_of_work import Emission

S = TypeVar("S")
M_contra = TypeVar("M_contra", bound=Message, contravariant=True)
_MARK = "__calibrant_handles__"


@dataclass(frozen=True, slots=True)
class Context(Generic[S]):
    """What a handler gets beside its message.

    Parameters
    ----------
    service
        The service's use cases.
    session
        The transaction of this unit of work; it is committed after the handler has returned.
    envelope
        What is said about the message: its id, its run (correlation), its time.
    clock
        The time.
    """

    service: S
    session: Session
    envelope: Envelope
    clock: Clock

    @property
    def run_id(self) -> str:
        """The run that the message belongs to; empty for none."""
        return self.envelope.correlation_id or ""

    def derive(self, *parts: str) -> str:
        """Return the identifier that belongs to this event and these parts."""
        return derive(self.envelope.id, *parts)


class Artifact(BaseModel):
    """A file that a computation left in its scratch folder.

    Parameters
    ----------
    name
        What it is, such as "product".
    path
        Where it lies, below the scratch folder.
    prefix
        Prefix in the object store, owned by the service: "products", "reports".
    media_type
        Media type.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    prefix: str
    media_type: str


class Outcome(BaseModel):
    """What a computation hands back: files to keep, facts as JSON, and how many pixels of frames it read."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    artifacts: tuple[Artifact, ...] = ()
    data: Mapping[str, JsonValue] = {}
    backend: str = ""
    pixels: int = 0


class JobResult(BaseModel):
    """What is recorded of a job: where its files went, and its facts."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    execution_id: str
    artifacts: Mapping[str, DataRef] = {}
    data: Mapping[str, JsonValue] = {}


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a computation gets beside its job; it runs in a child process and sees nothing else.

    Parameters
    ----------
    scratch
        An empty folder of its own; deleted when what it holds is kept.
    objects
        The object store, for reading.
    config
        Plain settings of the service, such as where instrument files lie.
    known
        What the service's database says about the job, as its ``gather`` gave it; plain JSON.
    """

    scratch: Path
    objects: ObjectStore
    config: Mapping[str, str]
    known: Mapping[str, JsonValue] = field(default_factory=dict)


Compute = Callable[[Any, Workspace], Outcome]
Gather = Callable[[Any, Any, "Session"], Mapping[str, JsonValue]]
"""``gather(job, service, session)``: what a computation is to know of the service's database."""
GivenUp = Callable[[Any, str], "Iterable[Emission]"]
"""``given_up(job, why)``: what is told, beside ``JobFailed``, of a job that became a dead letter."""


class Handler(Protocol[M_contra]):
    """Deals with a message in one short transaction and returns the events that follow from it."""

    def __call__(self, message: M_contra, context: Context[Any], /) -> Iterable[Emission] | None:
        """Deal with a message."""
        ...


@dataclass(frozen=True, slots=True)
class EventHandler:
    """The handler of one type of message."""

    message: type[Message]
    handle: Callable[[Any, Context[Any]], Iterable[Emission] | None]


@dataclass(frozen=True, slots=True)
class JobHandler:
    """The two halves of a job: computing it in a child process, recording it in one short transaction."""

    message: type[Message]
    compute: Compute
    record: Callable[[Any, JobResult, Context[Any]], Iterable[Emission] | None]
    gather: Gather | None = None
    preload: tuple[str, ...] = ()
    given_up: GivenUp | None = None

    @property
    def modules(self) -> tuple[str, ...]:
        """What child processes import ahead."""
        return (self.compute.__module__, *self.preload)


F = TypeVar("F", bound=Callable[..., Any])


def on(message: type[Message]) -> Callable[[F], F]:
    """Mark a function as the handler of a type of message: ``handle(message, context) -> events``.

    It runs on a worker thread inside one transaction, which events that wait already share; it sees what
    those before it left in the database, and no object of theirs. It commits nothing, publishes nothing and
    catches nothing: it returns events. It may be called again for an event whose transaction was undone.
    """

    def mark(function: F) -> F:
        setattr(function, _MARK, EventHandler(message, function))
        return function

    return mark


def job(
    message: type[Message],
    *,
    compute: Compute,
    gather: Gather | None = None,
    preload: tuple[str, ...] = (),
    given_up: GivenUp | None = None,
) -> Callable[[F], F]:
    """Mark a function as what records a job: ``record(job, result, context) -> events``.

    ``compute(job, workspace) -> Outcome`` is a function at the top of a module; it runs in a child process,
    before and outside the transaction. ``record`` may be called again for a job whose result is known: it
    must leave the same rows and return the same events. ``gather(job, service, session)`` reads what the
    computation is to know of the service's database, in a transaction of its own before it. ``preload`` names
    modules that are imported only when ``compute`` is called: child processes import them ahead, as they do its
    own module, so that no job waits for that. ``given_up(job, why) -> events`` says what else is told of a job that has
    become a dead letter.

    Raises
    ------
    TypeError
        The message has no ``job_id``.
    """
    if "job_id" not in message.model_fields:
        raise TypeError(f"{message.message_type} has no field job_id: it is no job")

    def mark(function: F) -> F:
        setattr(function, _MARK, JobHandler(message, compute, function, gather, preload, given_up))
        return function

    return mark


@dataclass(frozen=True, slots=True)
class HandlerTable:
    """What a service handles, by the full name of the message."""

    events: Mapping[str, EventHandler]
    jobs: Mapping[str, JobHandler]


def collect(*modules: ModuleType) -> HandlerTable:
    """Return the table of all marked functions of these modules.

    Raises
    ------
    ValueError
        Two functions handle the same type of message.
    """
    events: dict[str, EventHandler] = {}
    jobs: dict[str, JobHandler] = {}
    for module in modules:
        for value in vars(module).values():
            mark = getattr(value, _MARK, None)
            if mark is None:
                continue
            name = mark.message.message_type
            if name in events or name in jobs:
                raise ValueError(f"{module.__name__}: {name} is handled twice")
            if isinstance(mark, JobHandler):
                jobs[name] = mark
            else:
                events[name] = mark
    return HandlerTable(events, jobs)
