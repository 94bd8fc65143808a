"""The other services, played from a script: what workers and the camera answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sequencer_messages import T0, certified_of, frame_of, product_of, ref_of

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    ExposureStored,
    Image,
    Stop,
    StoredFile,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.contracts.certify.v1 import CertificationRefused, CertifyJob
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone, JobFailed, TaiTime
from calibrant.contracts.ingest.v1 import FrameIngested
from calibrant.contracts.verify.v1 import (
    DecideJob,
    DetectorDecision,
    MeasureJob,
    MeasurementCompleted,
)
from calibrant.runtime.testing.reports import verification_completed
from calibrant.sal import NOT_NOW


@dataclass
class Script:
    """What the workers answer; by default every job succeeds and every product is accepted.

    Parameters
    ----------
    broken : set
        (kind, detector) whose combine job fails.
    rejected : set
        (kind, detector) that the gate does not accept.
    failing : set
        (kind, detector) that the gate accepts although some tests fail; that is noticed, too.
    conflicts : set
        (kind, detector) that certify refuses.
    """

    broken: set[tuple[str, int]] = field(default_factory=set)
    rejected: set[tuple[str, int]] = field(default_factory=set)
    failing: set[tuple[str, int]] = field(default_factory=set)
    conflicts: set[tuple[str, int]] = field(default_factory=set)

    def answer(self, job: Message) -> list[tuple[str, Message]]:
        """Return (service, message) pairs."""
        match job:
            case CombineJob():
                return [("combine", self._combine(job))]
            case MeasureJob():
                return [("verify", self._measure(job))]
            case DecideJob():
                return [("verify", self._decide(job))]
            case CertifyJob():
                return [("certify", m) for m in self._certify(job)]
        return []

    def _combine(self, job: CombineJob) -> Message:
        if (job.recipe, job.detector) in self.broken:
            return JobFailed(job_id=job.job_id, error="BadFrames", reason="saturated", attempts=1)
        return JobDone(job_id=job.job_id, execution_id="e", products=(product_of(job),))

    def _measure(self, job: MeasureJob) -> Message:
        return MeasurementCompleted(
            job_id=job.job_id,
            product_id=job.reference.product_id,
            kind=job.kind,
            detector=job.detector,
            results=ref_of(f"results|{job.detector}|{job.reference.product_id}"),
            passed=9,
            failed=0,
            not_applicable=0,
        )

    def _decide(self, job: DecideJob) -> Message:
        measured = {int(uri[1]): uri[2] for uri in (i.ref.uri.split("|") for i in job.inputs)}
        decisions = [
            DetectorDecision(
                detector=d,
                product_id=p,
                accepted=(job.kind, d) not in self.rejected,
                reason="too noisy" if (job.kind, d) in self.rejected else "all tests passed",
                verdict="certified with failures" if (job.kind, d) in self.failing else None,
            )
            for d, p in measured.items()
        ]
        missing = [
            DetectorDecision(detector=d, product_id="", accepted=False, reason=why)
            for d, why in job.missing.items()
        ]
        return verification_completed(
            *decisions,
            *missing,
            gate=job.gate,
            job_id=job.job_id,
            report_id=f"report-{job.job_id[:8]}",
            kind=job.kind,
            mode=job.mode,
            instrument=job.instrument,
            set_key=job.set_key,
            outcome="certified" if any(one.accepted for one in decisions) else "not certified",
            report=ref_of(job.job_id),
            findings=tuple(f"detector {d} is warm" for d in measured if (job.kind, d) in self.failing),
        )

    def _certify(self, job: CertifyJob) -> Iterator[Message]:
        for product in job.products:
            if (product.kind, product.detector) in self.conflicts:
                yield CertificationRefused(
                    job_id=job.job_id,
                    product_id=product.product_id,
                    collection=job.collection,
                    reason="bias-old is certified then",
                    conflicts=("cert-old",),
                )
            else:
                yield certified_of(product, job.collection, job.validity, job_id=job.job_id)


class CameraScript:
    """A camera with summary states.

    ``outcomes`` are the acknowledgements of the next takeImages, in order; so many of them as ``busy`` are refused
    before, because others command it; it goes into FAULT at commands of these numbers in ``faults``; of ``unstored`` images nothing is heard after their end; files of ``lost``
    (image, detector) are never taken in.
    """

    def __init__(self, detectors: Iterable[int] = (0,)) -> None:
        self.state = SummaryState.STANDBY
        self.outcomes: list[AckCode] = []
        self.deaf = False
        self.busy = 0
        self.faults: set[int] = set()
        self.taken = self.commanded = 0
        self.rejects: set[int] = set()
        self.unstored: set[int] = set()
        self.lost: set[tuple[int, int]] = set()
        self.detectors = tuple(detectors)

    def obey(self, command: Message) -> list[tuple[str, Message]]:
        if self.deaf:
            return []
        if isinstance(command, TakeImages):
            return self._take(command)
        if isinstance(command, Stop):
            return [self._ack(command, AckCode.COMPLETE, "")]
        steps = {
            "Start": (SummaryState.STANDBY, SummaryState.DISABLED),
            "Enable": (SummaryState.DISABLED, SummaryState.ENABLED),
            "Standby": (SummaryState.FAULT, SummaryState.STANDBY),
        }
        before, after = steps[type(command).__name__]
        if self.state is not before:
            return [self._ack(command, AckCode.FAILED, f"not allowed in {self.state.name}")]
        self.state = after
        return [self._ack(command, AckCode.COMPLETE, ""), self.tell()]

    def tell(self) -> tuple[str, Message]:
        return "camera", SummaryStateChanged(component="camera", summary_state=self.state, reason="")

    def _ack(
        self, command, code: AckCode, result: str, names: tuple[str, ...] = (), error: int = 0
    ) -> tuple[str, Message]:
        return "camera", CommandAck(
            command_id=command.header.command_id,
            component=command.header.component,
            command=type(command).__name__,
            ack=code,
            error=error,
            result=result,
            timeout_s=5.0,
            image_names=names,
            identity=command.header.identity,
            command_type=0,
        )

    def _take(self, command: TakeImages) -> list[tuple[str, Message]]:
        if self.busy:
            self.busy -= 1
            return [self._ack(command, AckCode.FAILED, "busy with takeImages", error=NOT_NOW)]
        if self.state is SummaryState.FAULT:
            return [self._ack(command, AckCode.FAILED, f"not in {self.state.name}", error=NOT_NOW)]
        self.commanded += 1
        if self.commanded in self.faults:
            self.state = SummaryState.FAULT
            return [self._ack(command, AckCode.FAILED, "shutter stuck"), self.tell()]
        outcome = self.outcomes.pop(0) if self.outcomes else AckCode.COMPLETE
        answers = [self._ack(command, AckCode.IN_PROGRESS, "")]
        if outcome is not AckCode.COMPLETE:
            return [*answers, self._ack(command, outcome, "shutter stuck")]
        self.taken += 1
        name = f"SC_O_20260101_{self.taken:06d}"
        stored = self._stored(command, name)
        ended = self._ack(command, AckCode.COMPLETE, "", (name,))
        if self.taken in self.unstored:
            return [*answers, ended]
        arriving = [d for d in self.detectors if (self.taken, d) not in self.lost]
        return [*answers, ended, stored, *(("ingest", self._ingested(command, d)) for d in arriving)]

    def _stored(self, command: TakeImages, name: str) -> tuple[str, Message]:
        image = Image(
            image_name=name,
            exposure_id=2026010100000 + self.taken,
            image_type=command.image_type,
            image_index=1,
            images_in_sequence=1,
            day_obs="20260101",
            image_number=self.taken,
            group_id=command.group_id,
            command_id=command.header.command_id,
            image_source="SC",
            image_controller="O",
            acquisition_start=TaiTime.from_ns(T0),
        )
        return "camera", ExposureStored(
            component=command.header.component,
            instrument="simcam-tiny",
            image=image,
            begin=TaiTime.from_ns(T0),
            exposure_time_s=command.exposure_time_s,
            dark_time_s=command.exposure_time_s,
            filter=command.filter,
            files=tuple(StoredFile(detector=d, ref=ref_of(f"raw/{name}_{d}.fits")) for d in self.detectors),
        )

    def _ingested(self, command: TakeImages, detector: int) -> Message:
        job_id = f"ingest-{self.taken}-{detector}"
        if self.taken in self.rejects:
            return JobFailed(job_id=job_id, error="DiskFull", reason="no space left", attempts=3)
        name = f"SC_O_20260101_{self.taken:06d}_{detector}.fits"
        frame = frame_of(command.image_type.lower(), self.taken, detector, file_name=name)
        return FrameIngested(acquisition_id=command.group_id, job_id=job_id, frame=frame, frames_in_file=1)
