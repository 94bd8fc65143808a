"""Exposures that are taken again in a retry; must not know which, nor why."""

from sqlmodel import Session, select

from calibrant.runtime.ids import derive
from calibrant.sequencer.store.tables import AcquisitionRow, StepRow


def reopen(session: Session, row: AcquisitionRow, retry: int) -> None:
    """Let the exposures of an acquisition that failed be taken again, in new steps of its retry."""
    failed = (StepRow.acquisition_id == row.acquisition_id, StepRow.state == "failed")
    for step in session.exec(select(StepRow).where(*failed)).all():
        session.delete(step)
        session.add(
            StepRow(
                step_id=derive(row.run_id, "step", str(step.position), f"retry {retry}"),
                run_id=row.run_id,
                acquisition_id=row.acquisition_id,
                position=step.position,
                exposure_time_s=step.exposure_time_s,
                state="waiting",
            )
        )
    row.state, row.reason, row.frames_by_tai_ns, row.missing = "open", "", None, 0
    session.add(row)
    session.flush()
