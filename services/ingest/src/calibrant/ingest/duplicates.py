"""Whether an acquisition has a frame already, under another name or behind another header. Reads the store only."""

from pathlib import Path

from sqlmodel import Session, col, select

from calibrant.contracts.ingest.v1 import IngestFile
from calibrant.frames.times import utc_text
from calibrant.ingest.reading import FileFacts, FrameFacts
from calibrant.ingest.store import AcquisitionFrameRow, FrameRow


def duplicate_of(session: Session, job: IngestFile, facts: FileFacts) -> str:
    """Say which file of the acquisition holds one of these frames already; empty where none does.

    Two exposures never have the same noise: frames with the same pixels are one, whatever their headers say.
    """
    name = Path(job.file_name).name
    for frame in facts.frames:
        link = session.get(AcquisitionFrameRow, (job.acquisition_id, frame.frame_id))
        if link is not None and link.job_id != job.job_id:
            return (
                f"{name}: holds the same frame as {link.file_name}, whatever its name and compression; remove one of the "
                "two"
            )
        twin = _same_pixels(session, job, frame)
        if twin is not None:
            other, file_name = twin
            return (
                f"{name}: holds the same pixels as {file_name}, but its header differs: {_differences(frame, other)}; "
                "the same noise is not exposed twice: remove the one whose header is wrong"
            )
    return ""


def _same_pixels(session: Session, job: IngestFile, frame: FrameFacts) -> tuple[FrameRow, str] | None:
    """Return another frame of the acquisition with the same pixels, and its file."""
    if frame.pixels_sha256 is None:
        return None
    query = (
        select(FrameRow, AcquisitionFrameRow.file_name)
        .join(AcquisitionFrameRow, col(AcquisitionFrameRow.frame_id) == col(FrameRow.frame_id))
        .where(
            col(FrameRow.pixels_sha256) == frame.pixels_sha256,
            col(FrameRow.detector) == frame.detector,
            col(FrameRow.frame_id) != frame.frame_id,
            col(AcquisitionFrameRow.acquisition_id) == job.acquisition_id,
            col(AcquisitionFrameRow.job_id) != job.job_id,
        )
        .order_by(col(AcquisitionFrameRow.file_name))
    )
    return session.exec(query).first()


def _differences(frame: FrameFacts, other: FrameRow) -> str:
    """Say in what the facts of two frames differ."""
    pairs = [
        ("exposure", frame.exposure_id, other.exposure_id),
        ("type", frame.image_type, other.image_type),
        ("begin", utc_text(frame.begin_tai_ns), utc_text(other.begin_tai_ns)),
        ("exposure time", frame.exposure_time_s, other.exposure_time_s),
        ("filter", frame.filter, other.filter),
    ]
    told = [f"{what} {mine} instead of {theirs}" for what, mine, theirs in pairs if mine != theirs]
    return ", ".join(told) or "in cards that nothing depends on"
