"""The report of a run: what was taken, made, verified, certified, withheld and why; of the store as it is now."""

from sqlmodel import Session, col, func, select

from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.sequencer.v1 import RunReport, TakenReport
from calibrant.sequencer.plan.model import Draft
from calibrant.sequencer.plan.reporting import left_out, set_reports
from calibrant.sequencer.store.plans import load_draft
from calibrant.sequencer.store.tables import AcquisitionRow, FileRow, FrameRow, RunRow, StepRow


def report_of(session: Session, run: RunRow, draft: Draft | None = None) -> RunReport:
    """Return the report of a run, also of one that has not ended.

    Parameters
    ----------
    session : Session
        The transaction.
    run : RunRow
        The run.
    draft : Draft or None
        All its nodes, where they are at hand.
    """
    nodes = draft or Draft(load_draft(session, run.run_id))
    mine = select(AcquisitionRow).where(AcquisitionRow.run_id == run.run_id)
    rows = session.exec(mine.order_by(col(AcquisitionRow.ordinal))).all()
    return RunReport(
        run_id=run.run_id,
        instrument=run.instrument,
        state=run.state,
        begun=TaiTime.from_ns(run.begun_tai_ns),
        ended=None if run.ended_tai_ns is None else TaiTime.from_ns(run.ended_tai_ns),
        taken=tuple(_taken(session, row) for row in rows),
        sets=tuple(set_reports(nodes)),
        left_out=tuple(left_out(nodes)),
        message=run.message,
    )


def _taken(session: Session, row: AcquisitionRow) -> TakenReport:
    files = session.exec(select(FileRow).where(FileRow.acquisition_id == row.acquisition_id)).all()
    frames = select(func.count()).select_from(FrameRow).where(FrameRow.acquisition_id == row.acquisition_id)
    steps = session.exec(select(StepRow).where(StepRow.acquisition_id == row.acquisition_id)).all()
    refused = [file for file in files if file.state in {"rejected", "late"}]
    told = sorted(f"{file.file_name or file.job_id}: {file.message}" for file in refused)
    return TakenReport(
        what=row.folder or row.image_type,
        asked=(row.files_expected or 0) if row.folder else len(steps),
        taken=len(files) - len(refused) if row.folder else sum(step.state == "done" for step in steps),
        frames=session.exec(frames).one(),
        missing=(*([row.reason] if row.reason else []), *told),
    )
