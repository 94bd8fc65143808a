"""Analyses are judged by how well they were measured; what they say of a detector is told, where chance does not say it."""

import pytest

from calibrant.rules import verification as v
from calibrant.rules.association import FrameFacts, organise
from calibrant.rules.classification import ImageType
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.rules.verification import (
    ALL_EXPOSURES,
    Limits,
    Scope,
    Verdict,
    evaluate,
)

KINDS = ("dark-current", "bias-stability", "tearing", "correlations", "persistence")
PLACE = Scope(exposure_id=ALL_EXPOSURES, detector=0, amplifier="A")
PASS, FAIL, NOT_APPLICABLE = Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("kind", KINDS)
def test_an_analysis_is_made_on_request_and_tested_once_by_a_test_that_decides(kind):
    rule = DEFAULT_RULES.rule_for(kind)
    assert rule is not None
    assert rule.on_request
    assert v.tested_once(kind)
    assert {test.advisory for test in v.tests_for(kind)} == {True, False}


@pytest.mark.parametrize(
    ("kind", "name", "values", "verdict"),
    [
        ("dark-current", "ERROR", {"DARK_ERROR": 0.06}, FAIL),
        ("dark-current", "NEGATIVE", {"DARK_BELOW_ZERO": 5.1}, FAIL),
        ("dark-current", "REJECTED", {"DARK_REJECTED": 0.25}, PASS),
        ("dark-current", "DARK_CURRENT", {"DARK_CURRENT": 0.2, "DARK_ERROR": 0.02}, NOT_APPLICABLE),
        ("dark-current", "DARK_CURRENT", {"DARK_CURRENT": 0.2, "DARK_ERROR": 0.01}, FAIL),
        ("dark-current", "DARK_CURRENT", {"DARK_CURRENT": float("nan"), "DARK_ERROR": 0.01}, FAIL),
        ("dark-current", "GLOW", {"GLOW": -0.06, "GLOW_ERROR": 0.001}, FAIL),
        ("dark-current", "GLOW", {}, NOT_APPLICABLE),
        ("dark-current", "TELEGRAPH", {"TELEGRAPH": 1e-4}, PASS),
        ("bias-stability", "LEVEL", {"LEVEL_CHANGE": 0.21}, FAIL),
        ("bias-stability", "NOISE", {"NOISE_CHANGE": 0.06}, FAIL),
        ("bias-stability", "DRIFT", {"DRIFT": -9.0, "DRIFT_ERROR": 3.0}, NOT_APPLICABLE),
        ("bias-stability", "SHIFTS", {"SHIFTED": 0.5}, FAIL),
        ("tearing", "ERROR", {"TEARING_ERROR": 0.006}, FAIL),
        ("tearing", "TEARING", {"TEARING": 0.02, "TEARING_ERROR": 0.001}, FAIL),
        ("tearing", "TEARING", {}, NOT_APPLICABLE),
        ("correlations", "BIAS_ERROR", {"BIAS_CORRELATION_ERROR": 0.06}, FAIL),
        ("correlations", "FLAT_ERROR", {}, NOT_APPLICABLE),
        (
            "correlations",
            "BIAS_CORRELATION",
            {"BIAS_CORRELATION": -0.2, "BIAS_CORRELATION_ERROR": 0.01},
            FAIL,
        ),
        ("persistence", "ERROR", {"LATENT_ERROR": 0.0011}, FAIL),
        ("persistence", "LATENT", {"LATENT": 0.004, "LATENT_ERROR": 1e-4}, FAIL),
        ("persistence", "DECAY", {}, NOT_APPLICABLE),
    ],
)
def test_verdicts_of_analyses(kind, name, values, verdict):
    (found,) = [one for one in evaluate(kind, values, Limits(), PLACE) if one.test == name]
    assert found.verdict is verdict


def test_a_persistence_has_darks_and_light_in_the_order_of_time():
    types = [
        ImageType.DARK,
        ImageType.FLAT,
        ImageType.DARK,
        ImageType.SCIENCE,
        ImageType.DARK,
        ImageType.BIAS,
    ]
    frames = [
        FrameFacts(
            frame_id=f"{n}",
            exposure_id=f"e{n}",
            instrument="simcam",
            detector=0,
            image_type=of,
            begin_tai_ns=n,
            exptime_s=1.0,
            dark_time_s=1.0,
            night="20260101",
        )
        for n, of in enumerate(types)
    ]
    (made,) = organise(reversed(frames), DEFAULT_RULES.rule_for("persistence")).sets
    assert [frame.frame_id for frame in made.frames] == ["0", "1", "2", "3", "4"]
