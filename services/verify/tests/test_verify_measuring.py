"""What a measure job writes: numbers against closed forms, units, frames that fail, refusals."""

import gzip
import os

import numpy as np
import pytest
from astropy.io import fits

from calibrant.contracts.verify.v1 import VerificationMode
from calibrant.pixels import Signature, frame_statistics
from calibrant.rules.verification import Verdict
from calibrant.verify.inputs import InputRefused, VersionMismatch
from calibrant.verify.measuring import compute
from calibrant.verify.measuring.job import at_once
from calibrant.verify.measuring.references import Correction
from calibrant.verify.reports import MeasurementReport


def values_of(report, amplifier="A00", exposure=0):
    rows = [row for row in report.measurements if row.amplifier == amplifier]
    return rows[exposure].values


def test_the_numbers_of_an_amplifier_are_those_of_plain_numpy(bench):
    frames = bench.frames("bias", 4)
    bias = bench.master("bias", frames, overscan="median")
    report, _ = bench.measure(bias, frames)
    assert report.correction.overscan == "median"
    raw = fits.getdata(bench.objects.path_of(frames[0].ref.uri)).astype(float)
    amplifier = bench.instrument.geometry(0).amplifiers[0]
    overscan = raw[amplifier.serial_overscan.slices]
    gain = amplifier.gain_e_per_adu
    plain = (raw[amplifier.image.slices] - np.median(overscan)) * gain
    plain -= bias.image.data[amplifier.placed.slices]
    values = values_of(report)
    assert values["MEAN"] == pytest.approx(plain.mean(), abs=1e-3)
    assert values["MEDIAN"] == pytest.approx(np.median(plain), abs=1e-3)
    assert values["STD"] == pytest.approx(plain.std(ddof=1), abs=1e-3)
    assert values["NOISE"] == pytest.approx(plain.std(ddof=1), rel=0.01)
    assert values["P95"] == pytest.approx(np.percentile(plain, 95), abs=1e-3)
    assert values["AMP_CORNER"] == pytest.approx(plain.mean(), abs=1e-3)
    assert values["OVERSCAN_LEVEL_ADU"] == np.median(overscan)
    assert values["READ_NOISE_ADU"] == pytest.approx(overscan.std(ddof=1), rel=0.01)
    assert values["OVERSCAN_NOISE"] == pytest.approx(values["READ_NOISE_ADU"] * gain)
    assert values["NOMINAL_READ_NOISE"] == 5.0
    assert values["READ_NOISE"] == pytest.approx(5.0 * np.sqrt(1 - 1 / 4))
    assert values["CR_NOISE"] == pytest.approx(values["STD"])
    assert values["N_STRUCK"] == 0
    assert values["N_GOOD"] == plain.size
    assert values["PROCESSING_ERRORS"] == 0


def test_a_detector_has_the_mean_and_scatter_of_its_amplifiers(bench):
    frames = bench.frames("flat", 3, light_e=9000.0)
    report, _ = bench.measure(bench.master("flat", frames), frames)
    means = [values_of(report, a.name)["MEAN"] for a in bench.instrument.geometry(0).amplifiers]
    whole = values_of(report, None)
    assert whole["MEAN"] == pytest.approx(np.mean(means))
    assert whole["SCATTER"] == pytest.approx(np.std(means))
    assert {one.level for one in report.results} == {"amplifier", "detector"}


def test_calibrations_in_adu_give_the_same_electrons(bench):
    biases = bench.frames("bias", 5)
    flats = bench.frames("flat", 5, time_s=4.0, light_e=9000.0)
    reports = {}
    for unit in ("electron", "adu"):
        bias = bench.master("bias", biases, unit=unit)
        flat = bench.master("flat", flats, unit=unit, bias=bias)
        reports[unit], _ = bench.measure(flat, flats, bias, unit=unit)
        assert values_of(reports[unit])["NOISE_RATIO"] == pytest.approx(1.0, abs=0.05)
    level = {unit: values_of(report, None)["MEAN"] for unit, report in reports.items()}
    assert level["adu"] == pytest.approx(level["electron"], rel=0.002)
    scatter = {unit: values_of(report, None)["SCATTER"] / level[unit] for unit, report in reports.items()}
    assert scatter["adu"] == pytest.approx(scatter["electron"], abs=0.002)


def test_a_frame_is_read_once_to_be_hashed_and_measured(bench, monkeypatch):
    frames = bench.frames("bias", 3)
    bias = bench.master("bias", frames)
    read = []

    def counted(file, buffers, offset, preadv=os.preadv):
        read.append(preadv(file, buffers, offset))
        return read[-1]

    monkeypatch.setattr("calibrant.frames.reading.content.os.preadv", counted)
    bench.measure(bias, frames)
    rows, columns = bench.instrument.detector(0).raw_shape
    assert 3 * 2 * rows * columns < sum(read) < 3 * 2 * (rows * columns + 8 * 2880)  # headers are read again


def test_an_amplifier_without_overscan_has_no_noise_of_it_and_the_test_says_so(bench):
    frames = bench.frames("bias", 4)
    bias = bench.master("bias", frames, overscan="none")
    report, _ = bench.measure(bias, frames)
    assert "OVERSCAN_NOISE" not in values_of(report)
    found = [one for one in report.results if one.test == "READ_NOISE_CONSISTENT"]
    assert {one.verdict for one in found} == {Verdict.NOT_APPLICABLE}
    assert "needs overscan" in found[0].because


def test_the_overscan_can_be_asked_for(bench):
    frames = bench.frames("bias", 4)
    bias = bench.master("bias", frames)
    report, _ = bench.measure(bias, frames, parameters={"overscan": "median"})
    assert report.correction.overscan == "median"
    with pytest.raises(InputRefused, match=r"overscan: 'mode': .*'none', 'median'"):
        bench.measure(bias, frames, parameters={"overscan": "mode"})


def test_a_damaged_frame_fails_and_the_others_are_measured(bench):
    frames = bench.frames("bias", 4)
    bias = bench.master("bias", frames)
    path = bench.objects.path_of(frames[1].ref.uri)
    path.write_bytes(path.read_bytes()[:-2880])
    report, measured = bench.measure(bias, frames)
    (error,) = report.errors
    assert (error.exposure_id, error.detector) == ("bias-001", 0)
    assert "is damaged" in error.reason
    broken = [one for one in report.results if one.exposure_id == "bias-001"]
    processing = [one for one in broken if one.test == "PROCESSING"]
    assert {one.verdict for one in processing} == {Verdict.FAIL}
    assert not [one for one in broken if one.verdict is Verdict.PASS]
    others = [one for one in report.results if one.exposure_id != "bias-001" and not one.advisory]
    assert {one.verdict for one in others} == {Verdict.PASS}
    decided = bench.decide("bias", [measured])
    assert decided.decision.outcome == "certified with failures"
    assert decided.detectors[0].accepted


def test_a_flat_without_light_fails_by_its_level_not_by_a_crash(bench):
    frames = bench.frames("flat", 3, light_e=9000.0)
    high = bench.master("bias", bench.frames("bias", 3, light_e=200.0))
    report, _ = bench.measure(bench.master("flat", frames), [*frames, bench.frame("flat", "unlit")], high)
    unlit = [one for one in report.results if one.exposure_id == "unlit" and not one.advisory]
    assert {one.test: one.verdict for one in unlit} == {
        "BAD_FRACTION": Verdict.PASS,
        "NOISE_MODEL": Verdict.FAIL,
        "SCATTER": Verdict.FAIL,
    }
    rows = [one for one in report.measurements if one.exposure_id == "unlit" and one.amplifier]
    assert [one.values["NOISE_RATIO"] for one in rows] == [None] * 4
    assert all("is not above zero; is it a flat?" in one.problem for one in rows)
    assert report.errors == ()


def test_an_unscaled_dark_is_verified_by_darks_of_its_time_only(bench):
    frames = bench.frames("dark", 4, time_s=30.0)
    dark = bench.master("dark", frames, overscan="none")
    assert dark.image.dark_time_s == 30.0
    other = bench.frame("dark", "other", time_s=20.0)
    report, _ = bench.measure(dark, [*frames, other])
    (error,) = report.errors
    assert "its dark time is 20 s, but the dark is stored unscaled for 30 s" in error.reason
    good = [one for one in report.results if one.exposure_id != "other" and one.test == "MEAN"]
    assert {one.verdict for one in good} == {Verdict.PASS}


def test_an_unscaled_dark_stands_in_for_the_bias(bench):
    bias = bench.master("bias", bench.frames("bias", 4), overscan="none")
    darks = bench.frames("dark", 4, time_s=4.0)
    dark = bench.master("dark", darks, overscan="none")
    flats = bench.frames("flat", 4, time_s=4.0, light_e=9000.0)
    flat = bench.master("flat", flats, dark=dark, overscan="none")
    beside, _ = bench.measure(flat, flats, bias, dark)
    alone, _ = bench.measure(flat, flats, dark)
    assert values_of(beside) == values_of(alone)
    assert values_of(alone)["LEVEL"] == pytest.approx(9000 * 0.95, rel=0.05)


def test_the_same_job_gives_the_same_bytes(bench):
    frames = bench.frames("bias", 3)
    job = bench.measure_job(bench.master("bias", frames), frames)
    _, first = bench.compute(job)
    _, again = bench.compute(job.model_copy(update={"inputs": tuple(reversed(job.inputs))}))
    assert first.sha256 == again.sha256


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"engine_version": "0"}, VersionMismatch, "version 0 of the pixel engine"),
        ({"rules_version": "0"}, VersionMismatch, "version 0 of the verification rules, but this worker has"),
        (
            {"instrument_hash": "f" * 64},
            InputRefused,
            "simcam-tiny: the job was planned with another description",
        ),
        ({"instrument": "nocam"}, InputRefused, "nocam"),
        ({"detector": 9}, InputRefused, "has no detector 9"),
        ({"detector": 1}, InputRefused, "its detector is 0, but the job needs 1"),
        ({"kind": "dark"}, InputRefused, "its kind is bias, but the job needs dark"),
        ({"mode": VerificationMode.UNSPECIFIED}, InputRefused, "does not say its mode"),
        ({"inputs": ()}, InputRefused, "no frames of detector 0"),
        ({"parameters": {"overscan": "median"}}, InputRefused, "'median' is not JSON"),
    ],
)
def test_a_job_that_does_not_fit_is_refused(bench, change, error, says):
    frames = bench.frames("bias", 3)
    job = bench.measure_job(bench.master("bias", frames), frames)
    with pytest.raises(error) as refused:
        bench.compute(job.model_copy(update=change))
    assert says in str(refused.value)


def test_an_input_without_use_is_refused(bench):
    frames = bench.frames("flat", 3, light_e=9000.0)
    flat, other = (bench.master("flat", part) for part in (frames, frames[:2]))
    with pytest.raises(InputRefused, match="no use for this input of role 'flat'"):
        bench.measure(flat, frames, other)


def test_the_pixels_of_the_frames_measured_are_told(bench):
    frames = bench.frames("bias", 3)
    job = bench.measure_job(bench.master("bias", frames), frames)
    raw = fits.getdata(bench.objects.local_path(frames[0].ref))
    outcome, _ = bench.compute(job)
    assert outcome.pixels == 3 * raw.size
    assert raw.size > 0


def test_the_backend_told_is_the_one_that_ran(bench, monkeypatch):
    frames = bench.frames("bias", 3)
    job = bench.measure_job(bench.master("bias", frames), frames)
    raw = fits.getdata(bench.objects.local_path(frames[0].ref))
    outcome, _ = bench.compute(job)
    assert outcome.backend == frame_statistics(raw, bench.instrument.geometry(0), Signature()).backend
    monkeypatch.setattr("calibrant.pixels.ordered.sorter", lambda: None)
    outcome, _ = bench.compute(job)
    assert outcome.backend == "numpy"


def test_a_compressed_frame_gives_the_same_numbers_and_leaves_nothing_unpacked(bench):
    frames = bench.frames("flat", 3, light_e=9000.0)
    flat = bench.master("flat", frames)
    packed = bench.folder / "packed.fits.gz"
    packed.write_bytes(gzip.compress(bench.objects.local_path(frames[0].ref).read_bytes()))
    ref = bench.objects.put_if_absent("raw/packed.fits.gz", packed, "image/fits")
    workspace = bench.workspace()
    job = bench.measure_job(flat, [frames[0].model_copy(update={"ref": ref}), *frames[1:]])
    compute(job, workspace)
    assert {path.name for path in workspace.scratch.iterdir()} == {"measurements.json", "preview.fits"}
    found = MeasurementReport.model_validate_json((workspace.scratch / "measurements.json").read_text())
    plain, _ = bench.measure(flat, frames)
    assert (found.measurements, found.errors) == (plain.measurements, ())


def test_a_frame_of_another_detector_or_content_than_the_job_names_fails(bench):
    frames = bench.frames("bias", 3)
    bias = bench.master("bias", frames)
    other = bench.frame("bias", "elsewhere", detector=1)
    swapped = frames[2].model_copy(update={"ref": frames[1].ref})
    report, _ = bench.measure(bias, [frames[0], swapped, other])
    reasons = {error.exposure_id: error.reason for error in report.errors}
    assert "holds no frame of detector 0, which the job measures" in reasons["elsewhere"]
    assert f"holds frame {frames[1].id}, not {frames[2].id}; ingest it again" in reasons["bias-002"]


def test_no_more_frames_are_in_hand_than_half_of_the_memory_holds(bench, monkeypatch):
    monkeypatch.setattr("calibrant.pixels.memory.thread_count", lambda _: 16)
    how = Correction(bench.instrument.geometry(0), Signature())
    frame_bytes = 88 * how.geometry.raw_shape[0] * how.geometry.raw_shape[1]
    job = bench.measure_job(bench.master("bias", frames := bench.frames("bias", 3)), frames)
    found = [
        at_once(job.model_copy(update={"memory_bytes": memory}), how)
        for memory in (0, 1, 7 * frame_bytes, 100 * frame_bytes)
    ]
    assert found == [16, 1, 3, 16]
