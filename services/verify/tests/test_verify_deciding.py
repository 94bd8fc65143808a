"""Decisions on sets: whole exposures, missing detectors, measurements that do not belong together."""

import pytest

from calibrant.contracts.verify.v1 import VerificationMode
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.verification import Verdict
from calibrant.verify.deciding import MeasurementsRefused
from calibrant.verify.inputs import VersionMismatch


def flats(bench, levels_e):
    """Measure three flats of each detector, of its own level."""
    measured = []
    for detector, level_e in levels_e.items():
        frames = bench.frames("flat", 3, detector, light_e=level_e)
        measured.append(bench.measure(bench.master("flat", frames), frames)[1])
    return measured


def biases(bench, detectors):
    measured = []
    for detector in detectors:
        frames = bench.frames("bias", 3, detector)
        measured.append(bench.measure(bench.master("bias", frames), frames)[1])
    return measured


def test_even_light_over_the_detectors_passes_the_exposures(bench):
    report = bench.decide("flat", flats(bench, {0: 9000.0, 1: 9100.0}))
    scatter = [one for one in report.exposure_results if one.test == "SCATTER"]
    assert len(scatter) == 3
    assert {one.verdict for one in scatter} == {Verdict.PASS}
    assert scatter[0].value == pytest.approx(100 / 2 / 9050, rel=0.3)
    (row, *_) = report.exposure_measurements
    assert row.values["MEAN"] == pytest.approx(9050 * 0.95, rel=0.02)


def test_uneven_light_over_the_detectors_refuses_the_set(bench):
    report, _ = bench.paged("flat", flats(bench, {0: 9000.0, 1: 12000.0}))
    assert report.decision.outcome == "not certified"
    assert all(not one.accepted and one.verdict == "not certified" for one in report.detectors)
    assert "SCATTER (exposure) fails" in report.detectors[0].reason


def test_one_detector_has_nothing_to_scatter_against(bench):
    report = bench.decide("flat", flats(bench, {0: 9000.0}))
    assert {one.verdict for one in report.exposure_results} == {Verdict.NOT_APPLICABLE}
    assert report.decision.outcome == "certified"


def test_a_missing_detector_is_never_accepted_and_keeps_its_reason(bench):
    report, _ = bench.paged("bias", biases(bench, [0]), missing={1: "2 bias frames, 3 are needed"})
    good, missing = report.detectors
    assert good.accepted
    assert good.verdict == "certified"
    assert (missing.detector, missing.product_id, missing.accepted) == (1, "", False)
    assert missing.verdict == "withheld"
    assert missing.reason == "missing: 2 bias frames, 3 are needed"
    assert report.missing == {1: "2 bias frames, 3 are needed"}
    assert report.decision.counts.detectors == 2


def test_a_missing_detector_does_not_make_the_light_uneven(bench):
    report = bench.decide("flat", flats(bench, {0: 9000.0}), missing={1: "no bias"})
    assert report.decision.outcome == "certified with failures"
    assert report.detectors[0].accepted


def test_a_detector_is_not_withheld_for_exposures_that_it_was_never_to_be_measured_in(bench):
    """Four of ten frames of detector 0 came through ingestion; all four pass."""
    measured = []
    for detector, count in ((0, 4), (1, 10)):
        frames = bench.frames("bias", count, detector)
        measured.append(bench.measure(bench.master("bias", frames), frames)[1])
    report = bench.decide("bias", measured)
    assert len(report.exposures) == 10
    assert [(one.verdict, one.accepted) for one in report.detectors] == [("certified", True)] * 2
    assert report.decision.counts.planned == {0: 4, 1: 10}


def test_a_decision_by_other_rules_is_refused(bench):
    job = bench.decide_job("bias", biases(bench, [0])).model_copy(update={"rules_version": "0"})
    with pytest.raises(VersionMismatch, match="version 0 of the verification rules, but this worker has"):
        bench.compute(job)


def test_a_set_without_any_measurement_is_not_certified(bench):
    report, _ = bench.paged("bias", [], missing={0: "no product", 1: "no product"})
    assert report.decision.outcome == "not certified"
    assert [one.reason for one in report.detectors] == ["missing: no product"] * 2
    assert not any(one.accepted for one in report.detectors)


def test_every_count_and_threshold_is_in_the_report(bench):
    report = bench.decide("bias", biases(bench, [0, 1]))
    counts = report.decision.counts
    assert (counts.exposures, counts.detectors) == (3, 2)
    assert (counts.exposures_needed, counts.detectors_needed) == (2, 2)
    assert counts.failed_tests_threshold == report.thresholds.failed_tests == 8
    assert {one.test for one in counts.types} == {
        "MEAN",
        "NOISE",
        "PROCESSING",
        "CR_NOISE",
        "BAD_FRACTION",
        "MEASURED",
    }
    assert report.limits.version
    assert set(report.measurements) == {0, 1}
    assert report.report_id == f"report-{report.job_id[:12]}"
    assert report.exposures == ("bias-000", "bias-001", "bias-002")


def test_the_gate_is_that_of_the_job(bench):
    bench.noisy[1] = {"A01": 3.0}
    measured = biases(bench, [0, 1])
    assert [one.accepted for one in bench.decide("bias", measured).detectors] == [True, True]
    strict = bench.decide("bias", measured, gate=GateThresholds(rule="any", version="strict-1"))
    assert [one.verdict for one in strict.detectors] == ["certified", "withheld"]
    assert strict.thresholds == strict.decision.thresholds
    assert strict.thresholds.version == "strict-1"
    assert "1 is enough to withhold" in strict.detectors[1].reason


def test_every_verdict_keeps_the_version_of_its_limit(bench):
    frames = bench.frames("bias", 3)
    report, _ = bench.measure(bench.master("bias", frames), frames)
    versions = {one.test: one.limits_version for one in report.results}
    assert versions["NOISE"] == "simcam-tiny-1.0.0"
    assert versions["MEAN"] == "default-1"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "dark"}, "its kind is bias, but the set's is dark"),
        ({"instrument": "simcam"}, "its instrument is simcam-tiny"),
        ({"mode": VerificationMode.EXTERNAL}, "its mode is internal"),
        ({"mode": VerificationMode.UNSPECIFIED}, "does not say its mode"),
        ({"missing": {0: "lost"}}, "detector 0 is given twice"),
    ],
)
def test_measurements_of_another_set_are_refused(bench, change, says):
    job = bench.decide_job("bias", biases(bench, [0])).model_copy(update=change)
    with pytest.raises(MeasurementsRefused, match=says):
        bench.compute(job)


def test_a_file_that_holds_no_measurements_is_refused(bench):
    (measured,) = biases(bench, [0])
    other = bench.folder / "other.json"
    other.write_text('{"format": "something else"}')
    wrong = measured.model_copy(
        update={"ref": bench.objects.put_if_absent("reports/x.json", other, "application/json")}
    )
    with pytest.raises(MeasurementsRefused, match=r"reports/x\.json: holds no measurements"):
        bench.decide("bias", [wrong])
    with pytest.raises(MeasurementsRefused, match="no use for an input of role 'frames'"):
        bench.decide("bias", [measured.model_copy(update={"role": "frames"})])
