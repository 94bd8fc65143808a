"""The simulated camera through measurement and decision: good sets pass, flaws are found where they are."""

from dataclasses import replace

import pytest

from calibrant.contracts.verify.v1 import VerificationMode
from calibrant.pixels import Mask
from calibrant.rules.verification import Verdict

BOTH = (0, 1)


def results(report, test):
    return [one for one in report.results if one.test == test]


def whole_set(bench, detector):
    """Measure 10 biases, 5 darks and 10 flats of one detector against masters made of them."""
    biases = bench.frames("bias", 10, detector)
    bias = bench.master("bias", biases)
    darks = bench.frames("dark", 5, detector, time_s=30.0)
    dark = bench.master("dark", darks, bias=bias)
    flats = bench.frames("flat", 10, detector, time_s=4.0, light_e=20000.0)
    flat = bench.master("flat", flats, bias=bias, dark=dark)
    return {
        "bias": bench.measure(bias, biases)[1],
        "dark": bench.measure(dark, darks, bias)[1],
        "flat": bench.measure(flat, flats, bias, dark)[1],
    }


def test_a_good_camera_is_certified_in_bias_dark_and_flat(bench):
    measured = {detector: whole_set(bench, detector) for detector in BOTH}
    for kind, exposures in [("bias", 10), ("dark", 5), ("flat", 10)]:
        report = bench.decide(kind, [measured[detector][kind] for detector in BOTH])
        assert report.decision.outcome == "certified", report.decision.reasons
        assert [(one.verdict, one.accepted) for one in report.detectors] == [("certified", True)] * 2
        assert len(report.exposures) == exposures
        assert report.failures == ()
        assert all(one.tally.passed > 0 for one in report.detectors)


def test_a_doubled_read_noise_in_three_of_four_amplifiers_withholds_the_detector(bench):
    bench.noisy[1] = dict.fromkeys(("A00", "A01", "A11"), 2.0)
    measured = []
    for detector in BOTH:
        frames = bench.frames("bias", 10, detector)
        measured.append(bench.measure(bench.master("bias", frames), frames)[1])
    report = bench.decide("bias", measured)
    good, bad = report.detectors
    assert report.decision.outcome == "certified with failures"
    assert (good.verdict, good.accepted) == ("certified", True)
    assert good.reason == "all 170 deciding tests passed"
    assert (bad.verdict, bad.accepted) == ("withheld", False)
    assert bad.reason.startswith(
        "NOISE fails in 10 of 10 exposures, 6 are enough to withhold. NOISE in amplifiers A00, A01, A11: worst 1.0"
    )
    assert bad.reason.endswith("limit 0.1")


def test_one_noisy_amplifier_of_four_is_told_but_does_not_withhold(bench):
    bench.noisy[0] = {"A01": 3.0}
    frames = bench.frames("bias", 5)
    report = bench.decide("bias", [bench.measure(bench.master("bias", frames), frames)[1]])
    (one,) = report.detectors
    assert (one.verdict, one.accepted) == ("certified with failures", True)
    assert one.reason.startswith(
        "NOISE, PROCESSING failed in 5 of 5 exposures, in too few amplifiers to withhold; "
    )
    assert "NOISE in amplifier A01: worst 2." in one.reason


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_the_noise_model_of_flats_holds_in_the_master_and_held_out(bench, statistic):
    frames = bench.frames("flat", 26, time_s=1.0, light_e=20000.0)
    flat = bench.master("flat", frames[:20], statistic=statistic)
    report, _ = bench.measure(flat, frames)
    inside = {frame.exposure_id: frame.in_reference for frame in report.frames}
    assert sum(inside.values()) == 20
    for row in (row for row in report.measurements if row.amplifier is not None):
        assert row.values["NOISE_RATIO"] == pytest.approx(1.0, abs=0.05)
    root_mean = {True: [], False: []}
    for one in results(report, "NOISE"):
        root_mean[inside[one.exposure_id]].append(one.value)
    if statistic == "mean":  # the advisory test passes or fails by membership alone
        for member, expected in [(True, 0.975), (False, 1.025)]:
            values = root_mean[member]
            assert sum(values) / len(values) == pytest.approx(expected, abs=0.005)
    assert {one.verdict for one in results(report, "NOISE_MODEL")} == {Verdict.PASS}


def test_held_out_biases_are_compared_with_the_noise_they_must_have(bench):
    frames = bench.frames("bias", 20)
    bias = bench.master("bias", frames[:10])
    report, measured = bench.measure(bias, frames[10:], mode=VerificationMode.EXTERNAL)
    assert not any(frame.in_reference for frame in report.frames)
    for row in (row for row in report.measurements if row.amplifier is not None):
        values = row.values
        assert values["READ_NOISE"] > 1.08 * values["NOMINAL_READ_NOISE"]
        assert values["NOISE"] == pytest.approx(values["READ_NOISE"], rel=0.06)
    decided, _ = bench.paged("bias", [measured], mode=VerificationMode.EXTERNAL)
    assert decided.decision.outcome == "certified"
    assert decided.mode == "external"


@pytest.mark.parametrize("method", ["clipped-mean", "polynomial", "spline"])
def test_frames_are_measured_with_the_overscan_of_their_product_whatever_its_method(bench, method):
    frames = bench.frames("bias", 5)
    report, measured = bench.measure(bench.master("bias", frames, overscan=method), frames)
    assert report.correction.overscan == method
    assert bench.decide("bias", [measured]).decision.outcome == "certified"


def test_a_level_that_moved_fails_the_mean(bench):
    old = bench.frames("dark", 5, time_s=30.0)
    biases = bench.frames("bias", 5)
    bias = bench.master("bias", biases)
    dark = bench.master("dark", old, bias=bias)
    lit = bench.frames("dark", 5, time_s=30.0, light_e=100.0)
    report, measured = bench.measure(dark, lit, bias, mode=VerificationMode.EXTERNAL)
    assert {one.verdict for one in results(report, "MEAN")} == {Verdict.FAIL}
    decided = bench.decide("dark", [measured], mode=VerificationMode.EXTERNAL)
    assert decided.detectors[0].verdict == "not certified"
    assert "the set is not certified: MEAN (amplifier) fails" in decided.detectors[0].reason
    assert (
        "MEAN, NOISE, SPLIT_NOISE fail in 5 of 5 exposures, 3 are enough to withhold"
        in decided.detectors[0].reason
    )


@pytest.mark.parametrize(("bad", "verdict"), [(0.08, "certified"), (0.45, "not certified")])
def test_a_product_of_which_much_is_bad_is_not_certified_however_good_the_rest(bench, bad, verdict):
    frames = bench.frames("bias", 5)
    image = bench.master("bias", frames).image
    mask = image.mask.copy()
    mask[: round(bad * len(mask))] = Mask.BAD | Mask.NO_DATA
    source = replace(image.provenance, product_id="bias-0123456789ab")
    report, measured = bench.measure(bench.stored(replace(image, mask=mask, provenance=source), 5), frames)
    told = [row.values["BAD_FRACTION"] for row in report.measurements if row.amplifier is None]
    assert told == [pytest.approx(bad, abs=0.004)] * 5
    decided = bench.decide("bias", [measured]).detectors[0]
    assert decided.verdict == verdict
    assert (verdict == "certified") is ("BAD_FRACTION" not in decided.reason)
