import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calibrant.rules import verification as v
from calibrant.rules.verification import ALL_EXPOSURES, LimitRule, Limits, Scope, Verdict

AMP = Scope(exposure_id="e1", detector=0, amplifier="A")
DET = Scope(exposure_id="e1", detector=0)
EXP = Scope(exposure_id="e1")
SCOPES = {"amplifier": AMP, "detector": DET, "exposure": EXP}
GOOD = {
    "MEAN": 0.1, "NOISE": 5.0, "CR_NOISE": 5.0, "READ_NOISE": 5.0, "NOMINAL_READ_NOISE": 5.0, "OVERSCAN_NOISE": 5.0, "PROCESSING_ERRORS": 0.0,
    "NOISE_RATIO": 1.0, "SCATTER": 0.001, "IN_ELECTRONS": 1.0, "BAD_FRACTION": 0.01,
    "OUTLIERS": 3.0, "UNMASKED_OUTLIERS": 9.0, "STDEV": 5.0, "UNMASKED_STDEV": 5.5, "MIN": -20.0, "UNMASKED_MIN": -30.0,
    "MAX": 20.0, "UNMASKED_MAX": 900.0, "STAT_OUTLIERS": 6.0, "DEFECT_PIXELS": 6.0, "FRAC": 6e-4,
    "NUM_COSMICS_BEFORE": 8.0, "NUM_COSMICS_AFTER": 3.0,
    "ILLUMINATION": 0.01, "SPLIT_MEAN": 0.1, "SPLIT_NOISE": 2.0, "SPLIT_EXPECTED": 2.0,
    "GAIN": 1.5, "NOMINAL_GAIN": 1.5, "PAIR_GAIN": 1.5, "PTC_NOISE": 5.0, "PTC_NOISE_ERROR": 0.05, "NOISE_SPREAD": 0.01,
    "TURNOFF": 95000.0, "A00": -2e-6, "A00_ERROR": 1e-8, "CHI2_RATIO": 1.0, "GAIN_SPREAD": 0.01,
    "LEFT_COVARIANCE": 0.02, "LEFT_COVARIANCE_ERROR": 0.03, "CORRECTED_VARIANCE": 1.005, "CORRECTED_VARIANCE_ERROR": 0.002,
    "CROSSTALK_LEFT": 0.0, "CROSSTALK_UNKNOWN": 0.0, "CROSSTALK_LARGEST": -1e-4, "CROSSTALK_ERROR": 4e-6,
    "SERIAL_CTI": 2e-6, "SERIAL_CTI_ERROR": 1e-8, "SERIAL_RESIDUAL": 2e-8, "SERIAL_RESIDUAL_ERROR": 1e-8,
    "PARALLEL_CTI": 2e-6, "PARALLEL_CTI_ERROR": 1e-8, "PARALLEL_RESIDUAL": 2e-8, "PARALLEL_RESIDUAL_ERROR": 1e-8,
    "HARD_EDGE": 1e-3,
    "NONLINEARITY_PERCENT": -1.5, "DEVIATION_PERCENT": 0.1, "RESIDUAL": 0.02, "RESIDUAL_PERCENT": 0.01, "LAMP_PERCENT": 0.2,
    "DARK_CURRENT": 0.02, "DARK_ERROR": 0.001, "DARK_BELOW_ZERO": 0.0, "DARK_REJECTED": 0.0, "DARK_P95": 0.1, "DARK_PIXEL_ERROR": 0.1,
    "GLOW": 0.01, "GLOW_ERROR": 0.001, "TELEGRAPH": 1e-4, "LEVEL_CHANGE": 0.01, "NOISE_CHANGE": 0.01, "DRIFT": 0.1, "DRIFT_ERROR": 0.1,
    "SHIFTED": 0.0, "TEARING": 0.002, "TEARING_ERROR": 0.001, "BIAS_CORRELATION": 0.01, "BIAS_CORRELATION_ERROR": 0.01,
    "FLAT_CORRELATION": 0.01, "FLAT_CORRELATION_ERROR": 0.01, "LATENT": 1e-3, "LATENT_ERROR": 1e-5, "DECAY_MISFIT": 1.0,
}  # fmt: skip
ANALYSES = {"dark-current", "bias-stability", "tearing", "correlations", "persistence"}
"""Kinds whose tests are tried in a file of their own."""
PASS, FAIL, NOT_APPLICABLE = Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE


def rule(limit, version, test="bias.amplifier.NOISE", **fields):
    return LimitRule(test=test, limit=limit, version=version, **fields)


def verdicts(kind, measurements, scope=AMP, limits=None):
    return {r.test: r.verdict for r in v.evaluate(kind, measurements, limits or Limits(), scope)}


def one(kind, name, measurements, scope=AMP, limits=None):
    (found,) = [r for r in v.evaluate(kind, measurements, limits or Limits(), scope) if r.test == name]
    return found


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


def test_every_test_describes_itself():
    for test in v.registry():
        assert test.summary
        assert re.search(r"cp_verify|DMTN-101|ours", test.source)
        assert set(test.required) | set(test.optional or {}) <= set(GOOD)


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
        ("NO_SIGNIFICANT_DETECTION", {}, PASS, 0.0),
        ("NO_SIGNIFICANT_DETECTION", {"CROSSTALK_LEFT": 1.0}, FAIL, 1.0),
        ("NO_SIGNIFICANT_DETECTION", {"CROSSTALK_LEFT": math.nan}, FAIL, None),
        ("UNMEASURED", {"CROSSTALK_UNKNOWN": 1 / 3}, PASS, 1 / 3),
        ("UNMEASURED", {"CROSSTALK_UNKNOWN": 2 / 3}, FAIL, 2 / 3),
        ("LARGEST", {"CROSSTALK_LARGEST": -2e-3}, FAIL, 2e-3),
        ("ERROR", {"CROSSTALK_ERROR": 2e-5}, FAIL, 2e-5),
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


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, NUMBERS)))
def test_no_measurement_breaks_a_test_and_a_pass_is_within_its_limit(measurements):
    for test in v.registry():
        found = test.evaluate(measurements, Limits(), SCOPES[test.level])
        assert found.advisory is test.advisory
        if found.verdict is PASS:
            assert found.value is not None
            assert found.value <= found.limit
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


def test_limits_are_data_and_replaceable():
    tight = v.limits_of("sim-3", [rule(0.01, "sim-3")])
    noisy = GOOD | {"NOISE": 5.1}
    assert one("bias", "NOISE", noisy).verdict is PASS
    found = one("bias", "NOISE", noisy, limits=tight)
    assert (found.verdict, found.limit, found.limits_version) == (FAIL, 0.01, "sim-3")
    assert one("bias", "NOISE", noisy).limits_version == "default-1"
    assert one("dark", "NOISE", noisy, limits=tight).verdict is PASS
    with pytest.raises(
        ValueError, match=r"'bias\.amplifier\.NOIS' belongs to no test; do you mean 'bias\.amplifier\.NOISE'"
    ):
        v.limits_of("x", [rule(1.0, "x", test="bias.amplifier.NOIS")])
    with pytest.raises(ValidationError):
        rule(math.nan, "x")


@pytest.mark.parametrize(
    ("place", "version"),
    [
        ({"detector": 0, "amplifier": "A", "begin_tai_ns": 50}, "all"),
        ({"detector": 0, "amplifier": "A", "begin_tai_ns": 150}, "all later"),
        ({"detector": 1, "amplifier": "A", "begin_tai_ns": 150}, "detector 1"),
        ({"detector": 1, "amplifier": "B", "begin_tai_ns": 99}, "B"),
        ({"detector": 1, "amplifier": "B", "begin_tai_ns": 100}, "B of 1"),
        ({"detector": 1, "amplifier": "B", "begin_tai_ns": 199}, "B of 1"),
        ({"detector": 1, "amplifier": "B", "begin_tai_ns": 200}, "B of 1 later"),
        ({"detector": 1, "amplifier": "B", "begin_tai_ns": 300}, "B"),
        ({"detector": 1, "amplifier": "B"}, "B"),
        ({"detector": 0, "amplifier": "B", "begin_tai_ns": 150}, "B"),
    ],
)
def test_the_most_specific_limit_wins_and_then_the_latest(place, version):
    rules = [
        rule(1, "all"),
        rule(2, "all later", begin_tai_ns=100),
        rule(3, "detector 1", detector=1),
        rule(4, "B of 1", detector=1, amplifier="B", begin_tai_ns=100, end_tai_ns=250),
        rule(5, "B of 1 later", detector=1, amplifier="B", begin_tai_ns=200, end_tai_ns=300),
        rule(6, "B", amplifier="B"),
    ]
    at = Scope(exposure_id="e", **place)
    found = one("bias", "NOISE", GOOD, at, v.limits_of("mine", rules))
    assert found.limits_version == version
    assert found.limit == next(r.limit for r in rules if r.version == version)
    assert one("bias", "NOISE", GOOD, at, v.limits_of("mine", rules[::-1])) == found


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([{"test": "flat.detector.SCATTER", "amplifier": "A"}], "has no amplifier; leave 'A' out"),
        ([{"test": "flat.exposure.SCATTER", "detector": 1}], "has no detector; leave 1 out"),
        ([{"begin_tai_ns": 2, "end_tai_ns": 2}], "ends before it begins"),
        ([{"detector": 1}, {"detector": 1, "end_tai_ns": 3}], "begin at the same time, versions v and v"),
    ],
)
def test_limits_that_contradict_themselves_are_refused(rules, says):
    with pytest.raises(ValueError, match=says):
        v.limits_of("x", [rule(1.0, "v", **fields) for fields in rules])


def test_a_scope_chooses_the_tests_and_must_be_of_their_level():
    assert set(verdicts("flat", GOOD, EXP)) == {"SCATTER", "SCATTER_ABSOLUTE"}
    assert set(verdicts("bias", GOOD, DET)) == {"BAD_FRACTION"}
    with pytest.raises(ValidationError, match="test of one amplifier but its place is one exposure"):
        v.tests_for("bias")[0].evaluate(GOOD, Limits(), EXP)
    with pytest.raises(ValidationError, match="has no detector"):
        Scope(exposure_id="e", amplifier="A")


def test_words_say_number_and_limit():
    found = one("bias", "NOISE", GOOD | {"NOISE": 6.0})
    assert found.because == "noise 6 beside the read noise 5: relative excess 0.2 exceeds 0.05"
    assert one("bias", "CR_NOISE", GOOD | {"CR_NOISE": None}).because.startswith("no search for cosmic rays")


def test_scatter_of_means():
    assert v.scatter_of([1.0, 3.0]) == {"MEAN": 2.0, "SCATTER": 1.0}
    assert v.scatter_of([7.0]) == {"MEAN": 7.0, "SCATTER": None}
    for bad in ([1.0, None], [1.0, math.nan], [1.0, math.inf], []):
        found = v.scatter_of(bad)
        assert math.isnan(found["SCATTER"])
        assert one("flat", "SCATTER", found, DET).verdict is FAIL
    assert one("flat", "SCATTER", v.scatter_of([None]), DET).verdict is NOT_APPLICABLE
