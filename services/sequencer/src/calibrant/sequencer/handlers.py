"""What the sequencer does with each message: note it, then let the runs go on. All in one transaction."""

from collections.abc import Iterable

from calibrant.contracts.camera.v1 import CommandAck, ExposureStored, SummaryStateChanged
from calibrant.contracts.certify.v1 import (
    CalibrationCertified,
    CalibrationWithdrawn,
    CertificationRefused,
    CollectionChanged,
    DecisionMade,
)
from calibrant.contracts.common.v1 import JobDone, JobFailed
from calibrant.contracts.ingest.v1 import FolderScanned, FrameIngested, FrameRejected
from calibrant.contracts.sequencer.v1 import QueueCommand, RunCommand, RunRequested
from calibrant.contracts.verify.v1 import MeasurementCompleted, VerificationCompleted
from calibrant.runtime.handlers import Context, on
from calibrant.runtime.unit_of_work import Emission
from calibrant.sequencer import acquisition, run_commands
from calibrant.sequencer.conductor import Conductor
from calibrant.sequencer.plan.results import Answer
from calibrant.sequencer.queue.commands import obey
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.store.certified import cut_out, keep_certification, keep_chain

SequencerContext = Context[SequencerService]
Emissions = Iterable[Emission]


def _conductor(context: SequencerContext) -> Conductor:
    return context.service.conductor(context.session, context.clock)


def _answered(answer: Answer, context: SequencerContext) -> Emissions:
    return _conductor(context).answered(answer)


@on(RunRequested)
def begin_run(request: RunRequested, context: SequencerContext) -> Emissions:
    """Begin a run, accepting it first if it did not come through our own door."""
    context.service.accept(context.session, request, context.clock.tai_ns())
    return _conductor(context).begin(request)


@on(QueueCommand)
def queue_commanded(command: QueueCommand, context: SequencerContext) -> Emissions:
    """Change a camera's queue, and answer."""
    return obey(command, context.session, context.service)


@on(RunCommand)
def run_commanded(command: RunCommand, context: SequencerContext) -> Emissions:
    """Pause, resume, stop or retry a run, and answer."""
    return run_commands.obey(command, context.session, context.service)


@on(SummaryStateChanged)
def camera_changed(changed: SummaryStateChanged, context: SequencerContext) -> Emissions:
    """Go on with the camera in its new state."""
    conductor = _conductor(context)
    conductor.commander.take_state(changed)
    return conductor.drive(changed.component)


@on(CommandAck)
def command_answered(ack: CommandAck, context: SequencerContext) -> Emissions:
    """Take an answer, and give the next command."""
    conductor = _conductor(context)
    conductor.commander.take_ack(ack)
    return conductor.drive(ack.component)


@on(ExposureStored)
def exposure_stored(stored: ExposureStored, context: SequencerContext) -> Emissions:
    """Expect the files of an exposure."""
    return _conductor(context).go_on([acquisition.take_stored(context.session, stored)])


@on(FolderScanned)
def folder_scanned(scanned: FolderScanned, context: SequencerContext) -> Emissions:
    """Expect the files of a folder."""
    return _conductor(context).go_on([acquisition.take_scan(context.session, scanned)])


@on(FrameIngested)
def frame_ingested(ingested: FrameIngested, context: SequencerContext) -> Emissions:
    """Take a frame."""
    return _conductor(context).go_on([acquisition.take_frame(context.session, ingested)])


@on(FrameRejected)
def frame_rejected(rejected: FrameRejected, context: SequencerContext) -> Emissions:
    """Expect no frame of a file any more."""
    return _conductor(context).go_on([acquisition.take_rejection(context.session, rejected)])


@on(JobDone)
def built(done: JobDone, context: SequencerContext) -> Emissions:
    """Take products."""
    return _answered(done, context)


@on(MeasurementCompleted)
def measured(completed: MeasurementCompleted, context: SequencerContext) -> Emissions:
    """Take measurements."""
    return _answered(completed, context)


@on(VerificationCompleted)
def verified(completed: VerificationCompleted, context: SequencerContext) -> Emissions:
    """Take a set's decision."""
    return _answered(completed, context)


@on(CalibrationCertified)
def certified(message: CalibrationCertified, context: SequencerContext) -> Emissions:
    """Take a calibration into the read model, and end its node."""
    keep_certification(context.session, message)
    return _answered(message, context)


@on(CalibrationWithdrawn)
def withdrawn(message: CalibrationWithdrawn, context: SequencerContext) -> Emissions:
    """Plan no more with what was withdrawn; what was planned with it stays."""
    cut_out(context.session, message)
    return ()


@on(CollectionChanged)
def collection_changed(message: CollectionChanged, context: SequencerContext) -> Emissions:
    """Note what a chain searches."""
    keep_chain(context.session, message)
    return ()


@on(CertificationRefused)
def refused(message: CertificationRefused, context: SequencerContext) -> Emissions:
    """Withhold a calibration."""
    return _answered(message, context)


@on(DecisionMade)
def decided(message: DecisionMade, context: SequencerContext) -> Emissions:
    """Go on as a person has decided."""
    return _answered(message, context)


@on(JobFailed)
def job_failed(failed: JobFailed, context: SequencerContext) -> Emissions:
    """End what waited for the job; the failure of an ingest job counts as a rejected file."""
    conductor = _conductor(context)
    if context.envelope.source.endswith("/ingest"):
        return conductor.go_on([acquisition.take_ingest_failure(context.session, context.run_id, failed)])
    return conductor.answered(failed)
