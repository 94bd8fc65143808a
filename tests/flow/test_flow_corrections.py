"""What the instrument file describes and a recipe chooses is taken out of frames, by combine and verify alike.

Frames are simulated with all of it in: the computations of both services have to find what was put in.
"""

import hashlib
import json

import numpy as np
import pytest
import yaml
from astropy.io import fits

from calibrant.combine import building, facts
from calibrant.combine.inputs import InputRefused
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobInput
from calibrant.contracts.verify.v1 import MeasureJob, VerificationMode
from calibrant.frames.instrument import load_instrument
from calibrant.frames.reading import read_frames
from calibrant.frames.writing import read_product, write_raw
from calibrant.pixels import ENGINE_VERSION
from calibrant.rules.version import verification_version
from calibrant.runtime.handlers import Workspace
from calibrant.runtime.objects import FolderStore
from calibrant.verify import measuring
from calibrant.verify.reports import MeasurementReport

LINEARITIES = {  # of an instrument file, and what the detector does to a signal v in ADU
    "none": (None, lambda v: v),
    "polynomial": (
        {"model": "polynomial", "coefficients": [2e-6]},
        lambda v: (np.sqrt(1 + 4 * 2e-6 * v) - 1) / (2 * 2e-6),
    ),
    "spline": ({"model": "spline", "knots": [-500.0, 50e3], "values": [-10.0, 1e3]}, lambda v: v / 0.98),
    "lookup": (
        {
            "model": "lookup",
            "first": -500,
            "step": 20,
            "values": (0.02 * np.arange(-490, 50_000, 20)).tolist(),
        },
        lambda v: v / 1.02,
    ),
}
DEFECTS = ["[7:7,1:128]", "[100:101,60:70]"]


class Observatory:
    """A camera with its faults, and what the two services make of its frames."""

    def __init__(self, folder, linearity, overscan):
        content = load_instrument("simcam-tiny").model_dump(mode="json", exclude={"simulation"})
        content["overscan"].update(overscan)
        content["detectors"][0]["defects"] = DEFECTS
        for amplifier in content["detectors"][0]["amplifiers"]:
            amplifier["linearity"] = LINEARITIES[linearity][0]
        (folder / "simcam-tiny.yaml").write_text(yaml.safe_dump(content))
        self.folder, self.respond = folder, LINEARITIES[linearity][1]
        self.objects = FolderStore(folder / "objects")
        self.instrument = load_instrument("simcam-tiny", folder)
        self.signal = np.linspace(20.0, 30_000.0, 128 * 128).reshape(128, 128)  # ADU
        self.asked = 0

    def raw(self):
        """Give a frame: a level that drifts with the rows, columns with levels of their own, charge that trails."""
        detector = self.instrument.detector(0)
        raw = np.full(detector.raw_shape, 1000.0)
        for amplifier in detector.geometry().amplifiers:
            image, serial, parallel = amplifier.image, amplifier.serial_overscan, amplifier.parallel_overscan
            drift = 0.5 * np.arange(image.shape[0])[:, None]
            columns = 20 * np.sin(np.arange(image.shape[1]) / 5.0)
            signal = self.signal[amplifier.placed.slices]
            signal = signal[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]
            raw[image.slices] += drift + columns + self.respond(signal)
            raw[serial.slices] += drift
            raw[serial.y0 : serial.y1, serial.x0 : serial.x0 + 2] += 50
            raw[serial.y0 : serial.y1, serial.x1 - 3 : serial.x1] += 80
            raw[parallel.slices] += np.median(drift) + columns
            raw[[parallel.y0, parallel.y1 - 1], parallel.x0 : parallel.x1] += 90
        raw[:64, 8] = 60_000  # a column that is no measurement, of the defects
        return raw.round().astype(np.uint16)

    def frames(self, kind):
        found = []
        for number in range(3):
            path = self.folder / f"{kind}-{number}.fits"
            cards = {"INSTRUME": "simcam-tiny", "DETECTOR": 0, "EXPID": path.stem, "IMGTYPE": kind.upper()}
            times = {"EXPTIME": 30.0, "DARKTIME": 30.0, "DATE-BEG": f"2026-01-01T00:0{number}:00"}
            write_raw(path, self.raw(), cards | times | {"TIMESYS": "TAI"})
            (frame,) = read_frames(path, self.instrument)
            ref = self.objects.put_if_absent(f"raw/{path.name}", path, "image/fits")
            told = {"id": frame.frame_id, "ref": ref, "exposure_id": path.stem, "file_name": path.name}
            found.append(JobInput(role="frames", **told))
        return found

    def workspace(self):
        self.asked += 1
        scratch = self.folder / f"scratch-{self.asked}"
        scratch.mkdir()
        return Workspace(scratch, self.objects, {"instruments": str(self.folder)})

    def common(self, frames, parameters):
        return {
            "job_id": hashlib.sha256(repr((self.asked, parameters)).encode()).hexdigest(),
            "instrument": "simcam-tiny",
            "instrument_hash": self.instrument.hash,
            "detector": 0,
            "inputs": tuple(frames),
            "engine_version": ENGINE_VERSION,
            "parameters": {name: json.dumps(value) for name, value in parameters.items()},
            "memory_bytes": 0,
        }

    def build(self, frames, **parameters):
        """Return a dark, its file and its message."""
        job = CombineJob(recipe="dark", recipe_version="1", **self.common(frames, parameters))
        workspace = self.workspace()
        outcome = building.compute(job, workspace)
        path = workspace.scratch / outcome.artifacts[0].path
        ref = self.objects.put_if_absent(f"products/{self.asked}.fits", path, "image/fits")
        return read_product(path), path, facts.ProductFacts.model_validate(outcome.data).message(job, ref)

    def measure(self, frames, product, **parameters):
        """Return the measurements of the frames against a dark."""
        job = MeasureJob(
            kind="dark",
            mode=VerificationMode.INTERNAL,
            reference=product,
            unit="electron",
            rules_version=verification_version(),
            **self.common(
                [*frames, JobInput(role="dark", id=product.product_id, ref=product.ref)], parameters
            ),
        )
        workspace = self.workspace()
        measuring.compute(job, workspace)
        return MeasurementReport.model_validate_json((workspace.scratch / "measurements.json").read_text())


def good(product):
    return (product.mask & 1) == 0


OVERSCAN = {"trailing_skip": 3, "parallel": {"skip": 1, "trailing_skip": 1}}


@pytest.mark.parametrize("linearity", LINEARITIES)
@pytest.mark.parametrize("unit", ["adu", "electron"])
def test_what_was_put_into_frames_is_taken_out_by_both_services(tmp_path, linearity, unit):
    place = Observatory(tmp_path, linearity, OVERSCAN)
    frames = place.frames("dark")
    built, path, message = place.build(frames, unit=unit, parallel_overscan="median-per-column")
    gains = np.ones(built.data.shape)
    if unit == "electron":
        for amplifier in place.instrument.geometry(0).amplifiers:
            gains[amplifier.placed.slices] = amplifier.gain_e_per_adu
    np.testing.assert_allclose((built.data / gains)[good(built)], place.signal[good(built)], atol=2.0)
    header = fits.getheader(path)
    told = [header[card] for card in ("OVERSCAN", "PARALLEL", "LINEAR", "DEFECTS")]
    assert told == ["median-per-row", "median-per-column", linearity != "none", 128 + 22]
    assert header["BADFRAC"] == built.bad_fraction == pytest.approx(150 / 128**2)
    report = place.measure(frames, message)  # nothing asked: the product says how it was made
    assert report.correction.parallel_overscan == "median-per-column"
    for row in report.measurements:
        assert row.values["MEAN"] == pytest.approx(0.0, abs=0.2)  # each of three equal frames is their mean
        if row.amplifier is None:
            assert row.values["BAD_FRACTION"] == pytest.approx(built.bad_fraction)
        else:
            assert row.values["STD"] < 1.0


@pytest.mark.parametrize(
    ("overscan", "parameters"),
    [
        ({"method": "polynomial", "degree": 1}, {}),
        ({}, {"overscan": "polynomial", "overscan_degree": 2}),
        ({"method": "spline", "knots": 4}, {}),
        ({}, {"overscan": "spline", "overscan_knots": 5}),
        ({"parallel": {"method": "spline", "knots": 20}}, {"overscan": "median-per-row"}),
        ({}, {"parallel_overscan": "polynomial", "parallel_degree": 12}),
    ],
)
def test_a_curve_follows_as_far_as_it_is_let(tmp_path, overscan, parameters):
    own = {**OVERSCAN, **overscan}
    own["parallel"] = {**OVERSCAN["parallel"], "method": "median-per-column", **own["parallel"]}
    place = Observatory(tmp_path, "none", own)
    built, _, _ = place.build(place.frames("dark"), unit="adu", **parameters)
    np.testing.assert_allclose(built.data[good(built)], place.signal[good(built)], atol=4.0)


@pytest.mark.parametrize(
    ("parameters", "misses"),
    [
        ({"linearity": False}, 1000),
        ({"parallel_overscan": "none"}, 15),
        ({"overscan": "median"}, 10),
        ({"overscan": "polynomial", "overscan_degree": 0}, 10),
        ({"parallel_overscan": "polynomial", "parallel_degree": 1}, 5),
        ({"defects": False}, 20_000),
    ],
    ids=str,
)
def test_what_is_left_out_is_missed(tmp_path, parameters, misses):
    place = Observatory(
        tmp_path, "polynomial", OVERSCAN | {"parallel": {"method": "median-per-column", "skip": 1}}
    )
    built, path, _ = place.build(place.frames("dark"), unit="adu", **parameters)
    off = np.abs(built.data - place.signal)[good(built)].max()
    assert off > misses
    assert {name: built.provenance.parameters[name] for name in parameters} == parameters
    assert fits.getheader(path)["LINEAR"] is parameters.get("linearity", True)


def test_frames_may_be_verified_as_is_asked(tmp_path):
    place = Observatory(tmp_path, "polynomial", OVERSCAN)
    frames = place.frames("dark")
    _, _, message = place.build(frames, parallel_overscan="median-per-column")
    report = place.measure(frames, message, linearity=False, parallel_overscan="none")
    assert (report.correction.linearity, report.correction.parallel_overscan) == (False, "none")
    assert min(row.values["MEAN"] for row in report.measurements if row.amplifier) < -10


def test_linearity_on_top_of_the_level_is_refused(tmp_path):
    place = Observatory(tmp_path, "polynomial", OVERSCAN)
    with pytest.raises(InputRefused, match=r"dark of detector 0: linearity: .* set linearity to false"):
        place.build(place.frames("dark"), overscan="none")
