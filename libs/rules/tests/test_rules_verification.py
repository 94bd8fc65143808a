"""Verification tests by themselves: the verdicts of good, bad, missing and impossible measurements."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification_cases import AMP, DET, EXP, FAIL, GOOD, NOT_APPLICABLE, PASS, one

from calibrant.rules import verification as v
from calibrant.rules.verification import ALL_EXPOSURES, Limits, Scope

SCOPES = {"amplifier": AMP, "detector": DET, "exposure": EXP}
ANALYSES = {"dark-current", "bias-stability", "tearing", "correlations", "persistence"}
"""Kinds whose tests are tried in a file of their own."""


def test_the_registry_has_the_tests_of_the_reference():
    amplifier = {"MEAN", "NOISE", "CR_NOISE", "PROCESSING", "READ_NOISE_CONSISTENT"}
    for kind in ("bias", "dark"):
        assert {t.name for t in v.tests_for(kind, "amplifier") if not t.once} == amplifier
        assert {t.name for t in v.tests_for(kind, "detector")} == {"BAD_FRACTION"}
    assert {t.key for t in v.registry() if t.once and t.kind not in ANALYSES} == {
        "dark.amplifier.SPLIT_MEAN",
        "dark.amplifier.SPLIT_NOISE",
        *(
            t.key
            for kind in ("crosstalk", "cti", "ptc", "gain", "bfk", "linearity")
            for t in v.tests_for(kind)
        ),
    }
    assert v.tested_once("ptc")
    assert not any(v.tested_once(kind) for kind in ("dark", "fringe"))
    assert {t.name for t in v.tests_for("flat", "amplifier")} == {"NOISE", "NOISE_MODEL", "ILLUMINATION"}
    assert {t.name for t in v.tests_for("flat", "exposure")} == {"SCATTER", "SCATTER_ABSOLUTE"}
    advisory = {t.key for t in v.registry() if t.advisory and t.kind not in ANALYSES}
    assert advisory == {
        "bfk.amplifier.CHI2",
        "crosstalk.amplifier.ERROR",
        "crosstalk.amplifier.LARGEST",
        "bias.amplifier.READ_NOISE_CONSISTENT",
        "cti.amplifier.HARD_EDGE",
        "cti.amplifier.PARALLEL_CTI",
        "cti.amplifier.SERIAL_CTI",
        "dark.amplifier.READ_NOISE_CONSISTENT",
        "defects.amplifier.PROB_TEST",
        "defects.amplifier.NUM_COSMICS",
        "flat.amplifier.ILLUMINATION",
        "flat.amplifier.NOISE",
        "flat.exposure.SCATTER_ABSOLUTE",
        "gain.amplifier.NOISE",
        "linearity.amplifier.CHI2",
        "linearity.amplifier.LAMP",
        "linearity.amplifier.NONLINEARITY",
        "ptc.amplifier.A00",
        "ptc.amplifier.CHI2",
        "ptc.amplifier.TURNOFF",
    }
    assert v.tests_for("fringe") == ()


def test_r16_every_test_describes_itself_and_says_whose_it_is():
    for test in v.registry():
        assert test.summary
        assert re.search(r"cp_verify|DMTN-101|ours", test.source)
        assert set(test.required) | set(test.optional or {}) <= set(GOOD)


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "value"),
    [
        ("NO_SIGNIFICANT_DETECTION", {}, PASS, 0.0),
        ("NO_SIGNIFICANT_DETECTION", {"CROSSTALK_LEFT": 1.0}, FAIL, 1.0),
        ("NO_SIGNIFICANT_DETECTION", {"CROSSTALK_LEFT": math.nan}, FAIL, None),
        ("UNMEASURED", {"CROSSTALK_UNKNOWN": 1 / 3}, PASS, 1 / 3),
        ("UNMEASURED", {"CROSSTALK_UNKNOWN": 2 / 3}, FAIL, 2 / 3),
        ("LARGEST", {"CROSSTALK_LARGEST": -2e-3}, FAIL, 2e-3),
        ("ERROR", {"CROSSTALK_ERROR": 2e-5}, FAIL, 2e-5),
        ("BETWEEN_DETECTORS", {"CROSSTALK_BETWEEN": 1.0}, FAIL, 1.0),
        ("BETWEEN_DETECTORS", {"CROSSTALK_BETWEEN": None}, NOT_APPLICABLE, None),
    ],
)
def test_crosstalk(name, changes, verdict, value):
    everything = Scope(exposure_id=ALL_EXPOSURES, detector=0, amplifier="A")
    found = one("crosstalk", name, GOOD | changes, everything)
    assert found.verdict is verdict
    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "value"),
    [
        ("GAIN", {"GAIN": 1.43}, PASS, 0.07 / 1.5),
        ("GAIN", {"GAIN": 1.58}, FAIL, 0.08 / 1.5),
        ("PAIR_GAIN", {"PAIR_GAIN": 1.57}, PASS, 0.07 / 1.5),
        ("PAIR_GAIN", {"PAIR_GAIN": 1.42}, FAIL, 0.08 / 1.5),
        ("NOISE", {"PTC_NOISE": 5.24}, PASS, 0.048),
        ("NOISE", {"PTC_NOISE": 4.7}, FAIL, 0.06),
        ("NOISE", {"PTC_NOISE": 4.7, "PTC_NOISE_ERROR": 0.2}, NOT_APPLICABLE, 0.06),
        ("NOISE", {"PTC_NOISE": 10.0, "PTC_NOISE_ERROR": 0.2}, FAIL, 1.0),
        ("NOISE", {"PTC_NOISE_ERROR": -0.1}, FAIL, None),
        ("NOISE", {"PTC_NOISE_ERROR": None}, NOT_APPLICABLE, None),
        ("NOISE", {"NOMINAL_READ_NOISE": 0.0}, FAIL, None),
        ("NOISE_INDEPENDENCE", {"NOISE_SPREAD": 0.06}, FAIL, 0.06),
        ("NOISE_INDEPENDENCE", {"NOISE_SPREAD": None}, NOT_APPLICABLE, None),
        ("TURNOFF", {}, PASS, 90 / 95),
        ("TURNOFF", {"TURNOFF": 60_000.0}, FAIL, 1.5),
        ("TURNOFF", {"TURNOFF": 0.0}, FAIL, None),
        ("A00", {"A00": 5e-6}, FAIL, 5e-6),
        ("CHI2", {"CHI2_RATIO": 2.1}, FAIL, 2.1),
        ("CHI2", {"CHI2_RATIO": None}, NOT_APPLICABLE, None),
    ],
)
def test_photon_transfer(name, changes, verdict, value):
    everything = Scope(exposure_id=ALL_EXPOSURES, detector=0, amplifier="A")
    found = one("ptc", name, GOOD | changes, everything)
    assert found.verdict is verdict
    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "value"),
    [
        ("A00", {}, PASS, 200.0),
        ("A00", {"A00": -2e-8}, FAIL, 2.0),
        ("A00", {"A00": math.nan}, FAIL, None),
        ("A00", {"A00_ERROR": 0.0}, FAIL, None),
        ("NEIGHBOURS", {}, PASS, 0.02),
        ("NEIGHBOURS", {"LEFT_COVARIANCE": -0.12}, FAIL, 0.12),
        ("NEIGHBOURS", {"LEFT_COVARIANCE": 0.12, "LEFT_COVARIANCE_ERROR": 0.05}, NOT_APPLICABLE, 0.12),
        ("NEIGHBOURS", {"LEFT_COVARIANCE": 0.9, "LEFT_COVARIANCE_ERROR": 0.05}, FAIL, 0.9),
        ("VARIANCE", {}, PASS, 0.005),
        ("VARIANCE", {"CORRECTED_VARIANCE": 0.97}, FAIL, 0.03),
        ("VARIANCE", {"CORRECTED_VARIANCE": 0.97, "CORRECTED_VARIANCE_ERROR": 0.01}, NOT_APPLICABLE, 0.03),
        ("CHI2", {"CHI2_RATIO": 2.1}, FAIL, 2.1),
    ],
)
def test_brighter_fatter(name, changes, verdict, value):
    found = one("bfk", name, GOOD | changes, Scope(exposure_id=ALL_EXPOSURES, detector=0, amplifier="A"))
    assert found.verdict is verdict
    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "value"),
    [
        ("GAIN", {"GAIN": 1.43}, PASS, 0.07 / 1.5),
        ("GAIN", {"GAIN": 1.42}, FAIL, 0.08 / 1.5),
        ("NOISE", {"OVERSCAN_NOISE": 5.3}, FAIL, 0.06),
        ("NOISE", {"OVERSCAN_NOISE": None}, NOT_APPLICABLE, None),
        ("NOISE", {"NOMINAL_READ_NOISE": 0.0}, FAIL, None),
        ("GAIN_SPREAD", {"GAIN_SPREAD": 0.06}, FAIL, 0.06),
        ("GAIN_SPREAD", {"GAIN_SPREAD": None}, NOT_APPLICABLE, None),
    ],
)
def test_gains_of_pairs(name, changes, verdict, value):
    found = one("gain", name, GOOD | changes, Scope(exposure_id=ALL_EXPOSURES, detector=0, amplifier="A"))
    assert found.verdict is verdict
    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "value"),
    [
        ("RESIDUAL", {"RESIDUAL": 1.0}, PASS, 1.0),
        ("RESIDUAL", {"RESIDUAL": 1.01}, FAIL, 1.01),
        ("RESIDUAL", {"RESIDUAL": None}, NOT_APPLICABLE, None),
        ("RESIDUAL_PERCENT", {"RESIDUAL_PERCENT": 0.51}, FAIL, 0.51),
        ("DEVIATION", {"DEVIATION_PERCENT": 1.01}, FAIL, 1.01),
        ("DEVIATION", {"DEVIATION_PERCENT": math.nan}, FAIL, None),
        ("NONLINEARITY", {"NONLINEARITY_PERCENT": -2.1}, FAIL, 2.1),
        ("LAMP", {"LAMP_PERCENT": 1.1}, FAIL, 1.1),
        ("LAMP", {"LAMP_PERCENT": None}, NOT_APPLICABLE, None),
        ("CHI2", {"CHI2_RATIO": 2.1}, FAIL, 2.1),
    ],
)
def test_linearity(name, changes, verdict, value):
    everything = Scope(exposure_id=ALL_EXPOSURES, detector=0, amplifier="A")
    found = one("linearity", name, GOOD | changes, everything)
    assert found.verdict is verdict
    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("left", "error", "verdict"),
    [(4e-7, 1e-8, PASS), (2e-6, 1e-8, FAIL), (-2e-6, 1e-6, NOT_APPLICABLE), (-2e-6, 1e-7, FAIL)],
)
def test_what_a_correction_leaves_of_the_inefficiency_is_small_or_not_told_by_the_flats(left, error, verdict):
    measured = GOOD | {"SERIAL_RESIDUAL": left, "SERIAL_RESIDUAL_ERROR": error}
    found = one(
        "cti", "SERIAL_RESIDUAL", measured, Scope(exposure_id=ALL_EXPOSURES, detector=0, amplifier="A")
    )
    assert (found.verdict, found.value) == (verdict, abs(left))


@pytest.mark.parametrize("test", v.registry(), ids=lambda t: t.key)
@pytest.mark.parametrize("bad", [None, math.nan, math.inf, -math.inf, "absent"])
def test_missing_is_never_a_pass(test, bad):
    for name in (*test.required, *(test.optional or {})):
        measurements = {k: m for k, m in GOOD.items() if k != name} | ({} if bad == "absent" else {name: bad})
        found = test.evaluate(measurements, Limits(), SCOPES[test.level])
        absent = bad in (None, "absent")
        assert found.verdict is (NOT_APPLICABLE if absent and name in (test.optional or {}) else FAIL)
        assert found.because
        assert found.value is None


CHANCE = 3 * 6e-4 / math.sqrt(12)
"""Relative: three deviations, of six defects that are this part of the pixels."""


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "value"),
    [
        ("OUTLIERS", {}, PASS, -6.0),
        ("OUTLIERS", {"OUTLIERS": 10.0}, FAIL, 1.0),
        ("STDEV", {"STDEV": 5.5}, PASS, -5.5 * CHANCE),
        ("STDEV", {"STDEV": 5.6}, FAIL, 0.1 - 5.6 * CHANCE),
        ("STDEV", {"STDEV": 5.5, "DEFECT_PIXELS": 0.0, "FRAC": 0.0}, PASS, 0.0),
        ("MIN", {"MIN": -31.0}, FAIL, 1.0),
        ("MIN", {"MIN": -30.0}, PASS, 0.0),
        ("MAX", {"MAX": 901.0}, FAIL, 1.0),
        ("MAX", {}, PASS, -880.0),
        ("PROB_TEST", {}, PASS, 0.0),
        ("PROB_TEST", {"DEFECT_PIXELS": 4.0}, FAIL, 2.0),
        ("NUM_COSMICS", {}, PASS, -5.0),
        ("NUM_COSMICS", {"NUM_COSMICS_AFTER": 9.0}, FAIL, 1.0),
    ],
)
def test_defects(name, changes, verdict, value):
    found = one("defects", name, GOOD | changes)
    assert (found.verdict, found.value) == (verdict, pytest.approx(value))


NUMBERS = st.none() | st.floats()
AT_LEAST = {"bfk.amplifier.A00"}
"""Tests whose value must reach the limit."""


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, NUMBERS)))
def test_no_measurement_breaks_a_test_and_a_pass_is_within_its_limit(measurements):
    for test in v.registry():
        found = test.evaluate(measurements, Limits(), SCOPES[test.level])
        assert found.advisory is test.advisory
        if found.verdict is PASS:
            assert found.value is not None
            within = found.limit - found.value
            assert (-within if test.key in AT_LEAST else within) >= 0
            assert all(math.isfinite(measurements[name]) for name in test.required)


@pytest.mark.parametrize(
    ("kind", "name", "scope", "changes"),
    [
        ("flat", "SCATTER", DET, {"SCATTER": -1.0}),
        ("flat", "NOISE", AMP, {"NOISE": -1.0}),
        ("bias", "PROCESSING", AMP, {"PROCESSING_ERRORS": -1.0}),
        ("flat", "SCATTER", DET, {"SCATTER": 1e300, "MEAN": 5e-324}),
    ],
)
def test_impossible_and_overflowing_numbers_fail(kind, name, scope, changes):
    found = one(kind, name, GOOD | changes, scope)
    assert (found.verdict, found.value) == (FAIL, None)
