"""Acquisition: what makes a run's frames appear, and when all of them are there.

Owns the accounting of exposures, files and frames. Knows no plan. An acquisition closes when each of its
exposures is final and each of their files is ingested or rejected, or given up; messages may come in any order, and
twice.
"""

from sqlmodel import Session, col, func, select

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import ExposureStored
from calibrant.contracts.common.v1 import JobFailed
from calibrant.contracts.ingest.v1 import FolderScanned, FrameIngested, FrameRejected
from calibrant.contracts.sequencer.v1 import ExposureRequest, FolderIngestRequested, RunRequested
from calibrant.rules.rulesets import RuleSet
from calibrant.runtime.ids import derive
from calibrant.sequencer.arriving import FINAL_FILES, accounted, arrived
from calibrant.sequencer.plan.sets import facts_of
from calibrant.sequencer.store.tables import (
    AcquisitionRow,
    ExposureRow,
    FileRow,
    FrameRow,
    RunRow,
    StepRow,
)

ENDED = ("closed", "failed")
"""States of acquisitions that nothing changes any more."""


def begin(session: Session, request: RunRequested, rules: RuleSet) -> list[Message]:
    """Write down what is to be acquired: exposures in build order, or a folder.

    Returns
    -------
    list of Message
        The request to ingest, for a folder.
    """
    if request.folder:
        row = AcquisitionRow(
            acquisition_id=derive(request.run_id, "acquisition", "0"),
            run_id=request.run_id,
            ordinal=0,
            image_type="",
            folder=request.folder,
            state="open",
        )
        session.add(row)
        return [reading(row, request.instrument)]
    order = [image_type.value for image_type in rules.image_types]
    asked = sorted(request.exposures, key=lambda e: order.index(e.image_type.lower()))
    position = 0
    for ordinal, exposures in enumerate(asked):
        position = _add_exposures(session, request.run_id, ordinal, exposures, position)
    return []


def reading(row: AcquisitionRow, instrument: str) -> FolderIngestRequested:
    """Return what asks ingest for the files of a folder."""
    return FolderIngestRequested(acquisition_id=row.acquisition_id, instrument=instrument, folder=row.folder)


def _add_exposures(session: Session, run_id: str, ordinal: int, asked: ExposureRequest, position: int) -> int:
    acquisition_id = derive(run_id, "acquisition", str(ordinal))
    session.add(
        AcquisitionRow(
            acquisition_id=acquisition_id,
            run_id=run_id,
            ordinal=ordinal,
            image_type=asked.image_type.upper(),
            filter=asked.filter,
            state="open",
        )
    )
    for exposure_time_s in asked.exposure_times_s:
        position += 1
        session.add(
            StepRow(
                step_id=derive(run_id, "step", str(position)),
                run_id=run_id,
                acquisition_id=acquisition_id,
                position=position,
                exposure_time_s=exposure_time_s,
                state="waiting",
            )
        )
    return position


def take_stored(session: Session, stored: ExposureStored) -> str | None:
    """Note how many files an exposure has; return the run it belongs to, if it is one of ours and still open."""
    acquisition = session.get(AcquisitionRow, stored.image.group_id)
    if acquisition is None or acquisition.state != "open":
        return None
    session.merge(
        ExposureRow(
            acquisition_id=acquisition.acquisition_id,
            image_name=stored.image.image_name,
            files=len(stored.files),
            file_names="/".join(file.ref.uri.rpartition("/")[2] for file in stored.files),
        )
    )
    return acquisition.run_id


def take_scan(session: Session, scanned: FolderScanned) -> str | None:
    """Note how many files a folder has; a problem, or none, is the reason for its failure. Return its run."""
    acquisition = session.get(AcquisitionRow, scanned.acquisition_id)
    if acquisition is None or acquisition.state != "open":
        return None
    acquisition.files_expected = scanned.files
    if scanned.problem or scanned.files == 0:
        nothing = (
            f"no file in {scanned.folder} is named like a frame ({scanned.passed_over} others passed over)"
        )
        acquisition.reason = scanned.problem or nothing
    session.add(acquisition)
    return acquisition.run_id


def take_frame(session: Session, ingested: FrameIngested) -> str | None:
    """Note a frame; return the run it belongs to, if its acquisition is one of ours and still open."""
    acquisition = session.get(AcquisitionRow, ingested.acquisition_id)
    if acquisition is None:
        return None
    file = _file(session, acquisition, ingested.job_id, ingested.frame.file_name)
    if acquisition.state != "open":
        if file.state not in FINAL_FILES:
            file.state, file.message = "late", "came after its acquisition was closed"
            session.add(file)
        return None
    unfit = _unfit(session, acquisition, ingested)
    if unfit:
        file.state, file.reason, file.message = "rejected", "unfit", unfit
    else:
        session.merge(
            FrameRow(
                run_id=acquisition.run_id,
                job_id=ingested.job_id,
                frame_id=ingested.frame.frame_id,
                acquisition_id=acquisition.acquisition_id,
                detector=ingested.frame.detector,
                frame_json=ingested.frame.to_json().decode(),
            )
        )
        session.flush()
        file.frames_expected = ingested.frames_in_file
        mine = (FrameRow.run_id == acquisition.run_id, FrameRow.job_id == ingested.job_id)
        seen = session.exec(select(func.count()).select_from(FrameRow).where(*mine)).one()
        if file.state == "ingesting" and seen >= ingested.frames_in_file:
            file.state = "ingested"
    session.add(file)
    return acquisition.run_id


def take_rejection(session: Session, rejected: FrameRejected) -> str | None:
    """Note a file that ingest refused; return its run."""
    acquisition = session.get(AcquisitionRow, rejected.acquisition_id)
    if acquisition is None or acquisition.state != "open":
        return None
    file = _file(session, acquisition, rejected.job_id, rejected.file_name)
    if file.state != "ingested":
        file.state, file.reason, file.message = "rejected", rejected.reason, rejected.message
    session.add(file)
    return acquisition.run_id


def take_ingest_failure(session: Session, run_id: str, failed: JobFailed) -> str | None:
    """Note a file whose ingest job failed for good: it counts as rejected. Return its run.

    The message does not name the acquisition: a run with one has no doubt, in others the file counts for
    whichever lacks one.
    """
    of_run = session.exec(select(AcquisitionRow).where(AcquisitionRow.run_id == run_id)).all()
    if not any(acquisition.state == "open" for acquisition in of_run):
        return None
    file = session.get(FileRow, (run_id, failed.job_id)) or FileRow(
        run_id=run_id,
        job_id=failed.job_id,
        acquisition_id=of_run[0].acquisition_id if len(of_run) == 1 else "",
        state="ingesting",
    )
    if file.state != "ingested":
        file.state, file.reason, file.message = "rejected", failed.error, failed.reason
    session.add(file)
    return run_id


def settle(session: Session, run: RunRow, by_tai_ns: int) -> list[AcquisitionRow]:
    """Close what is complete or given up; return the acquisitions that were closed now.

    Parameters
    ----------
    session : Session
        The transaction.
    run : RunRow
        The run.
    by_tai_ns : int
        Until when it is waited for the files of exposures that have ended by now, TAI ns.
    """
    session.flush()
    rows = session.exec(
        select(AcquisitionRow)
        .where(AcquisitionRow.run_id == run.run_id)
        .order_by(col(AcquisitionRow.ordinal))
    ).all()
    if all(row.state in ENDED for row in rows):
        return []
    if any(row.folder for row in rows):
        complete = [row for row in rows if row.state == "open" and _folder_complete(session, row)]
    else:
        complete = arrived(session, run, rows, by_tai_ns)
    closing = [row for row in rows if row in complete or row.state == "overdue"]
    for row in closing:
        _close(session, row)
    return closing


def _folder_complete(session: Session, row: AcquisitionRow) -> bool:
    return row.files_expected is not None and accounted(session, row.acquisition_id) >= row.files_expected


def _close(session: Session, row: AcquisitionRow) -> None:
    mine = FrameRow.acquisition_id == row.acquisition_id
    frames = session.exec(select(func.count()).select_from(FrameRow).where(mine)).one()
    reasons = [
        f"exposure {step.position}: {step.reason}"
        for step in session.exec(
            select(StepRow)
            .where(
                StepRow.acquisition_id == row.acquisition_id, StepRow.state == "failed", StepRow.reason != ""
            )
            .order_by(col(StepRow.position))
        )
    ]
    row.state = "closed" if frames else "failed"
    told = [*([row.reason] if row.reason else []), *dict.fromkeys(reasons)]
    row.reason = "; ".join(told) or ("" if frames else "none of its files could be used")
    session.add(row)


def _file(session: Session, acquisition: AcquisitionRow, job_id: str, file_name: str) -> FileRow:
    file = session.get(FileRow, (acquisition.run_id, job_id))
    if file is None:
        return FileRow(
            run_id=acquisition.run_id,
            job_id=job_id,
            acquisition_id=acquisition.acquisition_id,
            file_name=file_name,
            state="ingesting",
        )
    file.acquisition_id, file.file_name = acquisition.acquisition_id, file_name
    return file


def _unfit(session: Session, acquisition: AcquisitionRow, ingested: FrameIngested) -> str:
    """Say why a frame cannot be planned with, whatever ingest let through."""
    run = session.get(RunRow, acquisition.run_id)
    if run is not None and ingested.frame.instrument != run.instrument:
        return f"a frame of {ingested.frame.instrument}, in a run of {run.instrument}"
    try:
        facts_of(ingested.frame)
    except ValueError as error:
        return f"its facts are impossible: {error}"
    return ""
