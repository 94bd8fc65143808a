"""A flat that is built with measured crosstalk, linearity and defects says so, and is closer to the truth; verify corrects alike.

Frames are simulated with all of it in; each recipe measures its part with what was measured before, as a night's plan does.
"""

import hashlib
import json

import numpy as np
import pytest
from astropy.io import fits

from calibrant.combine import building, facts
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobInput
from calibrant.contracts.verify.v1 import MeasureJob, VerificationMode
from calibrant.frames.instrument import load_instrument
from calibrant.frames.reading import read_frames
from calibrant.frames.writing import read_product, write_raw
from calibrant.pixels import ENGINE_VERSION, Mask
from calibrant.rules.version import verification_version
from calibrant.runtime.handlers import Workspace
from calibrant.runtime.objects import FolderStore
from calibrant.verify import measuring
from calibrant.verify.reports import MeasurementReport

BENT_PER_ADU = 2e-6
"""What is missing of a signal v is this times v squared: 4 % of 20,000 ADU."""
LEAK = 8e-3
DEAD = (40, 90)
E_PER_S = 8_000.0
SEED = 20260101


class Night:
    """A camera with its faults, and what the two services make of its frames."""

    def __init__(self, folder):
        self.folder, self.instrument = folder, load_instrument("simcam-tiny")
        self.geometry = self.instrument.geometry(0)
        self.objects, self.rng = FolderStore(folder / "objects"), np.random.default_rng(SEED)
        y, x = np.indices(self.geometry.shape)
        self.response = 1 + 0.25 * np.sin(y / 40) * np.cos(x / 30)
        self.response /= self.response.mean()
        self.count = 0

    def raw(self, light_e):
        """Read out a plane of light, in electrons of the assembled frame: it bends in each amplifier, then leaks."""
        charge, boxes = self.rng.poisson(light_e), self.geometry.amplifiers
        bent = []
        for one in boxes:
            mine = charge[one.placed.slices][:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]
            signal = mine / one.gain_e_per_adu
            bent.append(signal - BENT_PER_ADU * signal**2)
        raw = self.rng.normal(1000.0, 3.0, self.geometry.raw_shape)
        for one, signal in zip(boxes, bent, strict=True):
            raw[one.image.slices] += signal + LEAK * (sum(bent) - signal)
        return raw.round().clip(0, 65535).astype(np.uint16)

    def flat(self, time_s):
        light_e = E_PER_S * time_s * self.response
        light_e[DEAD] *= 0.5
        return self.frame("flat", time_s, light_e)

    def spots(self):
        y, x = np.indices(self.geometry.shape)
        light_e = np.full(self.geometry.shape, 60.0)
        for cy, cx in self.rng.uniform(4, 124, (12, 2)):
            light_e += 3e4 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 8)
        return self.frame("spot", 5.0, light_e)

    def frame(self, kind, time_s, light_e):
        self.count += 1
        path = self.folder / f"{kind}-{self.count}.fits"
        cards = {
            "INSTRUME": "simcam-tiny",
            "DETECTOR": 0,
            "EXPID": path.stem,
            "IMGTYPE": kind.upper(),
            "EXPTIME": time_s,
            "DARKTIME": time_s,
            "FILTER": "r",
            "TIMESYS": "TAI",
            "DATE-BEG": f"2026-01-01T00:{self.count:02d}:00",
        }
        write_raw(path, self.raw(light_e), cards)
        (frame,) = read_frames(path, self.instrument)
        ref = self.objects.put_if_absent(f"raw/{path.name}", path, "image/fits")
        return JobInput(role="frames", id=frame.frame_id, ref=ref, exposure_id=path.stem, file_name=path.name)

    def common(self, recipe, inputs, **parameters):
        told = (recipe, self.count, [one.id for one in inputs], parameters)
        return {
            "job_id": hashlib.sha256(repr(told).encode()).hexdigest(),
            "instrument": "simcam-tiny",
            "instrument_hash": self.instrument.hash,
            "detector": 0,
            "inputs": tuple(inputs),
            "engine_version": ENGINE_VERSION,
            "parameters": {name: json.dumps(value) for name, value in parameters.items()},
            "memory_bytes": 0,
        }

    def computed(self, compute, job):
        scratch = self.folder / job.job_id
        scratch.mkdir()
        return compute(job, Workspace(scratch, self.objects, {"instruments": ""})), scratch

    def build(self, recipe, inputs, **parameters):
        """Return a product's message, and its file."""
        job = CombineJob(recipe=recipe, recipe_version="1", **self.common(recipe, inputs, **parameters))
        outcome, scratch = self.computed(building.compute, job)
        path = scratch / outcome.artifacts[0].path
        ref = self.objects.put_if_absent(f"products/{job.job_id}.fits", path, "image/fits")
        return facts.ProductFacts.model_validate(outcome.data).message(job, ref), path

    def illumination(self, frames, flat, others):
        """Measure frames against a flat; return what the flat leaves of their light, the most of all amplifiers."""
        job = MeasureJob(
            kind="flat",
            mode=VerificationMode.INTERNAL,
            reference=flat,
            unit="electron",
            rules_version=verification_version(),
            **self.common("measure", [*frames, *others, as_input(flat)]),
        )
        _, scratch = self.computed(measuring.compute, job)
        report = MeasurementReport.model_validate_json((scratch / "measurements.json").read_text())
        assert not report.errors
        assert {one.role for one in report.products} == {"flat", *(one.role for one in others)}
        return max(row.values["ILLUMINATION"] for row in report.measurements if row.amplifier)


def as_input(product):
    return JobInput(role=product.kind, id=product.product_id, ref=product.ref)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return Night(tmp_path_factory.mktemp("night"))


@pytest.fixture(scope="module")
def flats(night):
    return [night.flat(4.0) for _ in range(3)]


@pytest.fixture(scope="module")
def measured(night, flats):
    """Give crosstalk, linearity and defects, each measured with those before."""
    found = [as_input(night.build("crosstalk", [night.spots() for _ in range(6)], grow=6)[0])]
    ramp = [night.flat(time_s) for time_s in (0.2, 0.4, 0.8, 1.2, 1.8, 2.4, 3.0, 3.6, 4.2, 4.8)]
    found.append(as_input(night.build("linearity", [*ramp, *found], order=3)[0]))
    found.append(as_input(night.build("defects", [*flats, *found], thresholds="value")[0]))
    return found


def off_truth(night, path):
    """Return how far a flat is off the response, the standard deviation of means of 8 x 8 pixels."""
    ratio = read_product(path).data / night.response
    ratio[DEAD] = ratio.mean()
    return (ratio.reshape(16, 8, 16, 8).mean(axis=(1, 3)) / ratio.mean()).std()


def test_a_flat_with_measured_calibrations_says_so_and_is_closer_to_the_truth(night, flats, measured):
    (plain, plain_path), (better, path) = night.build("flat", flats), night.build("flat", [*flats, *measured])
    before, after = fits.getheader(plain_path), fits.getheader(path)
    assert [before[card] for card in ("CROSSTLK", "LINEAR", "DEFECTS")] == [False, False, 0]
    assert [after[card] for card in ("CROSSTLK", "LINEAR")] == [True, True]
    assert [after[card] for card in ("XTLKPROD", "LINPROD", "DEFPROD")] == [one.id for one in measured]
    assert read_product(path).mask[DEAD] & Mask.BAD
    assert set(better.calibrations) == {one.id for one in measured}
    assert off_truth(night, path) < off_truth(night, plain_path) / 10
    fainter = [night.flat(1.0) for _ in range(3)]
    left = [night.illumination(fainter, one, used) for one, used in ((better, measured), (plain, []))]
    assert left[0] < left[1] / 3
    switched, path = night.build("flat", [*flats, *measured], crosstalk=False, linearity=False, defects=False)
    assert (switched.calibrations, off_truth(night, path)) == ((), off_truth(night, plain_path))
