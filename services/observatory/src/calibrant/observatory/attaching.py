"""Services that run elsewhere, as one sees them from here: through their databases.

Owns what a command may do without starting a service: ask the sequencer for a run through its own use cases, and
look. What it asked for is sent by a sequencer that runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlmodel import func, select

from calibrant.bus.errors import CalibrantError, TransientError
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.observatory.composition import PATIENCE_ON_SERVERS_S, settings_of
from calibrant.observatory.settings import ObservatorySettings
from calibrant.runtime.adapters import known_database
from calibrant.runtime.clock import Clock, SystemClock
from calibrant.runtime.database import Database
from calibrant.runtime.objects import ObjectStore, open_store
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.telemetry.export import exported
from calibrant.runtime.telemetry.spans import Tracer, spans_of, tracer_of
from calibrant.runtime.unit_of_work import UnitOfWork, unit_of_work
from calibrant.sequencer.service import SequencerService

UNSENT_S = 5.0
"""How long the first in the sequencer's outbox may stand there."""


class NothingRuns(CalibrantError):
    """There are no services to give a run to."""


class NotYetThere(TransientError):
    """A service has not run there yet."""


@asynccontextmanager
async def attached(settings: ObservatorySettings) -> AsyncIterator[Attached]:
    """Attach to services that run elsewhere, until the block ends.

    Raises
    ------
    NothingRuns
        No sequencer has ever run there.
    DatabaseUnavailable
        The database is away.
    """
    async with exported(settings.otlp_endpoint) as processor:
        running = Attached(settings, tracer_of("sequencer", processor))
        try:
            yield running
        finally:
            running.close()


class Attached:
    """Services that run elsewhere.

    Parameters
    ----------
    settings : ObservatorySettings
        Where their databases and files are.
    tracer : Tracer or None
        Makes the spans with which a run begins; None: nobody collects them.
    """

    def __init__(self, settings: ObservatorySettings, tracer: Tracer | None = None) -> None:
        self._settings = settings
        self._tracer = tracer
        self._databases: dict[str, Database] = {}
        self._first: int | None = None
        self._first_seen_s = 0.0
        self.clock: Clock = SystemClock()
        self.objects: ObjectStore = open_store(settings)
        self.patience_s = PATIENCE_ON_SERVERS_S
        try:
            database = self.database("sequencer")
        except NotYetThere:
            raise NothingRuns(
                f"no sequencer has ever run on {settings.database or settings.data_dir}; "
                "`calibrant up` with the same options starts all services"
            ) from None
        self.sequencer = SequencerService(
            settings_of("sequencer", settings), database, self.clock, self._unit_of_work
        )

    def database(self, service: str) -> Database:
        """Return a service's database.

        Raises
        ------
        NotYetThere
            The service has not run there yet.
        """
        if service not in self._databases:
            found = known_database(self._settings, service)
            if found is None:
                raise NotYetThere(f"service {service} has not run there yet")
            self._databases[service] = found
        return self._databases[service]

    def check_camera(self, request: RunRequested) -> None:
        """Make sure that the camera that runs is the one that a run commands.

        Raises
        ------
        RunRefused
            It is another one.
        """
        with self.database("sequencer").reading() as session:
            self.sequencer.check_camera(session, request)

    def begin_night(self) -> None:
        """Leave the night as it is: a camera that runs decides for itself."""

    def troubles(self) -> dict[str, str]:
        """Tell when nobody sends what the sequencer has to send."""
        with self.database("sequencer").reading() as session:
            first = session.exec(select(func.min(OutboxRow.number))).one()
        if first != self._first:
            self._first, self._first_seen_s = first, self.clock.monotonic_s()
        if first is None or self.clock.monotonic_s() - self._first_seen_s < UNSENT_S:
            return {}
        return {
            "sequencer": "nobody sends what the sequencer has to send: none runs, or its log is away; "
            "`calibrant up` starts one"
        }

    def close(self) -> None:
        """Close the databases."""
        for database in self._databases.values():
            database.close()

    @contextmanager
    def _unit_of_work(self, cause: str, run_id: str) -> Iterator[UnitOfWork]:
        database = self.database("sequencer")
        with (
            spans_of(self._tracer),
            unit_of_work(database, "sequencer", self.clock, cause=cause, correlation_id=run_id) as unit,
        ):
            yield unit
