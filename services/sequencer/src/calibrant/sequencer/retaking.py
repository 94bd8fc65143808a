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
    """Tell whether an acquisition gave no frame, was ended before it was complete, or has exposures that are not whole."""
    return row.state == "failed" or bool(_not_whole(session, row))


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
    session.add(again)
    for step in _not_whole(session, row):
        session.delete(step)
        session.add(_anew(step, retry))
    session.flush()
    for step in session.exec(select(StepRow).where(StepRow.acquisition_id == row.acquisition_id)).all():
        if step.state == "done":
            _bring_over(session, row, again, _images(session, step))
        step.acquisition_id = again.acquisition_id
    _forget_rest(session, row)
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
        if step.state != "done" or not _are_there(whole, _images(session, step))
    ]


def _are_there(whole: set[str], images: list[str]) -> bool:
    return bool(images) and whole.issuperset(images)


def _images(session: Session, step: StepRow) -> list[str]:
    taken = (CommandRow.step_id == step.step_id, CommandRow.image_names != "")
    commands = session.exec(select(CommandRow.image_names).where(*taken)).all()
    return [name for names in commands for name in names.split(",")]


def _bring_over(session: Session, row: AcquisitionRow, again: AcquisitionRow, images: list[str]) -> None:
    """Let images belong to another acquisition, with their files and frames."""
    for image in images:
        exposure = session.get_one(ExposureRow, (row.acquisition_id, image))
        named = col(FileRow.file_name).in_(exposure.file_names.split("/"))
        jobs = select(FileRow.job_id).where(FileRow.acquisition_id == row.acquisition_id, named)
        session.add(ExposureRow(**exposure.model_dump() | {"acquisition_id": again.acquisition_id}))
        for table, name in ((FrameRow, col(FrameRow.job_id).in_(jobs)), (FileRow, named)):
            mine = (col(table.run_id) == row.run_id, col(table.acquisition_id) == row.acquisition_id)
            moved = update(table).where(*mine, name).values(acquisition_id=again.acquisition_id)
            session.connection().execute(moved)
        session.flush()


def _forget_rest(session: Session, row: AcquisitionRow) -> None:
    """Forget an acquisition, with what is left of it, and files of which it is not known whose they are."""
    session.flush()
    for table in (ExposureRow, FileRow, FrameRow):
        session.connection().execute(delete(table).where(col(table.acquisition_id) == row.acquisition_id))
    stray = (col(FileRow.run_id) == row.run_id, col(FileRow.acquisition_id) == "")
    session.connection().execute(delete(FileRow).where(*stray))
    session.delete(row)
    session.flush()
    session.expire_all()  # what is loaded has the earlier identifier


def _anew(step: StepRow, retry: int) -> StepRow:
    return StepRow(
        step_id=derive(step.run_id, "step", str(step.position), f"retry {retry}"),
        run_id=step.run_id,
        acquisition_id=step.acquisition_id,
        position=step.position,
        exposure_time_s=step.exposure_time_s,
        state="waiting",
    )
