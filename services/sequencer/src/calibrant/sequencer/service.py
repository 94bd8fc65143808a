"""The sequencer's use cases: ask for a run, find one to resume, look after overdue answers."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial

from sqlmodel import Session, col, func, select

from calibrant.bus.errors import PermanentError
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.frames.instrument import Instrument, InstrumentError, named_instrument
from calibrant.rules.rulesets import RuleSet
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.clock import Clock
from calibrant.runtime.database import Database
from calibrant.runtime.telemetry import spans
from calibrant.runtime.unit_of_work import UnitOfWork
from calibrant.sequencer.checking import RunRefused, check_detectors, check_names, check_wish, refusals
from calibrant.sequencer.conductor import Conductor
from calibrant.sequencer.deadlines import Overdue
from calibrant.sequencer.late import late
from calibrant.sequencer.plan.parameters import with_usual
from calibrant.sequencer.possible import check_counts, check_filters
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.states import ON_CAMERA, RunState
from calibrant.sequencer.store.queries import SequencerQueries
from calibrant.sequencer.store.tables import CameraRow, RunRow

OpenWork = Callable[[str, str], AbstractContextManager[UnitOfWork]]
"""Opens a unit of work for a cause and a run."""

CheckRecipes = Callable[[Mapping[str, str]], None]
"""Raises a `PermanentError` of parameters, JSON text by ``recipe.parameter``, that a recipe does not take."""


class CameraBusy(PermanentError):
    """A run cannot be begun now, for its camera takes the exposures of another one, which the text names."""


class NoSuchRun(PermanentError):
    """There is no run of that name."""


def request_key(request: RunRequested) -> str:
    """Return the hash of what is asked for, whatever the run is called: the same wish has the same key."""
    wish = request.model_dump(mode="json", exclude={"run_id", "requested_by"})
    return hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()


class SequencerService:
    """Use cases over the sequencer's database.

    Parameters
    ----------
    settings : SequencerSettings
        Deadlines, attempts, the camera's name, where further instruments lie.
    database : Database
        The sequencer's own.
    clock : Clock
        The time.
    work : callable
        Opens a unit of work.

    Attributes
    ----------
    work : callable
        Opens a unit of work.
    check_recipes : callable or None
        Set by who has the recipes beside it. Without, a recipe refuses its own parameters, when a run is under way.
    """

    def __init__(self, settings: SequencerSettings, database: Database, clock: Clock, work: OpenWork) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.work = work
        self._overdue = Overdue(settings, clock, clock.tai_ns())
        self.check_recipes: CheckRecipes | None = None
        self._instruments: dict[str, Instrument] = {}

    def conductor(self, session: Session, clock: Clock) -> Conductor:
        """Return what lets runs go on in a transaction."""
        return Conductor(session, self.settings, self.instrument, clock)

    def instrument(self, name: str) -> Instrument:
        """Return an instrument, by a file of the user's own folder first.

        Raises
        ------
        RunRefused
            It is unknown, or its file is wrong.
        """
        if name not in self._instruments:
            try:
                self._instruments[name] = named_instrument(name, self.settings.instruments_dir)
            except InstrumentError as error:
                raise RunRefused(f"instrument {error}") from None
        return self._instruments[name]

    def check(self, request: RunRequested) -> None:
        """Make sure that a run can be begun.

        Raises
        ------
        RunRefused
            The text names all that is wrong, as far as it can be judged, and says what to do.
        """
        check_names(request)
        instrument = self.instrument(request.instrument)
        rules, known = instrument.rule_set(), [detector.id for detector in instrument.detectors]
        wrong = refusals(partial(check_wish, request, rules))
        if not wrong:  # else it is not known what is wished
            wrong = refusals(
                partial(check_counts, request, rules), partial(self._check_recipes, request, rules)
            )
        wrong += refusals(
            partial(check_detectors, request, known), partial(check_filters, request, instrument.filters)
        )
        if wrong:
            raise RunRefused("; ".join(wrong))

    def _check_recipes(self, request: RunRequested, rules: RuleSet) -> None:
        if self.check_recipes is None:
            return
        try:
            self.check_recipes(with_usual(request, rules).parameters)
        except PermanentError as problem:
            raise RunRefused(f"parameters: {problem}") from None

    def check_camera(self, session: Session, request: RunRequested) -> None:
        """Make sure that the camera, as it last told its state, is the one that a run commands.

        Raises
        ------
        RunRefused
            It reads out another instrument. One that has said nothing yet is waited for.
        """
        component = self.component_of(request)
        if not component or session.get(RunRow, request.run_id) is not None:
            return
        camera = session.get(CameraRow, component)
        if camera is not None and camera.instrument not in {"", request.instrument}:
            raise RunRefused(
                f"instrument: camera {camera.component} is {camera.instrument}, and the run is of {request.instrument}: "
                f"ask for {camera.instrument}, or start the camera again with CALIBRANT_INSTRUMENT={request.instrument}"
            )

    def component_of(self, request: RunRequested) -> str:
        """Return the camera that a run commands; empty for a folder."""
        return "" if request.folder else request.component or self.settings.component

    def check_free(self, session: Session, request: RunRequested) -> None:
        """Make sure that the camera that a run commands takes no other run's exposures.

        Raises
        ------
        CameraBusy
            It does; the text names the run.
        """
        component = self.component_of(request)
        if not component:
            return
        taking = (RunRow.component == component, col(RunRow.state).in_(ON_CAMERA))
        others = select(RunRow).where(*taking, RunRow.run_id != request.run_id)
        other = session.exec(others.order_by(col(RunRow.number))).first()
        if other is not None:
            raise CameraBusy(
                f"{component} is busy with run {other.run_id} ({other.state}): ask again when its exposures "
                "are taken, or stop it"
            )

    def request_run(self, request: RunRequested, roles: tuple[str, ...]) -> str:
        """Accept a run; it begins at once.

        Asking again for a run of the same name and wish changes nothing.

        Parameters
        ----------
        request : RunRequested
            What is asked for, and by whom.
        roles : tuple of str
            Roles that were given to who asks, for the audit.

        Returns
        -------
        str
            The run's identifier.

        Raises
        ------
        RunRefused
            It cannot be begun, or another wish has the same name.
        CameraBusy
            The camera takes the exposures of another run.
        """
        self.check(request)
        with self.work(f"request:{request.run_id}", request.run_id) as unit:
            if self._add(unit.session, request, roles, self.clock.tai_ns()):
                unit.emit([request])
        return request.run_id

    def accept(self, session: Session, request: RunRequested, now_tai_ns: int) -> None:
        """Accept a run that came as a message, within the message's transaction.

        Raises
        ------
        RunRefused
            It cannot be begun, or another wish has the same name.
        """
        if session.get(RunRow, request.run_id) is None:
            self.check(request)
            self.check_camera(session, request)
        self._add(session, request, (), now_tai_ns)

    def unfinished(self, key: str) -> str | None:
        """Return the run with this ``request_key`` that has not finished; None when there is none."""
        with self.database.reading() as session:
            return SequencerQueries(session).unfinished(key)

    def look_after(self) -> int:
        """Give up waiting for what is overdue: answers to commands, a silent camera, frames, a run's end. Return how many."""
        with self.database.reading() as session:
            found = late(session, self._overdue)
        for one in found:
            with self.work(one.cause, one.run_id) as unit:
                unit.emit(one.end(self.conductor(unit.session, self.clock)))
        return len(found)

    def _add(self, session: Session, request: RunRequested, roles: tuple[str, ...], now_tai_ns: int) -> bool:
        """Write an accepted run down; False when it is there already."""
        key = request_key(request)
        known = session.get(RunRow, request.run_id)
        if known is not None and known.request_key != key:
            raise RunRefused(f"run {request.run_id} exists and asks for something else: choose another name")
        if known is not None:
            return False
        self.check_free(session, request)
        last = session.exec(select(func.coalesce(func.max(RunRow.number), 0))).one()
        place = request.collection or self.instrument(request.instrument).daily_collection
        session.add(
            RunRow(
                run_id=request.run_id,
                number=last + 1,
                request_json=request.model_copy(update={"collection": place}).to_json().decode(),
                request_key=key,
                instrument=request.instrument,
                component=self.component_of(request),
                state=RunState.PLANNED,
                begun_tai_ns=now_tai_ns,
            )
        )
        caller, run_id = Caller(request.requested_by, roles), request.run_id
        record(session, now_tai_ns, caller, Deed("request run", run_id, "accepted", run_id))
        session.flush()
        spans.begun(session, request.run_id)
        return True
