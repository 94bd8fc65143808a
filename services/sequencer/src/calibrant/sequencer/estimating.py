"""How long a run takes, and how long it still will: exposures by what was asked for, the rest by what past runs took.

Owns the estimate. It counts in the time of a camera that is not accelerated.
"""

from collections.abc import Iterable
from statistics import median

from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from calibrant.rules.times import NS_PER_S
from calibrant.sequencer.states import ENDED, RunState
from calibrant.sequencer.store.plans import request_of
from calibrant.sequencer.store.tables import RunRow, StepRow

PAST_RUNS = 10
"""Runs of the same instrument, the latest, that say how long the rest takes."""


class Estimate(BaseModel):
    """How long a run takes. None: nothing is known of it."""

    exposures_s: float | None = Field(
        description="All exposures, s; none: nobody knows how long a folder takes."
    )
    after_s: float | None = Field(
        description="From the last frame to the end, s, as in past runs of the instrument."
    )
    remaining_s: float | None = Field(description="From now to the end, s, of what is known.")


def estimate(session: Session, run: RunRow, overhead_s: float, now_tai_ns: int) -> Estimate:
    """Estimate how long a run takes.

    Parameters
    ----------
    session : Session
        The transaction.
    run : RunRow
        The run.
    overhead_s : float
        What an exposure takes beside its exposure time, s.
    now_tai_ns : int
        Now, TAI ns.
    """
    request = request_of(run)
    each_s = overhead_s + (request.wait_between_exposures_s or 0.0)
    asked = [t for exposures in request.exposures for t in exposures.exposure_times_s]
    steps = session.exec(select(StepRow).where(StepRow.run_id == run.run_id)).all()
    left = [step.exposure_time_s for step in steps if step.state in {"waiting", "commanded"}]
    after_s = _after(session, run)
    exposures_s = None if request.folder else _sum(asked, each_s)
    return Estimate(
        exposures_s=exposures_s,
        after_s=after_s,
        remaining_s=_remaining(
            run,
            None if request.folder else _sum(asked if run.state == RunState.PLANNED else left, each_s),
            after_s,
            now_tai_ns,
        ),
    )


def _sum(times_s: Iterable[float], each_s: float) -> float:
    return sum(time_s + each_s for time_s in times_s)


def _remaining(run: RunRow, taking_s: float | None, after_s: float | None, now_tai_ns: int) -> float | None:
    if run.state in ENDED:
        return 0.0
    if run.taken_tai_ns is None:
        return None if taking_s is None else taking_s + (after_s or 0.0)
    gone_s = (now_tai_ns - run.taken_tai_ns) / NS_PER_S
    return None if after_s is None else max(0.0, after_s - gone_s)


def _after(session: Session, run: RunRow) -> float | None:
    """Return how long past runs took from their last frame to their end, s: the median, for some waited for people."""
    ended = (RunState.DONE, RunState.DONE_WITH_FAILURES)
    like = (RunRow.instrument == run.instrument, col(RunRow.state).in_(ended), RunRow.run_id != run.run_id)
    past = session.exec(
        select(RunRow).where(*like).order_by(col(RunRow.number).desc()).limit(PAST_RUNS)
    ).all()
    took = [
        (one.ended_tai_ns - one.taken_tai_ns) / NS_PER_S
        for one in past
        if one.ended_tai_ns is not None and one.taken_tai_ns is not None
    ]
    return median(took) if took else None
