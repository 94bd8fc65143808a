"""How a report is scored by its history and by what is in force."""

from dataclasses import replace

import pytest
from verify_past import RULES

from calibrant.rules.comparing import WORSE, ComparisonRules
from calibrant.rules.scores import Colour
from calibrant.verify.assessing import Rules, assessed
from calibrant.verify.known import Known


@pytest.fixture
def set_of(bench):
    """A report on three biases as the gate decides, with its measurements."""
    frames = bench.frames("bias", 3)
    measured, done = bench.measure(bench.master("bias", frames), frames)
    return bench.decide("bias", [done]), {0: measured}


def history_of_set(measured, factor=1.0, points=20):
    """The past of every amplifier: what was measured now, times a factor."""
    numbers = {}
    for row in measured[0].measurements:
        if row.amplifier is not None:
            past = {"points": points, "median": row.values["NOISE_RATIO"] * factor, "mad": 0.0}
            numbers[row.amplifier] = {"NOISE_RATIO": past}
    detector = {
        "exposures": points,
        "first_tai_ns": 1,
        "last_tai_ns": 2,
        "products": ["bias-1"],
        "numbers": numbers,
    }
    return {"history": {0: detector}, "before_tai_ns": 3}


def standing_of(measured, factor=1.0):
    numbers = [
        {"amplifier": row.amplifier, "name": "NOISE_RATIO", "value": row.values["NOISE_RATIO"] * factor}
        for row in measured[0].measurements
        if row.amplifier is not None
    ]
    return {
        "in_force": {0: {"product_id": "bias-old", "begin_tai_ns": 1, "end_tai_ns": None, "numbers": numbers}}
    }


def score(set_of, known, act="advise"):
    report, measured = set_of
    return assessed(report, measured, Rules(RULES, ComparisonRules(act=act)), Known(**known))


def test_without_history_a_good_set_is_grey_and_says_why(set_of):
    report = score(set_of, {})
    (detector,) = report.detectors
    assert (detector.score, detector.accepted) == (Colour.GREY, True)
    assert "0 points of history, 5 are needed" in detector.score_reason
    assert report.assessment.total.because.startswith("detector 0: NOISE_RATIO by history")


def test_a_set_like_its_history_is_green_and_keeps_what_it_was_compared_with(set_of):
    report = score(set_of, history_of_set(set_of[1]))
    assert report.detectors[0].score is Colour.GREEN
    assert report.assessment.total.colour is Colour.GREEN
    assert report.assessment.history_before_tai_ns == 3
    assert report.assessment.detectors[0].history.products == ("bias-1",)
    assert all(trend.history.points == 20 for trend in report.assessment.detectors[0].trends)
    assert type(report).model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_out_of_family_is_red_and_advisory(set_of, factor):
    report = score(set_of, history_of_set(set_of[1], factor))
    (detector,) = report.detectors
    assert (detector.score, detector.accepted, detector.verdict) == (Colour.RED, True, "certified")
    assert "; advisory: " in detector.reason
    assert "NOISE_RATIO is out of family: " in detector.reason
    alarm = report.assessment.advisories[0]
    assert (alarm.test, alarm.advisory, alarm.limit) == ("NOISE_RATIO_OUT_OF_FAMILY", True, 5.0)
    assert abs(alarm.value) > 5
    assert report.decision == set_of[0].decision


def test_worse_than_what_is_in_force_is_told(set_of):
    known = history_of_set(set_of[1]) | standing_of(set_of[1], 0.5)
    (detector,) = score(set_of, known).detectors
    assert (detector.accepted, detector.score) == (True, Colour.RED)
    assert f"{WORSE}, bias-old: NOISE_RATIO " in detector.reason
    (detector,) = score(set_of, known, "off").detectors
    assert (detector.score, WORSE in detector.reason) == (Colour.GREEN, False)


def test_where_it_is_set_the_worse_product_gives_way(set_of):
    (detector,) = score(set_of, standing_of(set_of[1], 0.5), "fall back").detectors
    assert (detector.accepted, detector.verdict, detector.score) == (False, WORSE, Colour.RED)
    assert detector.reason.endswith("that one stays in use")
    (detector,) = score(set_of, standing_of(set_of[1], 1.0), "fall back").detectors
    assert detector.accepted


def test_the_computation_takes_settings_and_what_is_known_and_tells_it_on_the_page(bench, monkeypatch):
    frames = bench.frames("bias", 3)
    measured, done = bench.measure(bench.master("bias", frames), frames)
    known = standing_of({0: measured}, 0.5) | history_of_set({0: measured}, 0.5)
    plain = bench.workspace
    config = {"instruments": "", "comparison": '{"act": "fall back"}'}
    monkeypatch.setattr(type(bench), "workspace", lambda _self: replace(plain(), known=known, config=config))
    _, ref = bench.compute(bench.decide_job("bias", [done]))
    report = bench.report(ref)
    assert report.detectors[0].verdict == WORSE
    assert report.assessment.comparison_rules.act == "fall back"
    page = bench.objects.local_path(bench.artifacts[ref.uri]["page"]).read_text()
    assert f"{WORSE.capitalize()}, bias-old: NOISE_RATIO" in page
    assert "NOISE_RATIO_OUT_OF_FAMILY" in page
