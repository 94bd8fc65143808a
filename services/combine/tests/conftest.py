"""Fixtures of combine's tests: a plain simulated camera, jobs over its frames, real frames, a database."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from calibrant.combine.building import compute
from calibrant.combine.facts import ProductFacts
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobInput
from calibrant.frames.instrument import Instrument, load_instrument
from calibrant.frames.reading import read_frames
from calibrant.frames.times import format_time, parse_time
from calibrant.frames.writing import read_product, write_raw
from calibrant.pixels import ENGINE_VERSION
from calibrant.rules.identity import job_id
from calibrant.runtime.handlers import Workspace
from calibrant.runtime.objects import FolderStore

PEDESTAL_ADU = 1000.0
DARK_E_PER_S = 3.0
NIGHT_TAI_NS = parse_time("2026-01-01T20:00:00", "tai")


def raw_frame(instrument: Instrument, detector: int, rng, signal_e=0.0) -> np.ndarray:
    """Simulate a raw frame: pedestal, a pattern fixed in rows, photon noise, read noise, overscan."""
    geometry = instrument.geometry(detector)
    raw = rng.normal(PEDESTAL_ADU, 2.0, geometry.raw_shape)
    for amplifier in geometry.amplifiers:
        gain, noise = amplifier.gain_e_per_adu, amplifier.read_noise_e / amplifier.gain_e_per_adu
        boxes = (amplifier.image, amplifier.serial_overscan, amplifier.parallel_overscan)
        for box in (box for box in boxes if box is not None):
            raw[box.slices] = rng.normal(PEDESTAL_ADU, noise, box.shape)
        rows, columns = np.indices(amplifier.image.shape)
        pattern = 4.0 * np.sin(rows / 9.0) * np.cos(columns / 7.0)
        raw[amplifier.image.slices] += pattern + rng.poisson(signal_e, amplifier.image.shape) / gain
    return raw.round().clip(0, 65535).astype(np.uint16)


@dataclass
class Bench:
    """Makes frames and jobs, and builds them."""

    folder: Path
    instrument: Instrument
    rng: np.random.Generator
    count: int = 0
    built: dict = field(default_factory=dict)

    @property
    def objects(self) -> FolderStore:
        return FolderStore(self.folder / "objects")

    def frame(self, kind: str, exptime_s: float = 0.0, signal_e: float = 0.0, raw=None, **cards) -> JobInput:
        self.count += 1
        begin = NIGHT_TAI_NS + self.count * 60_000_000_000
        name = f"sim-{self.count:04d}.fits"
        path = self.folder / name
        header = {
            "INSTRUME": self.instrument.name,
            "DETECTOR": 0,
            "EXPID": f"SC_{self.count:04d}",
            "IMGTYPE": kind.upper(),
            "EXPTIME": exptime_s,
            "DARKTIME": exptime_s,
            "TIMESYS": "TAI",
            "DATE-BEG": format_time(begin, "tai"),
            **({"FILTER": "r"} if kind == "flat" else {}),
            **cards,
        }
        write_raw(path, raw_frame(self.instrument, 0, self.rng, signal_e) if raw is None else raw, header)
        return self.input(path, f"raw/{name}")

    def input(self, path: Path, key: str) -> JobInput:
        (frame,) = read_frames(path, self.instrument)
        ref = self.objects.put_if_absent(key, path, "image/fits")
        return JobInput(
            role="frames",
            id=frame.frame_id,
            ref=ref,
            exposure_id=frame.facts.exposure_id,
            file_name=path.name,
        )

    def biases(self, n: int) -> list[JobInput]:
        return [self.frame("bias") for _ in range(n)]

    def darks(self, *times_s: float) -> list[JobInput]:
        return [self.frame("dark", time_s, DARK_E_PER_S * time_s) for time_s in times_s]

    def flats(self, *levels_e: float, time_s: float = 4.0) -> list[JobInput]:
        return [self.frame("flat", time_s, level + DARK_E_PER_S * time_s) for level in levels_e]

    def job(self, recipe: str, inputs, **parameters) -> CombineJob:
        roles: dict[str, list[str]] = {}
        for one in inputs:
            roles.setdefault(one.role, []).append(one.id)
        identity = job_id(recipe, "1", ENGINE_VERSION, self.instrument.hash, roles, parameters)
        return CombineJob(
            job_id=identity,
            recipe=recipe,
            recipe_version="1",
            engine_version=ENGINE_VERSION,
            instrument=self.instrument.name,
            instrument_hash=self.instrument.hash,
            detector=0,
            inputs=tuple(inputs),
            parameters={name: json.dumps(value) for name, value in parameters.items()},
            memory_bytes=0,
        )

    def workspace(self, name: str) -> Workspace:
        scratch = self.folder / "scratch" / name
        scratch.mkdir(parents=True)
        return Workspace(scratch, self.objects, {"instruments": ""})

    def build(self, recipe: str, inputs, **parameters):
        """Return the product as its file has it, what was said of it, and the file."""
        job = self.job(recipe, inputs, **parameters)
        workspace = self.workspace(f"{recipe}-{len(self.built)}")
        outcome = compute(job, workspace)
        path = workspace.scratch / outcome.artifacts[0].path
        facts = ProductFacts.model_validate(outcome.data)
        self.built[facts.product_id] = path
        return read_product(path), facts, path

    def calibration(self, role: str, facts: ProductFacts) -> JobInput:
        path = self.built[facts.product_id]
        key = f"products/{hashlib.sha256(path.read_bytes()).hexdigest()}.fits"
        return JobInput(
            role=role, id=facts.product_id, ref=self.objects.put_if_absent(key, path, "image/fits")
        )


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path, load_instrument("simcam-tiny"), np.random.default_rng(20260101))


@pytest.fixture
def real_bench(tmp_path, real_data):
    return lambda name: Bench(tmp_path, load_instrument(name), np.random.default_rng(1))


@pytest.fixture
def migrations() -> Path:
    return Path(__file__).parents[1] / "src/calibrant/combine/migrations"


@pytest.fixture
def database(database_site, migrations):
    with database_site.opened(migrations) as database:
        yield database
