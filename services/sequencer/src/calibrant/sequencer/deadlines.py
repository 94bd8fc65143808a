"""Until when a run is waited for: its frames, and its end. What is overdue is ended, and says what had not come.

Owns these deadlines. A sequencer that was away has not heard what came meanwhile: it waits as long again.
"""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from calibrant.rules.times import NS_PER_S
from calibrant.runtime.clock import Clock
from calibrant.sequencer.plan.model import PENDING
from calibrant.sequencer.plan.outcome import shortened
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.states import ENDED
from calibrant.sequencer.store.plans import load_draft, request_of
from calibrant.sequencer.store.tables import AcquisitionRow, RunRow

TITLES_TOLD = 5
"""Unfinished parts that a run's end names; of the rest only the number."""


def frames_within_s(run: RunRow, settings: SequencerSettings) -> float:
    """Return how long after the last exposure of a type its files may take, s."""
    asked = request_of(run).frames_within_s
    return settings.frames_within_s if asked is None else asked


def frames_by(run: RunRow, settings: SequencerSettings, now_tai_ns: int) -> int:
    """Return until when files are waited for whose exposures have ended by now, TAI ns."""
    return now_tai_ns + round(frames_within_s(run, settings) * NS_PER_S)


def finish_by(run: RunRow, now_tai_ns: int) -> int | None:
    """Return when a run has to end of which no frame is to come, TAI ns; None: it may take its time."""
    if run.finish_by_tai_ns is not None:
        return run.finish_by_tai_ns
    within_s = request_of(run).finish_within_s
    return None if within_s is None else now_tai_ns + round(within_s * NS_PER_S)


def note_taken(run: RunRow, now_tai_ns: int, *, taking: bool) -> None:
    """Note when the last frame of a run was there, and until when its end is waited for then."""
    run.taken_tai_ns = None if taking else run.taken_tai_ns or now_tai_ns
    run.finish_by_tai_ns = None if taking else finish_by(run, now_tai_ns)


def unfinished(session: Session, run: RunRow) -> str:
    """Say what of a run had not ended when its time was over."""
    nodes = load_draft(session, run.run_id)
    pending = [node for node in nodes if node.state in PENDING] or [node for node in nodes if not node.ended]
    titles = [f"{node.title} ({node.type})" for node in pending]
    named = ", ".join(shortened(titles, TITLES_TOLD))
    return f"not done {request_of(run).finish_within_s:g} s after its last frame: {named}"


@dataclass(frozen=True, slots=True)
class Overdue:
    """Finds what is overdue.

    Parameters
    ----------
    settings : SequencerSettings
        How long frames are waited for where a run does not say.
    clock : Clock
        The time.
    since_tai_ns : int
        Since when this sequencer has been there, TAI ns.
    """

    settings: SequencerSettings
    clock: Clock
    since_tai_ns: int

    def acquisitions(self, session: Session) -> list[AcquisitionRow]:
        """Return the acquisitions whose frames are overdue."""
        late = (AcquisitionRow.state == "open", col(AcquisitionRow.frames_by_tai_ns) <= self.clock.tai_ns())
        of_runs = select(AcquisitionRow, RunRow).join(RunRow, col(RunRow.run_id) == AcquisitionRow.run_id)
        found = session.exec(of_runs.where(*late))
        return [row for row, run in found if self._heard(frames_within_s(run, self.settings))]

    def runs(self, session: Session) -> list[RunRow]:
        """Return the runs that should have ended."""
        late = (col(RunRow.state).not_in(ENDED), col(RunRow.finish_by_tai_ns) <= self.clock.tai_ns())
        runs = session.exec(select(RunRow).where(*late)).all()
        return [run for run in runs if self._heard(request_of(run).finish_within_s or 0.0)]

    def _heard(self, waited_s: float) -> bool:
        """Tell whether this sequencer has been there as long as is to be waited."""
        return self.since_tai_ns + round(waited_s * NS_PER_S) <= self.clock.tai_ns()
