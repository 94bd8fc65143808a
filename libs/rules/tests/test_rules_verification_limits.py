"""Limits of verification tests are data: replaced, the most specific and latest one counts, contradictions are refused."""

import math

import pytest
from pydantic import ValidationError
from verification_cases import DET, EXP, FAIL, GOOD, PASS, one, verdicts

from calibrant.rules import verification as v
from calibrant.rules.verification import LimitRule, Limits, Scope


def rule(limit, version, test="bias.amplifier.NOISE", **fields):
    return LimitRule(test=test, limit=limit, version=version, **fields)


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
