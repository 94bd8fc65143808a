"""The use cases about a run that is there: control it, and say what came of it."""

from dataclasses import dataclass
from functools import partial

from sqlmodel import Session, select

from calibrant.contracts.sequencer.v1 import RunReport
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.unit_of_work import Outgoing
from calibrant.sequencer.control import Action
from calibrant.sequencer.estimating import Estimate, estimate
from calibrant.sequencer.life import Life
from calibrant.sequencer.report import report_of
from calibrant.sequencer.service import NoSuchRun, SequencerService
from calibrant.sequencer.store.plans import request_of
from calibrant.sequencer.store.tables import RunRow


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run is after what was done to it: a `RunState` and a `Held`."""

    run_id: str
    state: str
    held: str


@dataclass(frozen=True, slots=True)
class Controls:
    """Controls runs.

    Parameters
    ----------
    service : SequencerService
        Whose runs they are.
    """

    service: SequencerService

    def control(self, run_id: str, action: Action, caller: Caller) -> Standing:
        """Pause, resume, stop or retry a run.

        Raises
        ------
        NoSuchRun
            There is no such run.
        ControlRefused
            It may not be done now.
        CameraBusy
            Exposures are to be taken again, and the camera takes those of another run.
        """
        cause = f"{action}:{run_id}:{self.service.clock.tai_ns()}"
        with self.service.work(cause, run_id) as unit:
            messages, standing = self.act(unit.session, run_id, action, caller)
            unit.emit(messages)
        return standing

    def act(
        self, session: Session, run_id: str, action: Action, caller: Caller
    ) -> tuple[list[Outgoing], Standing]:
        """Do the same within a transaction; return what is to be sent, too."""
        service = self.service
        run = session.exec(select(RunRow).where(RunRow.run_id == run_id).with_for_update()).first()
        if run is None:
            raise _no_such(run_id)
        free = partial(service.check_free, session, request_of(run))
        messages = Life(service.conductor(session, service.clock), run, caller.identity, free).act(action)
        deed = Deed(f"{action} run", run_id, run.held or run.state, run_id)
        record(session, service.clock.tai_ns(), caller, deed)
        return messages, Standing(run_id, run.state, run.held)

    def estimate(self, run_id: str) -> Estimate:
        """Estimate how long a run takes, and still will; raises as ``report``."""
        with self.service.database.reading() as session:
            run = session.get(RunRow, run_id)
            if run is None:
                raise _no_such(run_id)
            return estimate(session, run, self.service.settings.overhead_s, self.service.clock.tai_ns())

    def report(self, run_id: str) -> RunReport:
        """Return what came of a run so far.

        Raises
        ------
        NoSuchRun
            There is no such run.
        """
        with self.service.database.reading() as session:
            run = session.get(RunRow, run_id)
            if run is None:
                raise _no_such(run_id)
            return report_of(session, run)


def _no_such(run_id: str) -> NoSuchRun:
    return NoSuchRun(f"there is no run {run_id}")
