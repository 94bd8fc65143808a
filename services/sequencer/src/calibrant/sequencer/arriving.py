"""What of an acquisition's exposures has come, what has not, and until when it is waited for.

Owns the deadline of arrivals. Must not know what is made of frames, nor what becomes of an acquisition that is closed.
"""

from collections.abc import Iterable

from sqlmodel import Session, col, func, select

from calibrant.sequencer.store.tables import (
    AcquisitionRow,
    CommandRow,
    ExposureRow,
    FileRow,
    RunRow,
    StepRow,
)

FINAL_STEPS = ("done", "failed")
FINAL_FILES = ("ingested", "rejected")
NAMES_TOLD = 10
"""Names of images or files that a reason has; of the rest only the number."""


def arrived(
    session: Session, run: RunRow, rows: Iterable[AcquisitionRow], by_tai_ns: int
) -> list[AcquisitionRow]:
    """Return the open acquisitions of which all has come; set the deadline of those whose exposures have ended.

    Parameters
    ----------
    session : Session
        The transaction.
    run : RunRow
        The run.
    rows : iterable of AcquisitionRow
        Its acquisitions.
    by_tai_ns : int
        Until when it is waited for files whose exposures have ended by now, TAI ns.
    """
    files = {row.acquisition_id: _files_lacking(session, row.acquisition_id) for row in rows}
    stray = (FileRow.run_id == run.run_id, FileRow.acquisition_id == "")
    strays = session.exec(select(func.count()).select_from(FileRow).where(*stray)).one()
    settled = sum(files.values()) <= strays
    found = []
    for row in rows:
        if row.state != "open" or not _ended(session, row.acquisition_id):
            continue
        if (settled or files[row.acquisition_id] == 0) and not _not_stored(session, row.acquisition_id):
            found.append(row)
        elif row.frames_by_tai_ns is None:
            row.frames_by_tai_ns = by_tai_ns
            session.add(row)
    return found


def accounted(session: Session, acquisition_id: str) -> int:
    """Count the files that are taken in or refused."""
    final = (FileRow.acquisition_id == acquisition_id, col(FileRow.state).in_(FINAL_FILES))
    return session.exec(select(func.count()).select_from(FileRow).where(*final)).one()


def give_up(session: Session, row: AcquisitionRow, waited_s: float) -> None:
    """Wait no longer for what has not come: it is named, and the acquisition closes without it.

    Exposures that were never stored have failed: a retry takes them again.
    """
    images = _not_stored(session, row.acquisition_id)
    files = _not_taken_in(session, row.acquisition_id)
    told = [
        f"{len(names)} {what} {waited_s:g} s after the last exposure: {_listed(names)}"
        for names, what in ((images, "images not stored"), (files, "files not taken in"))
        if names
    ]
    for command in _commands(session, row.acquisition_id):
        if set(command.image_names.split(",")) & set(images):
            session.get_one(StepRow, command.step_id).state = "failed"
    row.missing, row.reason, row.state = len(images) + len(files), "; ".join(told), "overdue"
    session.add(row)


def _files_lacking(session: Session, acquisition_id: str) -> int:
    """Count the files of stored exposures that nobody has told the end of."""
    total = select(func.coalesce(func.sum(ExposureRow.files), 0))
    files = session.exec(total.where(ExposureRow.acquisition_id == acquisition_id)).one()
    return max(0, int(files) - accounted(session, acquisition_id))


def _ended(session: Session, acquisition_id: str) -> bool:
    """Tell whether no exposure is to come."""
    steps = session.exec(select(StepRow).where(StepRow.acquisition_id == acquisition_id)).all()
    if any(step.state not in FINAL_STEPS for step in steps):
        return False
    return all(command.state != "open" for command in _commands(session, acquisition_id))


def _not_stored(session: Session, acquisition_id: str) -> list[str]:
    """Return the names of the images that were taken and of which no files are known."""
    stored = set(
        session.exec(select(ExposureRow.image_name).where(ExposureRow.acquisition_id == acquisition_id)).all()
    )
    taken = (
        name for one in _commands(session, acquisition_id) for name in one.image_names.split(",") if name
    )
    return [name for name in dict.fromkeys(taken) if name not in stored]


def _commands(session: Session, acquisition_id: str) -> list[CommandRow]:
    mine = select(StepRow.step_id).where(StepRow.acquisition_id == acquisition_id)
    commands = select(CommandRow).where(col(CommandRow.step_id).in_(mine))
    return list(session.exec(commands.order_by(col(CommandRow.image_names))).all())


def _not_taken_in(session: Session, acquisition_id: str) -> list[str]:
    """Return the names of the files that are stored, and neither taken in nor refused."""
    final = (FileRow.acquisition_id == acquisition_id, col(FileRow.state).in_(FINAL_FILES))
    seen = set(session.exec(select(FileRow.file_name).where(*final)).all())
    stored = session.exec(
        select(ExposureRow.file_names)
        .where(ExposureRow.acquisition_id == acquisition_id)
        .order_by(col(ExposureRow.image_name))
    ).all()
    return [name for names in stored for name in names.split("/") if name and name not in seen]


def _listed(names: list[str]) -> str:
    more = len(names) - NAMES_TOLD
    return ", ".join(names[:NAMES_TOLD]) + (f" and {more} more" if more > 0 else "")
