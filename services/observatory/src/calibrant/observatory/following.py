"""Asking for a run and following it to its end, over running services.

Owns the waiting: until the run is finished and what it certified is published. Shows nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from calibrant.archive.store import ArchiveQueries
from calibrant.bus.errors import CalibrantError
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.observatory.composition import Observatory
from calibrant.sequencer.service import request_key
from calibrant.sequencer.store import SequencerQueries
from calibrant.sequencer.store.queries import RunView

POLL_S = 0.2
PATIENCE_S = 5.0
"""How long the services may be in trouble before the run is left to a later call."""


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
        return self.view.run.state == "finished" and settled == self.to_publish


def ask(running: Observatory, request: RunRequested) -> Asked:
    """Ask for a run, or find the unfinished one that asks for the same.

    Raises
    ------
    RunRefused
        The request cannot be carried out; the text says why.
    """
    sequencer = running.service("sequencer")
    unfinished = sequencer.unfinished(request_key(request))
    if unfinished is not None:
        return Asked(unfinished, resumed=True)
    if request.exposures:
        sequencer.check(request)
        if request.generate:
            running.service("camera").begin_night()
    return Asked(sequencer.request_run(request), resumed=False)


async def follow(running: Observatory, run_id: str) -> AsyncIterator[Progress]:
    """Yield a run's progress until it is finished and what it certified is published.

    Raises
    ------
    RunStalled
        The services have been in trouble for ``PATIENCE_S`` seconds.
    """
    clock = running.platform.clock
    troubled_since: float | None = None
    while True:
        progress = await asyncio.to_thread(_look, running, run_id)
        yield progress
        if progress.finished:
            return
        troubles = running.troubles()
        if not troubles:
            troubled_since = None
        elif troubled_since is None:
            troubled_since = clock.monotonic_s()
        elif clock.monotonic_s() - troubled_since > PATIENCE_S:
            raise RunStalled("; ".join(dict.fromkeys(troubles.values())))
        await asyncio.sleep(POLL_S)


def _look(running: Observatory, run_id: str) -> Progress:
    with running.process("sequencer").database.reading() as session:
        view = SequencerQueries(session).run(run_id)
    assert view is not None
    certified = {
        row.product_id: row.end_tai_ns for row in view.rows if row.type == "certify" and row.state == "done"
    }
    publications: dict[str, Mapping[str, Any]] = {}
    if certified:
        with running.process("archive").database.reading() as session:
            for row in ArchiveQueries(session).publications(products=certified):
                if row["end_tai_ns"] == certified[row["product"]]:
                    publications.setdefault(row["product"], row)
    return Progress(view, publications, len(certified))
