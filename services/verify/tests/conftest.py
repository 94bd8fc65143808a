"""Fixtures of verify's tests: a plain simulated camera, masters by plain combination, jobs, a database."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from verify_past import Past

from calibrant.contracts.common.v1 import JobInput, Product, TaiTime, TimeRange
from calibrant.contracts.verify.v1 import DecideJob, Gate, MeasureJob, VerificationMode
from calibrant.frames.instrument import Instrument, load_instrument
from calibrant.frames.reading import read_frames
from calibrant.frames.times import format_time, parse_time
from calibrant.frames.writing import ProductImage, ProductInput, Provenance, write_product, write_raw
from calibrant.pixels import ENGINE_VERSION, Reference, combine, normalise, per_second, remove_signature
from calibrant.rules.identity import product_id
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.version import verification_version
from calibrant.runtime.handlers import Workspace
from calibrant.runtime.objects import FolderStore
from calibrant.verify import deciding, measuring
from calibrant.verify.reports import MeasurementReport, SetReport

DARK_E_PER_S = 0.05
NIGHT_TAI_NS = parse_time("2026-01-01T20:00:00", "tai")


def raw_frame(instrument, detector, rng, signal_e=0.0, noisy=None):
    """Simulate a raw frame; `noisy`: factor of the read noise by amplifier."""
    geometry = instrument.geometry(detector)
    raw = rng.normal(1000.0, 2.0, geometry.raw_shape)
    for amplifier in geometry.amplifiers:
        gain = amplifier.gain_e_per_adu
        noise = amplifier.read_noise_e / gain * (noisy or {}).get(amplifier.name, 1.0)
        boxes = (amplifier.image, amplifier.serial_overscan, amplifier.parallel_overscan)
        for box in (box for box in boxes if box is not None):
            raw[box.slices] = rng.normal(1000.0, noise, box.shape)
        rows, columns = np.indices(amplifier.image.shape)
        light = signal_e * (1 - 0.15 * ((rows - 32) ** 2 + (columns - 32) ** 2) / 2048)
        raw[amplifier.image.slices] += 4 * np.sin(rows / 9) + rng.poisson(light) / gain
    return raw.round().clip(0, 65535).astype(np.uint16)


@dataclass(frozen=True)
class Master:
    """A product in the store: its message and its planes."""

    message: Product
    image: ProductImage

    def as_input(self) -> JobInput:
        return JobInput(role=self.message.kind, id=self.message.product_id, ref=self.message.ref)


@dataclass
class Bench:
    """Makes frames, masters and jobs, and computes them."""

    folder: Path
    instrument: Instrument
    rng: np.random.Generator
    noisy: dict = field(default_factory=dict)
    count: int = 0
    artifacts: dict = field(default_factory=dict)
    instruments: str = ""

    @property
    def objects(self) -> FolderStore:
        return FolderStore(self.folder / "objects")

    def frames(self, kind, n, detector=0, time_s=0.0, light_e=0.0) -> list[JobInput]:
        return [self.frame(kind, f"{kind}-{i:03d}", detector, time_s, light_e) for i in range(n)]

    def frame(self, kind, exposure, detector=0, time_s=0.0, light_e=0.0) -> JobInput:
        self.count += 1
        path = self.folder / f"{exposure}-{detector}-{self.count}.fits"
        raw = raw_frame(
            self.instrument, detector, self.rng, light_e + DARK_E_PER_S * time_s, self.noisy.get(detector)
        )
        cards = {
            "INSTRUME": self.instrument.name,
            "DETECTOR": detector,
            "EXPID": exposure,
            "IMGTYPE": kind.upper(),
            "EXPTIME": time_s,
            "DARKTIME": time_s,
            "TIMESYS": "TAI",
            "DATE-BEG": format_time(NIGHT_TAI_NS + self.count * 1_000_000_000, "tai"),
        }
        write_raw(path, raw, cards)
        return self.input(path)

    def input(self, path: Path) -> JobInput:
        (frame,) = read_frames(path, self.instrument)
        ref = self.objects.put_if_absent(f"raw/{path.name}", path, "image/fits")
        exposure = frame.facts.exposure_id
        return JobInput(role="frames", id=frame.frame_id, ref=ref, exposure_id=exposure, file_name=path.name)

    def master(
        self, kind, frames, *, unit="electron", statistic="mean", overscan=None, bias=None, dark=None
    ) -> Master:
        """Combine frames the plain way: a mean or median of what the pixels library corrects."""
        (first, *_) = read = [
            read_frames(self.objects.path_of(f.ref.uri), self.instrument, f.file_name)[0] for f in frames
        ]
        method = overscan or self.instrument.overscan.method
        scaled = dark is not None and dark.message.per_second
        subtract = dark if dark is not None and not scaled else bias
        images = [
            remove_signature(
                frame.array,
                self.instrument.geometry(first.detector),
                overscan=method,
                unit=unit,
                bias=None if subtract is None else Reference(subtract.image.data),
                dark=Reference(dark.image.data) if scaled else None,
                dark_scale=frame.facts.dark_time_s if scaled else None,
            )
            for frame in read
        ]
        per_s = kind == "dark" and bias is not None
        if per_s:
            images = [per_second(i, f.facts.dark_time_s) for i, f in zip(images, read, strict=True)]
        relative = [normalise(i.data, i.mask) for i in images] if kind == "flat" else []
        planes = [one.data for one in relative or images]
        scales = [one.level for one in relative] or [None] * len(images)
        made = combine(planes, statistic=statistic, masks=[i.mask for i in images])
        job = hashlib.sha256(repr((kind, unit, [f.id for f in frames])).encode()).hexdigest()
        image = ProductImage(
            kind=kind,
            instrument=self.instrument.name,
            detector=first.detector,
            detector_name=self.instrument.detector(first.detector).name,
            unit="" if kind == "flat" else f"{unit}/s" if per_s else unit,
            data=made.data,
            variance=made.variance,
            mask=made.mask,
            count=made.count,
            provenance=Provenance(
                product_id=product_id(kind, job),
                job_id=job,
                recipe=kind,
                recipe_version="1",
                engine_version=ENGINE_VERSION,
                instrument_hash=self.instrument.hash,
                inputs=tuple(
                    ProductInput("frames", f.id, f.ref.sha256, dark_time_s=r.facts.dark_time_s, scale=scale)
                    for f, r, scale in zip(frames, read, scales, strict=True)
                ),
                parameters={"unit": unit},
            ),
            statistic=statistic,
            begin_tai_ns=first.facts.begin_tai_ns,
            end_tai_ns=first.facts.begin_tai_ns + 1,
            dark_time_s=first.facts.dark_time_s,
            per_second=per_s,
            overscan=method,
        )
        return self.stored(image, len(frames))

    def stored(self, image: ProductImage, inputs: int) -> Master:
        path = self.folder / f"{image.provenance.product_id}.fits"
        write_product(path, image)
        ref = self.objects.put_if_absent(f"products/{path.name}", path, "image/fits")
        message = Product(
            product_id=image.provenance.product_id,
            kind=image.kind,
            instrument=image.instrument,
            detector=image.detector,
            ref=ref,
            unit=image.unit,
            per_second=image.per_second,
            inputs=inputs,
            observed=TimeRange(begin=TaiTime.from_ns(image.begin_tai_ns)),
        )
        return Master(message, image)

    def measure_job(self, reference, frames, *others, mode=VerificationMode.INTERNAL, **changed):
        inputs = (*frames, *(one.as_input() for one in (*others, reference)))
        job = hashlib.sha256(repr([one.id for one in inputs]).encode()).hexdigest()
        parameters = {name: json.dumps(value) for name, value in changed.pop("parameters", {}).items()}
        return MeasureJob(
            job_id=job,
            kind=reference.message.kind,
            mode=mode,
            instrument=self.instrument.name,
            instrument_hash=self.instrument.hash,
            detector=reference.message.detector,
            reference=reference.message,
            inputs=inputs,
            engine_version=ENGINE_VERSION,
            unit="electron",
            parameters=parameters,
            rules_version=verification_version(),
            memory_bytes=0,
        ).model_copy(update=changed)

    def workspace(self) -> Workspace:
        self.count += 1
        scratch = self.folder / f"scratch-{self.count}"
        scratch.mkdir()
        return Workspace(scratch, self.objects, {"instruments": self.instruments})

    def compute(self, job):
        """Compute a job and put its artifacts in the store; return the outcome and the first one's reference."""
        compute = measuring.compute if isinstance(job, MeasureJob) else deciding.compute
        workspace = self.workspace()
        outcome = compute(job, workspace)
        refs = {}
        for artifact in outcome.artifacts:
            key = f"{artifact.prefix}/{self.count}-{artifact.path}"
            file = workspace.scratch / artifact.path
            refs[artifact.name] = self.objects.put_if_absent(key, file, artifact.media_type)
        first, *_ = refs.values()
        self.artifacts[first.uri] = refs
        return outcome, first

    def measure(self, reference, frames, *others, **changed) -> tuple[MeasurementReport, JobInput]:
        job = self.measure_job(reference, frames, *others, **changed)
        _, ref = self.compute(job)
        text = self.objects.local_path(ref).read_text()
        return MeasurementReport.model_validate_json(text), JobInput(
            role="measurements", id=job.job_id, ref=ref
        )

    def decide_job(
        self, kind, measurements, missing=None, mode=VerificationMode.INTERNAL, gate=None
    ) -> DecideJob:
        return DecideJob(
            job_id=hashlib.sha256(repr([m.id for m in measurements]).encode()).hexdigest(),
            kind=kind,
            mode=mode,
            instrument=self.instrument.name,
            set_key="20260101",
            inputs=(*measurements, *self.previews(measurements)),
            missing=missing or {},
            rules_version=verification_version(),
            gate=Gate(**(gate or GateThresholds()).model_dump()),
        )

    def previews(self, measurements) -> list[JobInput]:
        known = [(one, self.artifacts.get(one.ref.uri, {}).get("preview")) for one in measurements]
        return [JobInput(role="previews", id=one.id, ref=ref) for one, ref in known if ref is not None]

    def decide(
        self, kind, measurements, missing=None, mode=VerificationMode.INTERNAL, gate=None
    ) -> SetReport:
        """Decide on a set without drawing its page, which takes longer than all else."""
        report, _ = deciding.decided(
            self.decide_job(kind, measurements, missing, mode, gate), self.workspace()
        )
        return SetReport.model_validate_json(report.model_dump_json())

    def paged(self, kind, measurements, **options) -> tuple[SetReport, str]:
        """Decide on a set as a service does; return the report and the page that are in the store."""
        _, ref = self.compute(self.decide_job(kind, measurements, **options))
        return self.report(ref), self.objects.local_path(self.artifacts[ref.uri]["page"]).read_text()

    def report(self, ref) -> SetReport:
        return SetReport.model_validate_json(self.objects.local_path(ref).read_text())

    def rewritten(self, measured, name, begin_tai_ns) -> JobInput:
        """Give measurements with another name for all that has one: exposures, files, detector and amplifiers.

        All frames begin then, as none does that ingest lets through.
        """
        text = self.objects.local_path(measured.ref).read_text()
        told = json.loads(text)
        for known in (told["detector_name"], *(a["name"] for a in told["amplifiers"])):
            text = text.replace(json.dumps(known), json.dumps(name + known))
        for frame in told["frames"]:
            text = text.replace(json.dumps(frame["exposure_id"]), json.dumps(name + frame["exposure_id"]))
            text = text.replace(json.dumps(frame["file_name"]), json.dumps(name + frame["file_name"]))
        text = re.sub(r'("begin_tai_ns": *)\d+', rf"\g<1>{begin_tai_ns}", text)
        path = self.folder / "rewritten.json"
        path.write_text(text)
        ref = self.objects.put_if_absent("reports/rewritten.json", path, "application/json")
        return measured.model_copy(update={"ref": ref})


@pytest.fixture
def bench(tmp_path) -> Bench:
    return tiny_bench(tmp_path)


@pytest.fixture(scope="module")
def shared_bench(tmp_path_factory) -> Bench:
    """A bench like `bench` for what all tests of a module read."""
    return tiny_bench(tmp_path_factory.mktemp("shared"))


def tiny_bench(folder) -> Bench:
    return Bench(folder, load_instrument("simcam-tiny"), np.random.default_rng(20260101))


@pytest.fixture
def real_bench(tmp_path, real_data):
    return lambda name: Bench(tmp_path, load_instrument(name), np.random.default_rng(1))


@pytest.fixture
def migrations() -> Path:
    return Path(__file__).parents[1] / "src/calibrant/verify/migrations"


@pytest.fixture
def database(database_site, migrations):
    with database_site.opened(migrations) as database:
        yield database


@pytest.fixture
def past(database):
    with database.writing() as session:
        yield Past(session)
