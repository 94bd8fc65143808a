"""What makes a service different from every other: its name, handlers, database, routes.

Owns that description and its check against the data flow. Knows no running process.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from calibrant.contracts.common.v1 import JobFailed
from calibrant.contracts.flow import topic_for, topics_consumed
from calibrant.runtime.database import Database
from calibrant.runtime.handlers import HandlerTable

if TYPE_CHECKING:
    from sqlmodel import Session

    from calibrant.runtime.process import ServiceProcess


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What makes a service different from every other.

    Parameters
    ----------
    name : str
        Its name in the data flow.
    service : object
        Its use cases; handlers reach it as ``context.service``.
    handlers : HandlerTable
        What it does with messages.
    database : Database
        Its own database.
    migrations : Path
        Folder with its Alembic revisions.
    router : APIRouter
        Its HTTP queries and controls.
    background : sequence
        Coroutine functions that run beside the handlers; each is given the process. What they must not be
        cancelled in the middle of, they do inside ``process.busy()``.
    config : mapping
        Plain settings for computations in child processes.
    facts : callable
        ``facts(session)`` gives what its status says of its own, in a transaction for reading; plain JSON.
    sole : str
        What only one process in a data folder, or on a server's database, may have while it runs, such as
        ``camera main``; empty: nothing.
    """

    name: str
    service: Any
    handlers: HandlerTable
    database: Database
    migrations: Path
    router: APIRouter = field(default_factory=APIRouter)
    background: Sequence[Callable[[ServiceProcess], Coroutine[Any, Any, None]]] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    facts: Callable[[Session], Mapping[str, Any]] = lambda _session: {}
    sole: str = ""

    def check(self) -> None:
        """Check the handlers against the data flow.

        Raises
        ------
        LookupError
            It handles messages that the data flow does not bring it, or computes jobs and may not say that
            one failed.
        """
        brought = {message for topic in topics_consumed(self.name) for message in topic.messages}
        for message in [*self.handlers.events, *self.handlers.jobs]:
            if message not in brought:
                raise LookupError(f"{self.name} handles {message}, but proto/topics.yaml brings it none")
        if self.handlers.jobs:
            topic_for(self.name, JobFailed.message_type)

    def topics(self) -> tuple[list[str], list[str]]:
        """Return the topics that bring jobs, and those that bring short work alone."""
        consumed = topics_consumed(self.name)
        jobs = [topic.name for topic in consumed if self.handlers.jobs.keys() & set(topic.messages)]
        return jobs, [topic.name for topic in consumed if topic.name not in jobs]
