"""Acquisitions that are made whole in a retry; must not know which, nor why.

An exposure is whole when all its files were taken in. One that is not is taken again for all detectors, and what there
is of it is left out: no detector has more frames than were asked for.
"""

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from calibrant.runtime.ids import derive
from calibrant.sequencer.store.tables import (
    AcquisitionRow,
    CommandRow,
    ExposureRow,
    FileRow,
    FrameRow,
    StepRow,
)


def is_lacking(session: Session, row: AcquisitionRow) -> bool:
    """Tell whether an acquisition has exposures that are not whole, or is a folder that gave no frame."""
    return row.state == "failed" if row.folder else bool(_not_whole(session, row))


def taken_again(session: Session, row: AcquisitionRow, retry: int) -> AcquisitionRow:
    """Put another acquisition in the place of one: it keeps the exposures that are whole, and takes the others.

    It has another identifier: what still comes of the earlier one is used for nothing.
    """
    again = AcquisitionRow(
        acquisition_id=derive(row.run_id, "acquisition", str(row.ordinal), f"retry {retry}"),
        run_id=row.run_id,
        ordinal=row.ordinal,
        image_type=row.image_type,
        filter=row.filter,
        folder=row.folder,
        state="open",
    )
    for step in _not_whole(session, row):
        for image in _images(session, step):
            _leave_out(session, row, image)
        session.delete(step)
        session.add(_anew(step, retry))
    session.delete(row)
    session.add(again)
    session.flush()
    of_none = (col(FileRow.run_id) == row.run_id, col(FileRow.acquisition_id).in_(("", row.acquisition_id)))
    session.exec(delete(FileRow).where(*of_none, col(FileRow.state) != "ingested"))
    for table in (StepRow, ExposureRow, FileRow, FrameRow):
        moved = update(table).where(col(table.acquisition_id) == row.acquisition_id)
        session.connection().execute(moved.values(acquisition_id=again.acquisition_id))
    session.expire_all()  # what is loaded has the earlier identifier
    return again


def _not_whole(session: Session, row: AcquisitionRow) -> list[StepRow]:
    """Return the exposures that were not taken, or not all of whose files were taken in."""
    mine = (FileRow.acquisition_id == row.acquisition_id, FileRow.state == "ingested")
    there = set(session.exec(select(FileRow.file_name).where(*mine)))
    stored = select(ExposureRow.image_name, ExposureRow.file_names)
    exposures = session.exec(stored.where(ExposureRow.acquisition_id == row.acquisition_id))
    whole = {image for image, names in exposures if there.issuperset(names.split("/"))}
    steps = (
        select(StepRow).where(StepRow.acquisition_id == row.acquisition_id).order_by(col(StepRow.position))
    )
    return [
        step
        for step in session.exec(steps).all()
        if step.state != "done" or not whole.issuperset(_images(session, step))
    ]


def _images(session: Session, step: StepRow) -> list[str]:
    taken = (CommandRow.step_id == step.step_id, CommandRow.image_names != "")
    commands = session.exec(select(CommandRow.image_names).where(*taken)).all()
    return [name for names in commands for name in names.split(",")]


def _leave_out(session: Session, row: AcquisitionRow, image: str) -> None:
    """Forget what was taken in of an image."""
    exposure = session.get(ExposureRow, (row.acquisition_id, image))
    if exposure is None:
        return
    names = col(FileRow.file_name).in_(exposure.file_names.split("/"))
    files = (col(FileRow.acquisition_id) == row.acquisition_id, names)
    jobs = select(FileRow.job_id).where(*files)
    frames = (col(FrameRow.acquisition_id) == row.acquisition_id, col(FrameRow.job_id).in_(jobs))
    session.exec(delete(FrameRow).where(*frames))
    session.exec(delete(FileRow).where(*files))
    session.delete(exposure)


def _anew(step: StepRow, retry: int) -> StepRow:
    return StepRow(
        step_id=derive(step.run_id, "step", str(step.position), f"retry {retry}"),
        run_id=step.run_id,
        acquisition_id=step.acquisition_id,
        position=step.position,
        exposure_time_s=step.exposure_time_s,
        state="waiting",
    )
