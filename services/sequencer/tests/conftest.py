"""A scripted world around the sequencer: every other service, played in memory from a script.

The sequencer's handlers run on a real database. What it sends waits in queues that keep the order of each key,
as the bus does; which queue is served next is the test's choice.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlmodel import select

from calibrant.bus.cloudevents import Envelope
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    ExposureStored,
    Image,
    StoredFile,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused, CertifyJob
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import DataRef, JobDone, JobFailed, Product, TaiTime, TimeRange
from calibrant.contracts.flow import topic_for
from calibrant.contracts.generated.registry import MESSAGES
from calibrant.contracts.ingest.v1 import FolderScanned, Frame, FrameIngested, FrameRejected
from calibrant.contracts.sequencer.v1 import (
    ExposureRequest,
    FolderIngestRequested,
    RunFinished,
    RunProgress,
    RunRequested,
)
from calibrant.contracts.verify.v1 import (
    DecideJob,
    DetectorDecision,
    GateCounts,
    MeasureJob,
    MeasurementCompleted,
    VerificationCompleted,
)
from calibrant.rules.identity import product_id
from calibrant.rules.validity import ValidityRange
from calibrant.runtime.handlers import Context, collect
from calibrant.runtime.header_text import headers_from_text
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.runtime.unit_of_work import unit_of_work
from calibrant.sequencer import handlers
from calibrant.sequencer.plan.model import Certified
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.store.queries import RunView, SequencerQueries

NS = 1_000_000_000
DAY_NS = 86_400 * NS
T0 = 1_800_000_000 * NS
MIGRATIONS = Path(handlers.__file__).parent / "migrations"
HANDLERS = collect(handlers).events


class ManualClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = T0

    def tai_ns(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return self.now / NS


def ref_of(name: str) -> DataRef:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return DataRef(uri=f"objects:{name}", sha256=sha256, size_bytes=1, media_type="image/fits")


def frame_of(image_type: str, number: int, detector: int = 0, **fields) -> Frame:
    """A frame of simcam-tiny; exposures of one type follow one another by a minute."""
    offset = {"bias": 0, "dark": 1000, "flat": 2000}.get(image_type, 3000)
    exposure = f"{image_type}-{number}"
    values = {
        "frame_id": f"{exposure}-d{detector}",
        "instrument": "simcam-tiny",
        "detector": detector,
        "exposure_id": exposure,
        "image_type": image_type,
        "image_type_because": "IMGTYPE",
        "begin": TaiTime.from_ns(T0 + (offset + number) * 60 * NS),
        "exposure_time_s": 0.0 if image_type == "bias" else 2.0,
        "dark_time_s": 0.0 if image_type == "bias" else 2.0,
        "filter": "r" if image_type == "flat" else None,
        "night": "20260101",
        "file_name": f"{exposure}-d{detector}.fits",
        "ref": ref_of(f"{exposure}-d{detector}"),
    }
    return Frame(**(values | fields))


def frames_of(counts: dict[str, int], detectors: Iterable[int] = (0,), **fields) -> list[Frame]:
    return [
        frame_of(t, n, d, **fields) for t, count in counts.items() for n in range(count) for d in detectors
    ]


def request_of(run_id: str = "run-1", **fields) -> RunRequested:
    values = {
        "run_id": run_id,
        "instrument": "simcam-tiny",
        "folder": "",
        "generate": True,
        "collection": "",
        "validity": TimeRange(),
        "requested_by": "tester",
    }
    return RunRequested(**(values | fields))


def exposures(image_type: str, *times_s: float) -> ExposureRequest:
    return ExposureRequest(
        image_type=image_type, exposure_times_s=times_s, filter="r" if image_type == "FLAT" else ""
    )


@dataclass
class Script:
    """What the workers answer; by default every job succeeds and every product is accepted.

    Parameters
    ----------
    broken : set
        (kind, detector) whose combine job fails.
    rejected : set
        (kind, detector) that the gate does not accept.
    conflicts : set
        (kind, detector) that certify refuses.
    """

    broken: set[tuple[str, int]] = field(default_factory=set)
    rejected: set[tuple[str, int]] = field(default_factory=set)
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
            )
            for d, p in measured.items()
        ]
        missing = [
            DetectorDecision(detector=d, product_id="", accepted=False, reason=why)
            for d, why in job.missing.items()
        ]
        return VerificationCompleted(
            job_id=job.job_id,
            report_id=f"report-{job.job_id[:8]}",
            kind=job.kind,
            mode=job.mode,
            instrument=job.instrument,
            set_key=job.set_key,
            outcome="certified",
            decisions=(*decisions, *missing),
            report=ref_of(job.job_id),
            gate=job.gate,
            counts=GateCounts(
                exposures=3,
                detectors=1,
                exposures_needed=2,
                passed=9,
                failed=0,
                not_applicable=0,
                advisory_failed=0,
                unmeasured=0,
                withheld=0,
            ),
            limits_version="default-1",
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


def product_of(job: CombineJob) -> Product:
    roles = {i.role: i.id for i in job.inputs if i.role != "frames"}
    unit = json.loads(job.parameters.get("unit", '"electron"'))
    per_second = job.recipe == "dark" and "bias" in roles
    return Product(
        product_id=product_id(job.recipe, job.job_id),
        kind=job.recipe,
        instrument=job.instrument,
        detector=job.detector,
        ref=ref_of(job.job_id),
        unit="" if job.recipe == "flat" else f"{unit}/s" if per_second else unit,
        filter=job.filter,
        dark_time_s=2.0 if job.recipe == "dark" and not per_second else None,
        per_second=per_second,
        inputs=sum(i.role == "frames" for i in job.inputs),
        observed=TimeRange(),
        calibrations=tuple(roles.values()),
    )


def certified_of(
    product: Product, collection: str, validity: TimeRange, job_id: str = "earlier"
) -> CalibrationCertified:
    return CalibrationCertified(
        certification_id=f"cert-{product.product_id}",
        job_id=job_id,
        product=product,
        collection=collection,
        validity=validity,
        report_id="report",
        recorded=TaiTime.from_ns(T0),
        requested_by="tester",
        unchanged=False,
    )


def certified_product(kind, detector=0, **fields):
    job = CombineJob(
        job_id=f"{kind}{detector}".ljust(64, "0"),
        recipe=kind,
        recipe_version="1",
        engine_version="1",
        instrument="simcam-tiny",
        instrument_hash="h",
        detector=detector,
        inputs=(),
        filter="r" if kind == "flat" else None,
        memory_bytes=0,
    )
    product = product_of(job).model_copy(update=fields)
    span = ValidityRange(begin_tai_ns=T0 - DAY_NS, end_tai_ns=T0 + 10 * DAY_NS)
    return Certified(product=product, range=span)


class CameraScript:
    """A camera with summary states; ``outcomes`` are the acknowledgements of the next takeImages, in order."""

    def __init__(self, detectors: Iterable[int] = (0,)) -> None:
        self.state = SummaryState.STANDBY
        self.outcomes: list[AckCode] = []
        self.deaf = False
        self.taken = 0
        self.rejects: set[int] = set()
        self.detectors = tuple(detectors)

    def obey(self, command: Message) -> list[tuple[str, Message]]:
        if self.deaf:
            return []
        if isinstance(command, TakeImages):
            return self._take(command)
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

    def _ack(self, command, code: AckCode, result: str, names: tuple[str, ...] = ()) -> tuple[str, Message]:
        return "camera", CommandAck(
            command_id=command.header.command_id,
            component="camera",
            command=type(command).__name__,
            ack=code,
            error=0,
            result=result,
            timeout_s=5.0,
            image_names=names,
        )

    def _take(self, command: TakeImages) -> list[tuple[str, Message]]:
        outcome = self.outcomes.pop(0) if self.outcomes else AckCode.COMPLETE
        answers = [self._ack(command, AckCode.IN_PROGRESS, "")]
        if outcome is not AckCode.COMPLETE:
            return [*answers, self._ack(command, outcome, "shutter stuck")]
        self.taken += 1
        name = f"SC_O_20260101_{self.taken:06d}"
        stored = self._stored(command, name)
        frames = [("ingest", self._ingested(command, d)) for d in self.detectors]
        return [*answers, self._ack(command, AckCode.COMPLETE, "", (name,)), stored, *frames]

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
        )
        return "camera", ExposureStored(
            component="camera",
            instrument="simcam-tiny",
            image=image,
            begin=TaiTime.from_ns(T0),
            exposure_time_s=command.exposure_time_s,
            dark_time_s=command.exposure_time_s,
            filter=command.filter,
            files=tuple(StoredFile(detector=d, ref=ref_of(f"raw/{name}/{d}")) for d in self.detectors),
        )

    def _ingested(self, command: TakeImages, detector: int) -> Message:
        job_id = f"ingest-{self.taken}-{detector}"
        if self.taken in self.rejects:
            return JobFailed(job_id=job_id, error="DiskFull", reason="no space left", attempts=3)
        frame = frame_of(command.image_type.lower(), self.taken, detector)
        return FrameIngested(acquisition_id=command.group_id, job_id=job_id, frame=frame, frames_in_file=1)


@dataclass
class Delivery:
    """A message on its way to the sequencer."""

    source: str
    message: Message
    run_id: str
    event_id: str


class World:
    """The sequencer on its database, and everybody it talks to."""

    def __init__(
        self,
        folder: Path,
        script: Script | None = None,
        camera: CameraScript | None = None,
        site: DatabaseSite | None = None,
    ):
        self.path = folder
        self.site = site or DatabaseSite(f"sqlite:///{folder}/sequencer.sqlite")
        self.clock = ManualClock()
        self.script = script or Script()
        self.camera = camera or CameraScript()
        self.frames: list[Frame] = []
        self.rejections: list[FrameRejected] = []
        self.queues: dict[str, list[Delivery]] = {}
        self.sent: list[Message] = []
        self.delivered: list[Delivery] = []
        self.events = 0
        self.open()
        self.database.migrate([MIGRATIONS])

    def open(self) -> None:
        """Start the sequencer, on what its database holds."""
        self.database = self.site.open()
        if self.site.is_file:
            event.listen(self.database._writer, "connect", _unsynced)
        settings = SequencerSettings(data_dir=self.path)
        self.service = SequencerService(settings, self.database, self.clock, self.work)

    def restart(self) -> None:
        """Kill the sequencer and start another on the same database."""
        self.database.close()
        self.open()

    @contextmanager
    def work(self, cause: str, run_id: str):
        with unit_of_work(self.database, "sequencer", self.clock, cause=cause, correlation_id=run_id) as unit:
            yield unit
        self._send()

    def deliver(self, delivery: Delivery, *, killed: bool = False) -> None:
        """Deliver a message as the runtime does; killed: the process dies before the commit."""
        with (
            pytest.raises(KeyboardInterrupt) if killed else _nothing(),
            self.work(delivery.event_id, delivery.run_id) as unit,
        ):
            if unit.was_done(delivery.event_id):
                return
            envelope = Envelope(
                id=delivery.event_id,
                source=f"/calibrant/{delivery.source}",
                type=delivery.message.message_type,
                time_utc="2026-01-01T00:00:00Z",
                data=delivery.message.to_json(),
                correlation_id=delivery.run_id or None,
            )
            message = type(delivery.message).from_json(delivery.message.to_json())
            context = Context(self.service, unit.session, envelope, self.clock)
            unit.emit(HANDLERS[message.message_type].handle(message, context))
            unit.mark_done(delivery.event_id)
            if killed:
                raise KeyboardInterrupt

    def say(self, source: str, message: Message, run_id: str = "") -> None:
        """Put a message on its way to the sequencer, behind those of the same key."""
        if message.message_type not in HANDLERS:
            return
        topic = topic_for(source, message.message_type)
        self.events += 1
        delivery = Delivery(source, message, run_id, f"event-{self.events}")
        self.queues.setdefault(f"{topic.name}/{topic.key_of(message)}", []).append(delivery)

    def step(self, choose: Callable[[list[str]], str], *, killed: bool = False) -> bool:
        """Deliver one message of the chosen queue; False when all are empty."""
        waiting = sorted(name for name, queue in self.queues.items() if queue)
        if not waiting:
            return False
        queue = self.queues[choose(waiting)]
        if killed:
            self.deliver(queue[0], killed=True)
            self.restart()
        delivery = queue.pop(0)
        self.delivered.append(delivery)
        self.deliver(delivery)
        return True

    def play(self, chance: random.Random | None = None) -> None:
        """Go on until nobody has anything to say; at random with duplicates, kills and restarts if given."""
        while True:
            if chance is None:
                going = self.step(lambda names: names[0])
            else:
                going = self.step(chance.choice, killed=chance.random() < 0.03)
                if self.delivered and chance.random() < 0.1:
                    self._repeat(chance)
            if not going:
                return

    def _repeat(self, chance: random.Random) -> None:
        """Deliver something again, as the same event or as another that says the same.

        A state told again later as another event would be another truth, not a duplicate.
        """
        again = chance.choice(self.delivered)
        same = chance.random() < 0.5 or isinstance(again.message, SummaryStateChanged)
        event_id = again.event_id if same else f"{again.event_id}-again"
        self.deliver(Delivery(again.source, again.message, again.run_id, event_id))

    def request(self, request: RunRequested) -> str:
        return self.service.request_run(request)

    def view(self, run_id: str = "run-1") -> RunView:
        with self.database.reading() as session:
            view = SequencerQueries(session).run(run_id)
        assert view is not None
        return view

    def of(self, message_type: type) -> list:
        """Messages of a type that the sequencer has sent."""
        return [message for message in self.sent if isinstance(message, message_type)]

    def row(self, node_type: str, kind: str, detector: int | None = 0, run_id: str = "run-1"):
        rows = [
            r
            for r in self.view(run_id).rows
            if (r.type, r.kind, r.detector) == (node_type, kind, detector) and r.set
        ]
        assert len(rows) == 1, rows
        return rows[0]

    def _send(self) -> None:
        with self.database.writing() as session:
            for row in session.exec(select(OutboxRow).order_by(OutboxRow.number)).all():
                names = {name: value.decode() for name, value in headers_from_text(row.headers)}
                message = MESSAGES[names["ce_type"]].from_json(row.value)
                self.sent.append(message)
                self._react(message, names.get("ce_correlationid", ""))
                session.delete(row)

    def _react(self, message: Message, run_id: str) -> None:
        if isinstance(message, RunRequested):
            self.say("sequencer", message, run_id)
        elif isinstance(message, FolderIngestRequested):
            self._ingest_folder(message, run_id)
        elif hasattr(message, "header"):
            for source, answer in self.camera.obey(message):
                self.say(source, answer, run_id)
        elif not isinstance(message, (RunProgress, RunFinished)):
            for source, answer in self.script.answer(message):
                self.say(source, answer, run_id)

    def _ingest_folder(self, asked: FolderIngestRequested, run_id: str) -> None:
        total = len(self.frames) + len(self.rejections)
        scanned = FolderScanned(
            acquisition_id=asked.acquisition_id,
            folder=asked.folder,
            files=total,
            passed_over=1,
            problem="",
        )
        self.say("ingest", scanned, run_id)
        for frame in self.frames:
            ingested = FrameIngested(
                acquisition_id=asked.acquisition_id,
                job_id=f"{asked.acquisition_id}-{frame.frame_id}",
                frame=frame,
                frames_in_file=1,
            )
            self.say("ingest", ingested, run_id)
        for rejection in self.rejections:
            told = rejection.model_copy(update={"acquisition_id": asked.acquisition_id})
            self.say("ingest", told, run_id)


def _unsynced(connection, _record) -> None:
    """Let the database skip fsync: kills are played by leaving transactions, not by cutting the power."""
    connection.execute("PRAGMA synchronous=OFF")


@contextmanager
def _nothing():
    yield


@dataclass(frozen=True)
class Kit:
    """What tests need of this file."""

    world: Callable[..., World]
    folder: str
    Script = Script
    CameraScript = CameraScript
    World = World
    frame = staticmethod(frame_of)
    frames = staticmethod(frames_of)
    request = staticmethod(request_of)
    exposures = staticmethod(exposures)
    product = staticmethod(product_of)
    certified = staticmethod(certified_of)
    certified_product = staticmethod(certified_product)
    ref = staticmethod(ref_of)
    t0 = T0


@pytest.fixture
def makers() -> type[Kit]:
    """Return what of this file needs no database."""
    return Kit


@pytest.fixture
def kit(tmp_path, database_site) -> Iterator[Kit]:
    """The scripted world and the things it is made of; ``folder`` exists and is not empty."""
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "a.fits").write_bytes(b"x")
    made: list[World] = []

    def world(*args, **fields) -> World:
        home = tmp_path / f"world-{len(made)}"
        home.mkdir()
        schema = f"world_{len(made)}"
        site = None if database_site.is_file else DatabaseSite(database_site.url, schema)
        made.append(World(home, *args, site=site, **fields))
        return made[-1]

    yield Kit(world, str(frames))
    for each in made:
        each.database.close()
