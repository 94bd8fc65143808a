"""What ingest does with messages: exposures and folders become jobs, jobs become frames or refusals."""

from collections.abc import Iterable

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import ExposureStored
from calibrant.contracts.ingest.v1 import IngestFile
from calibrant.contracts.sequencer.v1 import FolderIngestRequested
from calibrant.ingest.images import given_up_images
from calibrant.ingest.reading import FILE, FileFacts, compute, in_store, stored_ref
from calibrant.ingest.service import IngestService
from calibrant.runtime.handlers import Context, JobResult, job, on


@on(ExposureStored)
def take_in_exposure(message: ExposureStored, context: Context[IngestService]) -> Iterable[Message]:
    """Hand out a job for each file of an exposure."""
    return context.service.exposure(message)


@on(FolderIngestRequested)
def take_in_folder(message: FolderIngestRequested, context: Context[IngestService]) -> Iterable[Message]:
    """List a folder and hand out a job for each of its files; reads none."""
    return context.service.folder(message)


@job(IngestFile, compute=compute, given_up=given_up_images)
def record_file(message: IngestFile, result: JobResult, context: Context[IngestService]) -> Iterable[Message]:
    """Record the frames of a file, or why it is refused; a known job gives the same again."""
    facts = FileFacts.model_validate(result.data)
    ref = result.artifacts.get(FILE)
    if ref is None and in_store(message) and facts.stored:
        ref = stored_ref(message)
    return context.service.record(
        context.session, message, facts, ref, run_id=context.run_id, now_tai_ns=context.clock.tai_ns()
    )
