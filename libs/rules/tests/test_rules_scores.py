"""Trends, comparisons, scores and modes of certification, as pure functions."""

import math

import numpy as np
import pytest

from calibrant.rules.comparing import ComparisonRules, numbers_of, worse_numbers
from calibrant.rules.modes import Course, Mode, mode_of, way_of
from calibrant.rules.scores import Colour, Score, by_limits, total_of
from calibrant.rules.trends import History, TrendRules, history_of, place_of
from calibrant.rules.verification import Limits, Scope, evaluate

RULES = TrendRules(least=5)


def test_history_is_median_and_mad_whatever_the_order():
    values = np.random.default_rng(1).normal(5.0, 0.2, 101)
    found = history_of(values)
    assert found == history_of(reversed(values.tolist()))
    assert found.median == pytest.approx(np.median(values))
    assert found.mad == pytest.approx(np.median(np.abs(values - np.median(values))))
    assert history_of([None, math.nan]) is None


def test_a_number_beyond_the_limit_is_out_of_family_on_either_side():
    history = History(points=20, median=5.0, mad=0.1)
    sigma = 0.14826
    assert place_of(5.0 + 5 * sigma - 1e-6, history, RULES).out is False
    for side in (1, -1):
        place = place_of(5.0 + side * 5.01 * sigma, history, RULES)
        assert place.out
        assert place.z == pytest.approx(side * 5.01)
        assert "from 5 ± 0.15 of 20 earlier exposures" in place.because


def test_one_outlier_in_the_history_hides_no_alarm():
    history = history_of([5.0, 5.1, 4.9, 5.05, 4.95, 5000.0])
    assert place_of(7.0, history, RULES).out


@pytest.mark.parametrize(
    ("value", "out"), [(5.0, False), (5.12, False), (5.13, True)], ids=["same", "within", "beyond"]
)
def test_a_history_of_equal_numbers_has_a_floor(value, out):
    assert place_of(value, history_of([5.0] * 10), RULES).out is out  # five times 0.5 % of 5.0


def test_after_zeros_alone_any_other_number_is_out_of_family():
    zeros = history_of([0.0] * 10)
    assert place_of(0.0, zeros, RULES)[:2] == (0.0, False)
    assert place_of(1e-9, zeros, RULES).out


@pytest.mark.parametrize("value", [None, math.nan, 1e9], ids=["missing", "nan", "far off"])
def test_too_little_history_says_nothing(value):
    for history in (None, history_of([5.0] * 4)):
        place = place_of(value, history, RULES)
        assert (place.z, place.out) == (None, False)
        assert "5 are needed" in place.because


def product(ratio, amplifiers=4, *, bad=0.0, scatter=None, level=20000.0):
    rows = [
        (f"A{a}", {"NOISE_RATIO": ratio + e * 1e-3, "N_GOOD": 1000 * (1 - bad), "N_EXCLUDED": 1000 * bad})
        for a in range(amplifiers)
        for e in range(3)
    ]
    return numbers_of([*rows, (None, {"SCATTER": scatter, "MEAN": level})])


@pytest.mark.parametrize(
    ("kind", "new", "worse"),
    [
        ("bias", product(1.08), ""),
        ("bias", product(1.12), "NOISE_RATIO 1.121 against 1.001 (A3, worse in 4 of 4)"),
        ("bias", product(0.8), ""),
        ("dark", product(1.0, bad=0.02), "BAD_FRACTION 0.02 against 0 (A3, worse in 4 of 4)"),
        ("flat", product(1.0, scatter=600.0), "RELATIVE_SCATTER 0.03 against 0.001 (worse in 1 of 1)"),
        ("flat", product(1.0, scatter=20.1), ""),  # 0.1 electron of 20 000
        ("flat", product(1.0, scatter=40.0, level=40000.0), ""),  # twice the light
        ("fringe", product(99.0), ""),
    ],
)
def test_worse_is_said_number_by_number(kind, new, worse):
    old = product(1.0, scatter=20.0)
    found = worse_numbers(kind, new, old, ComparisonRules())
    assert "; ".join(one.words for one in found) == worse


def test_a_bias_of_more_frames_is_not_worse_for_being_less_its_own_frames():
    """A frame less the mean of N that it is part of has sqrt(1 - 1/N) of the read noise: of 3, 0.816; of 20, 0.975."""
    few, many = (numbers_of([("A", {"NOISE": noise, "NOISE_RATIO": 1.0})]) for noise in (4.08, 4.87))
    assert worse_numbers("bias", many, few, ComparisonRules()) == []
    assert all("NOISE" not in names for names in TrendRules().metrics.values())


def test_half_of_the_amplifiers_is_not_enough_to_be_worse():
    old = product(1.0)
    half = {place: value * (2 if place[0] in ("A0", "A1") else 1) for place, value in old.items()}
    assert worse_numbers("bias", half, old, ComparisonRules()) == []
    most = {place: value * (2 if place[0] in ("A0", "A1", "A2") else 1) for place, value in old.items()}
    (found,) = worse_numbers("bias", most, old, ComparisonRules())
    assert (found.places, found.of) == (3, 4)


def test_what_only_one_of_the_two_has_is_not_compared():
    assert worse_numbers("bias", product(9.0), {}, ComparisonRules()) == []


def results(noise):
    numbers = {"MEAN": 0.0, "NOISE": noise, "READ_NOISE": 5.0, "PROCESSING_ERRORS": 0.0}
    return evaluate("bias", numbers, Limits(), Scope(exposure_id="e", detector=0, amplifier="A"))


def test_tests_score_by_their_limits_and_what_cannot_be_asked_is_left_out():
    scores = {one.metric: one for one in by_limits([*results(5.0), *results(6.0)])}
    assert set(scores) == {"MEAN", "NOISE", "PROCESSING"}
    assert (scores["NOISE"].colour, scores["NOISE"].red, scores["NOISE"].of) == (Colour.RED, 1, 2)
    assert scores["MEAN"].colour is Colour.GREEN
    assert total_of(scores.values()).because.startswith("NOISE by limit: ")


def test_red_outweighs_grey_and_grey_outweighs_green():
    red, grey, green = (
        Score(metric=c, by="limit", colour=c, red=0, of=1, because=c) for c in ("red", "grey", "green")
    )
    assert total_of([green, grey, red]).colour is Colour.RED
    assert total_of([green, grey]).colour is Colour.GREY
    assert total_of([green]).colour is Colour.GREEN
    assert total_of([]).colour is Colour.GREY


WAYS = {
    # mode: accepted and green, accepted and red, accepted and grey, refused by the gate
    Mode.GATE: ("certify", "certify", "certify", "withhold"),
    Mode.GREEN: ("certify", "withhold", "withhold", "withhold"),
    Mode.ASK: ("certify", "ask", "ask", "ask"),
    Mode.ALWAYS: ("ask", "ask", "ask", "ask"),
}


@pytest.mark.parametrize("mode", Mode)
def test_modes_certify_withhold_or_ask(mode):
    cases = [(True, "green"), (True, "red"), (True, "grey"), (False, "green")]
    for (accepted, colour), course in zip(cases, WAYS[mode], strict=True):
        way = way_of(mode, accepted=accepted, reason="too noisy", score=Colour(colour), score_reason="x")
        assert way.course is Course(course)
        assert bool(way.because) is (way.course is not Course.CERTIFY)
        assert ("too noisy" in way.because) is (not accepted)


def test_the_most_particular_mode_counts():
    modes = {"*/*": Mode.ASK, "*/dark": Mode.GREEN, "simcam/*": Mode.ALWAYS, "simcam/bias": Mode.GATE}
    found = [
        mode_of(modes, *one)
        for one in [("simcam", "bias"), ("simcam", "dark"), ("kast", "dark"), ("kast", "x")]
    ]
    assert found == [Mode.GATE, Mode.ALWAYS, Mode.GREEN, Mode.ASK]
    assert mode_of({}, "simcam", "bias") is Mode.GATE
