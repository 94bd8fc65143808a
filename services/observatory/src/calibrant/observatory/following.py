"""Asking for a run and following it to its end, over services that run here or elsewhere.

Owns the waiting: until the run is finished and what it certified is published. Shows nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from calibrant.archive.store import ArchiveQueries
from calibrant.bus.errors import CalibrantError, TransientError
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.runtime.access.callers import of_this_machine
from calibrant.runtime.clock import Clock
from calibrant.runtime.database import Database
from calibrant.runtime.objects import ObjectStore
from calibrant.sequencer.service import SequencerService, request_key
from calibrant.sequencer.states import ENDED
from calibrant.sequencer.store import SequencerQueries
from calibrant.sequencer.store.queries import RunView

POLL_S = 0.2


class Running(Protocol):
    """Services that a run is asked of."""

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def objects(self) -> ObjectStore:
        """Where their files are."""
        ...

    @property
    def sequencer(self) -> SequencerService:
        """The sequencer's use cases."""
        ...

    @property
    def patience_s(self) -> float:
        """How long they may be in trouble before the run is left to a later call, in seconds."""
        ...

    def database(self, service: str) -> Database:
        """Return a service's database, to be read."""
        ...

    def check_camera(self, request: RunRequested) -> None:
        """Make sure that the camera is the one that a run commands."""

    def begin_night(self) -> None:
        """Let the simulated camera go on in its next night, where it can be told to."""

    def troubles(self) -> Mapping[str, str]:
        """Return what does not work now."""
        ...


class RunStalled(CalibrantError):
    """The services cannot go on now: a full disk, a broken database. The run can be resumed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The run that a request led to."""

    run_id: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Parameters
    ----------
    view : RunView
        The run and its plan.
    publications : mapping of str to mapping
        What the archive says of the run's certified products, by product, the latest certification of each.
    to_publish : int
        How many products are to be published.
    """

    view: RunView
    publications: Mapping[str, Mapping[str, Any]]
    to_publish: int

    @property
    def published(self) -> int:
        """How many are public."""
        return sum(row["status"] == "current" for row in self.publications.values())

    @property
    def finished(self) -> bool:
        """Whether the run has ended and the archive has settled all it certified, well or ill."""
        settled = sum(row["status"] != "pending" for row in self.publications.values())
        return self.view.run.state in ENDED and settled == self.to_publish


def ask(running: Running, request: RunRequested) -> Asked:
    """Ask for a run, or find the unfinished one that asks for the same.

    Raises
    ------
    RunRefused
        The request cannot be carried out; the text says why.
    CameraBusy
        The camera takes the exposures of another run.
    """
    sequencer = running.sequencer
    unfinished = sequencer.unfinished(request_key(request))
    if unfinished is not None:
        return Asked(unfinished, resumed=True)
    if request.exposures:
        sequencer.check(request)
        running.check_camera(request)
        with running.database("sequencer").reading() as session:
            sequencer.check_free(session, request)
        if request.generate:
            running.begin_night()
    return Asked(sequencer.request_run(request, of_this_machine().given), resumed=False)


async def follow(running: Running, run_id: str) -> AsyncIterator[Progress]:
    """Yield a run's progress until it is finished and what it certified is published.

    Raises
    ------
    RunStalled
        The services have been in trouble for longer than one has patience with them.
    """
    well_s = running.clock.monotonic_s()
    while True:
        try:
            progress = await asyncio.to_thread(_look, running, run_id)
            yield progress
            if progress.finished:
                return
            troubles = await asyncio.to_thread(running.troubles)
        except TransientError as error:
            troubles = {"database": str(error)}
        if not troubles:
            well_s = running.clock.monotonic_s()
        elif running.clock.monotonic_s() - well_s > running.patience_s:
            raise RunStalled("; ".join(dict.fromkeys(troubles.values())))
        await asyncio.sleep(POLL_S)


def _look(running: Running, run_id: str) -> Progress:
    with running.database("sequencer").reading() as session:
        view = SequencerQueries(session).run(run_id)
    assert view is not None
    certified = {
        row.product_id: row.end_tai_ns for row in view.rows if row.type == "certify" and row.state == "done"
    }
    publications: dict[str, Mapping[str, Any]] = {}
    if certified:
        with running.database("archive").reading() as session:
            for row in ArchiveQueries(session).publications(products=certified):
                if row["end_tai_ns"] == certified[row["product"]]:
                    publications.setdefault(row["product"], row)
    return Progress(view, publications, len(certified))
