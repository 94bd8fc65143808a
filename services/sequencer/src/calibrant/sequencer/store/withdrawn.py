"""Cameras that somebody disables while runs go on: those wait until somebody enables them again.

Owns from when on a camera is withdrawn, and from which runs. Must not know commands: a run itself never disables one.
"""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from calibrant.contracts.camera.v1 import SummaryState
from calibrant.sequencer.store.tables import CameraRow, RunRow, StepRow

_ENABLED = SummaryState.ENABLED.name


def withdrawn_since(before: CameraRow | None, state: str, now_tai_ns: int) -> int | None:
    """Return since when a camera is withdrawn, TAI ns, when it has come into a state; None: it is not."""
    if before is None or state == _ENABLED:
        return None
    if (before.summary_state, state) == (_ENABLED, SummaryState.DISABLED.name):
        return now_tai_ns
    return before.withdrawn_tai_ns


def is_withdrawn(camera: CameraRow | None, run: RunRow) -> bool:
    """Tell whether a camera was disabled after a run had begun, and not enabled since."""
    return bool(camera and camera.withdrawn_tai_ns and run.begun_tai_ns <= camera.withdrawn_tai_ns)


def waiting_for_it(session: Session, runs: Sequence[RunRow]) -> dict[str, str]:
    """Return why no exposure is taken for runs whose camera is withdrawn, and what to do."""
    told = {}
    for run in runs:
        camera = session.get(CameraRow, run.component)
        left = select(StepRow.step_id).where(StepRow.run_id == run.run_id, col(StepRow.state) == "waiting")
        if camera is not None and is_withdrawn(camera, run) and session.exec(left).first() is not None:
            told[run.run_id] = (
                f"camera {run.component} was disabled while the run went on, and is {camera.summary_state}: "
                "enable it, or stop the run"
            )
    return told
