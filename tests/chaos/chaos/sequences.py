"""The sequences that the site works on while faults rain: asked for one after the other, each for a day of its own.

Owns the requests and looking how far they are, through the databases alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy.exc import SQLAlchemyError

from calibrant.bus.errors import CalibrantError
from calibrant.contracts.sequencer.v1 import ExposureRequest, RunRequested
from calibrant.observatory.attaching import attached
from calibrant.observatory.requests import run_request
from calibrant.observatory.settings import ObservatorySettings
from calibrant.observatory.testing import Records
from calibrant.runtime.access.callers import LOCAL
from calibrant.runtime.settings import PlatformSettings
from calibrant.sequencer.states import ENDED

INSTRUMENT = "simcam-tiny"
FLAW = "light-leak"
FRAMES = {"BIAS": (5, 0.0, ""), "DARK": (3, 30.0, ""), "FLAT": (5, 5.0, "r")}
"""Of each image type: how many exposures, how long in seconds, through which filter."""
_FIRST_DAY = date(2026, 2, 1)
_FINISHED = f"select run_id from sequencer_run where state in {tuple(map(str, ENDED))}"
_SETTLED = "select run_id, count(*) from archive_publication where status <> 'pending' group by run_id"
_CERTIFIED = "select run_id, count(*) from certify_entry group by run_id"


def request_of(number: int, settings: ObservatorySettings, folder: str = "") -> RunRequested:
    """Make the request for a sequence, or for a folder with its frames: certified for a day of its own."""
    begin = _FIRST_DAY + timedelta(days=number)
    exposures = tuple(
        ExposureRequest(image_type=kind, exposure_times_s=(seconds,) * count, filter=through)
        for kind, (count, seconds, through) in FRAMES.items()
    )
    return run_request(
        settings,
        instrument=INSTRUMENT,
        exposures=() if folder else exposures,
        folder=folder,
        begin=begin.isoformat(),
        end=(begin + timedelta(days=1)).isoformat(),
        requested_by="chaos",
    )


@dataclass(slots=True)
class Sequences:
    """Sequences that were asked for.

    Parameters
    ----------
    settings : PlatformSettings
        Where databases are.
    asked : list of str
        The runs, in order.
    finished : set of str
        Those of them that have ended, with all that they certified published.
    """

    settings: PlatformSettings
    asked: list[str] = field(default_factory=list)
    finished: set[str] = field(default_factory=set)
    _wanted: RunRequested | None = None

    @property
    def unfinished(self) -> int:
        """How many have not ended."""
        return len(self.asked) - len(self.finished)

    def ask(self) -> bool:
        """Ask for one more; False while the database is away or the camera is busy: then the next call asks for the same."""
        settings = ObservatorySettings(
            **self.settings.model_dump(include=PlatformSettings.model_fields.keys())
        )
        if self._wanted is None:
            self._wanted = request_of(len(self.asked), settings)
        try:
            asyncio.run(_request(settings, self._wanted))
        except (CalibrantError, SQLAlchemyError):
            return False
        self.asked.append(self._wanted.run_id)
        self._wanted = None
        return True

    def look(self) -> None:
        """See which have ended; while the database is away, what was seen before stands."""
        records = Records(self.settings)
        try:
            ended = {run for (run,) in records.ask("sequencer", _FINISHED)}
            certified = dict(_pairs(records.ask("certify", _CERTIFIED)))
            settled = dict(_pairs(records.ask("archive", _SETTLED)))
        except (CalibrantError, SQLAlchemyError):
            return
        self.finished |= {
            run for run in ended & set(self.asked) if settled.get(run, 0) == certified.get(run, 0)
        }


def _pairs(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, int]]:
    return [(run, int(count)) for run, count in rows]


async def _request(settings: ObservatorySettings, request: RunRequested) -> None:
    async with attached(settings) as running:
        await asyncio.to_thread(running.sequencer.request_run, request, LOCAL.given)
