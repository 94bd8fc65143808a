"""Verification tests of biases, darks and flats, each at both sides of its limit."""

import math

import pytest
from verification_cases import AMP, DET, EXP, FAIL, GOOD, NOT_APPLICABLE, PASS, one, verdicts

from calibrant.rules import verification as v
from calibrant.rules.verification import ALL_EXPOSURES, Scope


@pytest.mark.parametrize("kind", ["bias", "dark"])
@pytest.mark.parametrize(
    ("name", "changes", "verdict", "value"),
    [
        ("MEAN", {"MEAN": -4.99}, PASS, 0.998),
        ("MEAN", {"MEAN": 5.0}, FAIL, 1.0),
        ("MEAN", {"NOISE": 0.0}, FAIL, None),
        ("NOISE", {"NOISE": 5.25}, PASS, 0.05),
        ("NOISE", {"NOISE": 5.26}, FAIL, 0.052),
        ("NOISE", {"NOISE": 3.0}, PASS, -0.4),
        ("NOISE", {"READ_NOISE": 0.0}, FAIL, None),
        ("NOISE", {"NOISE": 0.0}, FAIL, None),
        ("CR_NOISE", {"CR_NOISE": 4.7}, FAIL, 0.3 / 4.7),
        ("CR_NOISE", {"CR_NOISE": 5.3}, FAIL, 0.3 / 5.3),
        ("CR_NOISE", {"CR_NOISE": 4.9}, PASS, 0.1 / 4.9),
        ("CR_NOISE", {"CR_NOISE": None}, NOT_APPLICABLE, None),
        ("PROCESSING", {}, PASS, 0.0),
        ("PROCESSING", {"PROCESSING_ERRORS": 1.0}, FAIL, 1.0),
        ("READ_NOISE_CONSISTENT", {"OVERSCAN_NOISE": 5.2}, PASS, 0.04),
        ("READ_NOISE_CONSISTENT", {"OVERSCAN_NOISE": 5.3}, FAIL, 0.06),
        ("READ_NOISE_CONSISTENT", {"OVERSCAN_NOISE": None}, NOT_APPLICABLE, None),
        ("READ_NOISE_CONSISTENT", {"OVERSCAN_NOISE": math.nan}, FAIL, None),
    ],
)
def test_bias_and_dark(kind, name, changes, verdict, value):
    found = one(kind, name, GOOD | changes)
    assert found.verdict is verdict
    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "value"),
    [
        ("SPLIT_MEAN", {"SPLIT_MEAN": -0.99}, PASS, 0.495),
        ("SPLIT_MEAN", {"SPLIT_MEAN": 1.01}, FAIL, 0.505),
        ("SPLIT_MEAN", {"SPLIT_MEAN": None}, NOT_APPLICABLE, None),
        ("SPLIT_MEAN", {"SPLIT_NOISE": 0.0}, FAIL, None),
        ("SPLIT_NOISE", {"SPLIT_NOISE": 2.09}, PASS, 0.045),
        ("SPLIT_NOISE", {"SPLIT_NOISE": 2.12}, FAIL, 0.06),
        ("SPLIT_NOISE", {"SPLIT_EXPECTED": 0.0}, FAIL, None),
        ("SPLIT_NOISE", {"SPLIT_NOISE": math.nan}, FAIL, None),
    ],
)
def test_split_darks_are_tested_once(name, changes, verdict, value):
    everything = Scope(exposure_id=ALL_EXPOSURES, detector=0, amplifier="A")
    found = one("dark", name, GOOD | changes, everything)
    assert found.verdict is verdict
    assert found.value == (None if value is None else pytest.approx(value))
    assert name not in verdicts("dark", GOOD)
    assert verdicts("dark", GOOD, everything).keys() == {"SPLIT_MEAN", "SPLIT_NOISE"}
    assert verdicts("bias", GOOD, everything) == {}


@pytest.mark.parametrize(
    ("name", "scope", "changes", "verdict", "value"),
    [
        ("NOISE_MODEL", AMP, {"NOISE_RATIO": 1.09}, PASS, 0.09),
        ("NOISE_MODEL", AMP, {"NOISE_RATIO": 1.11}, FAIL, 0.11),
        ("NOISE_MODEL", AMP, {"NOISE_RATIO": 0.0}, FAIL, None),
        ("ILLUMINATION", AMP, {}, PASS, 0.01),
        ("ILLUMINATION", AMP, {"ILLUMINATION": 0.03}, FAIL, 0.03),
        ("NOISE", AMP, {"MEAN": 10_000.0, "NOISE": 100.0}, PASS, 1.0),
        ("NOISE", AMP, {"MEAN": 10_000.0, "NOISE": 102.5}, FAIL, 1.025),
        ("NOISE", AMP, {"MEAN": -1.0}, FAIL, None),
        ("NOISE", AMP, {"IN_ELECTRONS": None}, NOT_APPLICABLE, None),
        ("SCATTER", DET, {"MEAN": 100.0, "SCATTER": 5.0}, PASS, 0.05),
        ("SCATTER", DET, {"MEAN": 100.0, "SCATTER": 5.1}, FAIL, 0.051),
        ("SCATTER", DET, {"MEAN": 0.0}, FAIL, None),
        ("SCATTER", DET, {"SCATTER": None}, NOT_APPLICABLE, None),
        ("SCATTER", EXP, {"MEAN": 100.0, "SCATTER": 5.1}, FAIL, 0.051),
        ("SCATTER", EXP, {"SCATTER": None}, NOT_APPLICABLE, None),
        ("SCATTER_ABSOLUTE", EXP, {"MEAN": 1e4, "SCATTER": 5.0}, FAIL, 5.0),
        ("SCATTER_ABSOLUTE", EXP, {"SCATTER": 0.05}, PASS, 0.05),
    ],
)
def test_flat(name, scope, changes, verdict, value):
    found = one("flat", name, GOOD | changes, scope)
    assert found.verdict is verdict
    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize("scope", [DET, EXP])
def test_d6_scatter_is_judged_beside_the_level_and_not_of_one_detector_alone(scope):
    """Rubin's compares it with 0.05 electrons whatever the exposure time, and one detector's is 0."""
    for scale in (1.0, 1000.0):
        of = {value: {"MEAN": 10 * scale, "SCATTER": value * scale} for value in (0.4, 0.6)}
        found = [one("flat", "SCATTER", GOOD | measured, scope).verdict for measured in of.values()]
        assert found == [PASS, FAIL]
    assert one("flat", "SCATTER", GOOD | v.scatter_of([7.0]), scope).verdict is NOT_APPLICABLE


def test_scatter_of_means():
    assert v.scatter_of([1.0, 3.0]) == {"MEAN": 2.0, "SCATTER": 1.0}
    assert v.scatter_of([7.0]) == {"MEAN": 7.0, "SCATTER": None}
    for bad in ([1.0, None], [1.0, math.nan], [1.0, math.inf], []):
        found = v.scatter_of(bad)
        assert math.isnan(found["SCATTER"])
        assert one("flat", "SCATTER", found, DET).verdict is FAIL
    assert one("flat", "SCATTER", v.scatter_of([None]), DET).verdict is NOT_APPLICABLE
