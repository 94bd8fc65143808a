"""The use cases of ingest, over its store: scan a folder, record a file. Must not know the bus or HTTP."""

from pathlib import Path

from sqlmodel import Session

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import ExposureStored
from calibrant.contracts.common.v1 import DataRef, TaiTime
from calibrant.contracts.ingest.v1 import (
    FolderScanned,
    Frame,
    FrameIngested,
    FrameRejected,
    IngestFile,
    TakenImage,
)
from calibrant.contracts.sequencer.v1 import FolderIngestRequested
from calibrant.frames.instrument import InstrumentError, named_instrument
from calibrant.frames.reading import RejectionReason
from calibrant.ingest.duplicates import duplicate_of
from calibrant.ingest.images import ingested_images, refused_images
from calibrant.ingest.listing import list_folder
from calibrant.ingest.reading import FileFacts, FrameFacts
from calibrant.ingest.store import AcquisitionFrameRow, FrameRow, RejectionRow
from calibrant.runtime.ids import derive
from calibrant.runtime.objects import FrameFolders


class IngestService:
    """Hands out a job for each file, and records what came of it.

    Parameters
    ----------
    instruments : Path
        Folder with further instrument files; need not exist.
    outside : FrameFolders
        Where folders may lie that are taken in.
    """

    def __init__(self, instruments: Path, outside: FrameFolders) -> None:
        self._instruments = instruments
        self._outside = outside

    def exposure(self, stored: ExposureStored) -> list[IngestFile]:
        """Return one job for each file of an exposure."""
        acquisition_id = stored.image.group_id
        return [
            IngestFile(
                job_id=derive("ingest", acquisition_id, file.ref.uri, file.ref.sha256),
                acquisition_id=acquisition_id,
                instrument=stored.instrument,
                file_name=file.ref.uri.rpartition("/")[2],
                uri=file.ref.uri,
                sha256=file.ref.sha256,
                size_bytes=file.ref.size_bytes,
                image=TakenImage(
                    camera=stored.component,
                    image_name=stored.image.image_name,
                    detector_name=file.detector_name or "",
                ),
            )
            for file in stored.files
        ]

    def folder(self, request: FolderIngestRequested) -> list[Message]:
        """List a folder: how many files it has, and one job for each."""
        problem = self._unknown(request.instrument) or self._outside.refusal(Path(request.folder))
        if problem:
            return [_scanned(request, problem=problem)]
        listing = list_folder(request.folder)
        scanned = _scanned(request, len(listing.files), listing.passed_over, listing.problem)
        jobs = [
            IngestFile(
                job_id=derive("ingest", request.acquisition_id, file.name),
                acquisition_id=request.acquisition_id,
                instrument=request.instrument,
                file_name=file.name,
                uri=f"file:{file.path}",
            )
            for file in listing.files
        ]
        return [scanned, *jobs]

    def record(
        self,
        session: Session,
        job: IngestFile,
        facts: FileFacts,
        ref: DataRef | None,
        *,
        run_id: str,
        now_tai_ns: int,
    ) -> list[Message]:
        """Record the frames of a file, or its refusal; a repetition leaves the same rows and events.

        A file with a frame, or only its pixels, that its acquisition has from another file is refused as a duplicate. In
        another acquisition the frame is known and counts again.

        Parameters
        ----------
        session : Session
            The transaction.
        job : IngestFile
            The job.
        facts : FileFacts
            What reading gave.
        ref : DataRef or None
            The file as it is kept; None where nothing could be kept.
        run_id : str
            The run.
        now_tai_ns : int
            When this is recorded.
        """
        if not facts.frames or ref is None:
            refused = _reject(session, job, facts, ref, run_id=run_id, now_tai_ns=now_tai_ns)
            return [refused, *refused_images(job, facts)]
        message = duplicate_of(session, job, facts)
        if message:
            duplicate = FileFacts(reason=RejectionReason.DUPLICATE.value, message=message)
            refused = _reject(session, job, duplicate, ref, run_id=run_id, now_tai_ns=now_tai_ns)
            return [refused, *refused_images(job, duplicate)]
        for frame in facts.frames:
            _keep(session, job, frame, ref, run_id=run_id, now_tai_ns=now_tai_ns)
        ingested = [
            FrameIngested(
                acquisition_id=job.acquisition_id,
                job_id=job.job_id,
                frame=_frame(job, frame, ref),
                frames_in_file=len(facts.frames),
            )
            for frame in facts.frames
        ]
        return [*ingested, *ingested_images(job)]

    def _unknown(self, instrument: str) -> str:
        try:
            named_instrument(instrument, self._instruments)
        except InstrumentError as problem:
            return str(problem)
        return ""


def _scanned(
    request: FolderIngestRequested, files: int = 0, passed_over: int = 0, problem: str = ""
) -> FolderScanned:
    return FolderScanned(
        acquisition_id=request.acquisition_id,
        folder=request.folder,
        files=files,
        passed_over=passed_over,
        problem=problem,
    )


def _keep(
    session: Session, job: IngestFile, frame: FrameFacts, ref: DataRef, *, run_id: str, now_tai_ns: int
) -> None:
    if session.get(AcquisitionFrameRow, (job.acquisition_id, frame.frame_id)) is not None:
        return
    session.merge(
        FrameRow(
            **frame.model_dump(),
            instrument=job.instrument,
            file_name=job.file_name,
            **ref.model_dump(),
            recorded_tai_ns=now_tai_ns,
        )
    )
    session.flush()  # the frame before what refers to it
    session.add(
        AcquisitionFrameRow(
            acquisition_id=job.acquisition_id,
            frame_id=frame.frame_id,
            job_id=job.job_id,
            file_name=job.file_name,
            run_id=run_id,
            recorded_tai_ns=now_tai_ns,
        )
    )


def _reject(
    session: Session,
    job: IngestFile,
    facts: FileFacts,
    ref: DataRef | None,
    *,
    run_id: str,
    now_tai_ns: int,
) -> FrameRejected:
    if session.get(RejectionRow, job.job_id) is None:
        session.add(
            RejectionRow(
                job_id=job.job_id,
                acquisition_id=job.acquisition_id,
                instrument=job.instrument,
                file_name=job.file_name,
                reason=facts.reason,
                message=facts.message,
                kept=None if ref is None else ref.uri,
                run_id=run_id,
                recorded_tai_ns=now_tai_ns,
            )
        )
    return FrameRejected(
        acquisition_id=job.acquisition_id,
        job_id=job.job_id,
        file_name=job.file_name,
        reason=facts.reason,
        message=facts.message,
        kept=ref,
    )


def _frame(job: IngestFile, facts: FrameFacts, ref: DataRef) -> Frame:
    known = facts.model_dump(exclude={"begin_tai_ns", "pixels_sha256"})
    begin = TaiTime.from_ns(facts.begin_tai_ns)
    return Frame(**known, instrument=job.instrument, begin=begin, file_name=job.file_name, ref=ref)
