"""Reading one file in a child process: fetch its bytes, check and classify them. Knows no table and no event.

A refusal is an outcome here, not a failure: its reason is recorded, and the file is kept aside.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import DataRef
from calibrant.contracts.ingest.v1 import IngestFile
from calibrant.frames.instrument import Instrument, InstrumentError, named_instrument
from calibrant.frames.reading import FrameRejected, RawFrame, RejectionReason, read_frames
from calibrant.frames.reading.layout import size_limit
from calibrant.ingest.listing import FRAME_NAME
from calibrant.runtime.handlers import Artifact, Outcome, Workspace
from calibrant.runtime.objects import ObjectDamaged, ObjectMissing, StoreUnavailable
from calibrant.runtime.objects.keys import split

FILE: Final = "file"
"""Name of the artifact: the file's bytes as they are."""
INSTRUMENTS: Final = "instruments"
"""Name of the setting: folder with further instrument files."""
FITS: Final = "image/fits"
"""Media type of a frame's file."""
_CHUNK = 1 << 20


class IngestRefused(PermanentError):
    """A job cannot be done as it stands: an unknown instrument, an address without a hash."""


class FrameFacts(BaseModel):
    """What is known of one frame after reading; times are TAI nanoseconds."""

    model_config = ConfigDict(frozen=True)

    frame_id: str
    pixels_sha256: str | None = None
    detector: int
    exposure_id: str
    image_type: str
    image_type_because: str
    begin_tai_ns: int
    exposure_time_s: float | None
    dark_time_s: float | None
    filter: str | None
    night: str


class FileFacts(BaseModel):
    """What reading a file gave: its frames, or the reason of its refusal in code and words.

    ``stored`` tells whether bytes of the file could be had at all.
    """

    model_config = ConfigDict(frozen=True)

    frames: tuple[FrameFacts, ...] = ()
    reason: str = ""
    message: str = ""
    stored: bool = True


def compute(job: IngestFile, workspace: Workspace) -> Outcome:
    """Read a file.

    A file of a folder is copied first, so that what is hashed and read is what is kept; a file in the object
    store stays where it is.

    Returns
    -------
    Outcome
        `FileFacts` as data; for a file of a folder its bytes, below ``frames`` or ``rejected``.

    Raises
    ------
    IngestRefused
        The instrument is unknown, or an address in the object store comes without a hash.
    KeyRefused
        The address is none.
    StoreUnavailable
        The copy cannot be written now, or the object store is away: the job waits, and no frame is lost for it.
    """
    instrument = _instrument(job, workspace)
    try:
        path = _fetch(job, workspace, size_limit(instrument))
    except FrameRejected as refusal:
        return _outcome(_refused(refusal.in_file(Path(job.file_name).name), stored=False))
    try:
        frames = read_frames(path, instrument, job.file_name)
    except FrameRejected as refusal:
        facts = _refused(refusal, stored=True)
    else:
        facts = FileFacts(frames=tuple(_facts(frame) for frame in frames))
    if in_store(job):
        return _outcome(facts)
    prefix = "frames" if facts.frames else "rejected"
    media_type = "application/gzip" if path.suffix == ".gz" else FITS
    return _outcome(facts, Artifact(name=FILE, path=path.name, prefix=prefix, media_type=media_type))


def in_store(job: IngestFile) -> bool:
    """Tell whether the job's file lies in the object store already."""
    return job.uri.startswith("objects:")


def stored_ref(job: IngestFile) -> DataRef:
    """Return the reference to a file that lies in the object store.

    Raises
    ------
    IngestRefused
        The job names no hash or size to check it by.
    """
    if job.sha256 is None or job.size_bytes is None:
        raise IngestRefused(f"{job.file_name}: {job.uri} comes without SHA-256 and size; name both")
    return DataRef(uri=job.uri, sha256=job.sha256, size_bytes=job.size_bytes, media_type=FITS)


def _instrument(job: IngestFile, workspace: Workspace) -> Instrument:
    try:
        return named_instrument(job.instrument, Path(workspace.config[INSTRUMENTS]))
    except InstrumentError as problem:
        raise IngestRefused(f"{job.file_name}: {problem}") from problem


def _fetch(job: IngestFile, workspace: Workspace, limit: int) -> Path:
    if in_store(job):
        try:
            return workspace.objects.local_path(stored_ref(job))
        except ObjectMissing as problem:
            detail = f"is not in the object store ({job.uri}); restore it, then ask again"
            raise FrameRejected(RejectionReason.UNREADABLE, detail) from problem
        except ObjectDamaged as problem:
            detail = (
                f"is damaged in the object store ({job.uri}): its hash differs; restore it, then ask again"
            )
            raise FrameRejected(RejectionReason.CORRUPT, detail) from problem
    source = Path(split(job.uri)[1])
    if refusal := workspace.objects.outside.refusal(source):
        raise FrameRejected(RejectionReason.UNREADABLE, refusal)
    ending = FRAME_NAME.search(job.file_name)
    copy = workspace.scratch / f"frame{ending[0].lower() if ending else ''}"
    _write(copy, _chunks(source, limit))
    return copy


def _chunks(source: Path, limit: int) -> Iterator[bytes]:
    """Yield a regular file's bytes; never waits on a pipe, never follows a link put there meanwhile."""
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise FrameRejected(RejectionReason.UNREADABLE, "is no regular file; give the file itself")
            left = limit
            while chunk := os.read(handle, _CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise _too_large(limit)
                yield chunk
        finally:
            os.close(handle)
    except OSError as problem:
        raise FrameRejected(
            RejectionReason.UNREADABLE, f"cannot be read: {problem.strerror}; check path and permissions"
        ) from problem


def _too_large(limit: int) -> FrameRejected:
    return FrameRejected(
        RejectionReason.TOO_LARGE,
        f"has more than {limit} bytes, the most that a file of this instrument can have; it is left where it is. "
        "Check that the instrument is the right one",
    )


def _write(copy: Path, chunks: Iterator[bytes]) -> None:
    try:
        with copy.open("xb") as target:
            for chunk in chunks:
                target.write(chunk)
    except OSError as problem:
        raise StoreUnavailable(
            f"cannot copy into the scratch folder: {problem.strerror}. Free some space; the work goes on from where it is"
        ) from problem


def _facts(frame: RawFrame) -> FrameFacts:
    facts = frame.facts
    return FrameFacts(
        frame_id=frame.frame_id,
        pixels_sha256=frame.pixels_sha256,
        detector=frame.detector,
        exposure_id=facts.exposure_id,
        image_type=facts.image_type.value,
        image_type_because=facts.because,
        begin_tai_ns=facts.begin_tai_ns,
        exposure_time_s=facts.exptime_s,
        dark_time_s=facts.dark_time_s,
        filter=facts.filter,
        night=facts.night,
    )


def _refused(refusal: FrameRejected, *, stored: bool) -> FileFacts:
    return FileFacts(reason=refusal.reason.value, message=str(refusal), stored=stored)


def _outcome(facts: FileFacts, *artifacts: Artifact) -> Outcome:
    return Outcome(artifacts=artifacts, data=facts.model_dump(mode="json"))
