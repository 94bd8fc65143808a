"""What would break: linearities that are not those of the simulated amplifiers, errors that are not what they scatter by."""

import dataclasses

import numpy as np
import pytest

from calibrant.pixels import DoubleSpline, Lookup, Polynomial, Spline
from calibrant.pixels.nonlinearity import (
    DoubleFit,
    Fit,
    FitRules,
    PolynomialCurve,
    Ramp,
    Reason,
    SplineCurve,
    fit_double_spline,
    fit_linearity,
    largest_nonlinearity,
    refit,
    residual_error,
    tabulate,
)

TIMES = np.repeat(np.geomspace(0.5, 60, 24), 2)
GRID = np.linspace(-500, 80000, 16_101)
OFFSET_S = 0.03
RULES = FitRules(highest=62000)
WITH_OFFSET = FitRules(highest=62000, light_offset=True)
BENT = Polynomial((1.2e-6, -5e-12))
WAVY = SplineCurve((0.0, 0.25, 0.5, 0.75, 1.0))
VALUES, TOP = (90.0, -150.0, -600.0), 51000.0  # of the spline, and where it ends
CURVES = {
    "polynomial": (PolynomialCurve(3), BENT, BENT.coefficients),
    "spline": (WAVY, WAVY.linearity(np.array(VALUES), TOP), VALUES),
}
RESPONSE = (TOP - VALUES[-1]) / (TIMES[-1] + OFFSET_S)


def measured(linearity, corrected):
    """Give the signals that a linearity corrects to some others."""
    return np.interp(corrected, linearity.apply(GRID)[0], GRID)


def noisy(signal, rng, samples=4e4, gain=1.5):
    """Give means of many pixels with photon noise, and their errors."""
    error = np.sqrt(signal / gain / samples)
    return signal + rng.normal(0, 1, signal.shape) * error, error


def ramp_of(linearity, rng, amplifiers=1, light=TIMES, **more):
    signal = measured(linearity, RESPONSE * (light + OFFSET_S))
    return Ramp(light, *noisy(np.tile(signal, (amplifiers, 1)), rng), **more)


def assert_unit_width(pulls):
    assert abs(np.mean(pulls)) < 4 / np.sqrt(len(pulls))
    assert abs(np.std(pulls) - 1) < 4 / np.sqrt(2 * len(pulls))


@pytest.mark.parametrize("name", CURVES)
def test_what_was_simulated_is_recovered_to_its_errors(name):
    curve, truth, parameters = CURVES[name]
    ramp = ramp_of(truth, np.random.default_rng(1), amplifiers=120)
    fits = fit_linearity(ramp, curve, WITH_OFFSET)
    for place, true in enumerate((*parameters, RESPONSE, OFFSET_S)):
        assert_unit_width([(fit.values[place] - true) / fit.errors[place] for fit in fits])
    assert np.mean([fit.chi2 / fit.dof for fit in fits]) == pytest.approx(1, abs=0.05)
    signal = np.linspace(500, 48000, 200)
    straight = np.array([fit.linearity.apply(signal)[0] for fit in fits]) / truth.apply(signal)[0]
    deviations = np.abs(straight / straight.mean(axis=1, keepdims=True) - 1).max(axis=1)
    assert deviations.max() < 2e-4  # the aim: linear within 0.02 %
    assert all(fit.within_limit and fit.kept.all() for fit in fits)


def test_two_filters_are_tied_by_the_signals_they_have_in_common():
    rng = np.random.default_rng(3)
    filters = np.repeat([0, 1], [24, 30])
    times = np.concatenate([np.geomspace(1, 40, 24), np.geomspace(2, 60, 30)])
    bright = np.where(filters == 0, 60.0, 850.0)
    signal, error = noisy(measured(BENT, np.broadcast_to(bright * (times + OFFSET_S), (150, 54))), rng)
    ramp = Ramp(times, signal, error, filters=filters)
    fits = fit_linearity(ramp, PolynomialCurve(3), WITH_OFFSET)
    for name, true in (
        ("c2", 1.2e-6),
        ("response 0", 60.0),
        ("response 1", 850.0),
        ("light offset", OFFSET_S),
    ):
        assert_unit_width([(v - true) / e for v, e in (f.parameter(name) for f in fits)])
    apart = dataclasses.replace(ramp, signal=np.where((filters == 1) & (signal < 3000), np.nan, signal))
    assert set(fit_linearity(apart, PolynomialCurve(2), WITH_OFFSET)) == {Reason.NO_OVERLAP}


def test_light_with_errors_of_its_own_weighs_less():
    rng = np.random.default_rng(4)
    ramp = ramp_of(BENT, rng, amplifiers=40)
    fits = []
    for one in range(40):  # each with another lamp: what all amplifiers share moves all together
        read = (TIMES + OFFSET_S) * (1 + 1e-3 * rng.normal(size=TIMES.shape))
        mine = Ramp(read, ramp.signal[[one]], ramp.error[[one]], light_error=1e-3 * (TIMES + OFFSET_S))
        fits += fit_linearity(mine, PolynomialCurve(3), RULES)
    assert np.mean([f.chi2 / f.dof for f in fits]) == pytest.approx(1, abs=0.15)
    assert_unit_width([(v - 1.2e-6) / e for v, e in (f.parameter("c2") for f in fits)])


def test_outliers_are_left_out_and_named():
    ramp = ramp_of(BENT, np.random.default_rng(5), amplifiers=3)
    struck = ramp.signal.copy()
    struck[0, 10] *= 1.5
    struck[1, [5, 40]] *= 0.9
    for curve in (PolynomialCurve(3), SplineCurve.spread(TIMES)):
        fits = fit_linearity(dataclasses.replace(ramp, signal=struck), curve, WITH_OFFSET)
        assert [np.flatnonzero(~f.kept).tolist() for f in fits] == [[10], [5, 40], []]
        assert fits[0].residual[10] == pytest.approx(0.5, abs=0.05)


def _one_level(ramp):
    return dataclasses.replace(ramp, light=np.full(48, 10.0), signal=np.full((2, 48), 8000.0))


def _signal(change):
    def spoil(ramp):
        return dataclasses.replace(ramp, signal=np.stack([change(ramp.signal[0]), ramp.signal[1]]))

    return spoil


def _first(values, count):
    return np.where(np.arange(len(values)) < count, values, np.nan)


@pytest.mark.parametrize(
    ("reason", "spoil", "rules", "others"),
    [
        (Reason.ONE_LEVEL, _one_level, RULES, False),
        (Reason.TOO_FEW_POINTS, _signal(lambda s: _first(s, 3)), RULES, True),
        (Reason.TOO_FEW_POINTS, _signal(np.zeros_like), RULES, True),
        (Reason.NOT_RISING, _signal(lambda s: np.minimum(s, 9000.0)), RULES, True),
        (Reason.NOT_RISING, _signal(lambda s: np.where(s > 20000, 40000 - s / 2, s)), RULES, True),
        (Reason.NO_READING, lambda ramp: dataclasses.replace(ramp, light=_first(TIMES, 3)), RULES, False),
        (Reason.NO_CONVERGENCE, lambda ramp: ramp, dataclasses.replace(RULES, iterations=1), False),
    ],
)
def test_an_amplifier_without_a_fit_says_why_and_the_others_go_on(reason, spoil, rules, others):
    ramp = ramp_of(BENT, np.random.default_rng(6), amplifiers=2)
    first, second = fit_linearity(spoil(ramp), PolynomialCurve(3), rules)
    assert first is reason
    assert isinstance(second, Fit) == others


def test_some_missing_readings_leave_their_exposures_out():
    ramp = ramp_of(BENT, np.random.default_rng(7))
    light = TIMES.copy()
    light[[0, 20]] = np.nan
    (fit,) = fit_linearity(dataclasses.replace(ramp, light=light), PolynomialCurve(3), WITH_OFFSET)
    np.testing.assert_array_equal(np.flatnonzero(~fit.kept), [0, 20])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(fit.residual)), [0, 20])


def test_errors_may_be_those_that_the_scatter_shows():
    ramp = ramp_of(BENT, np.random.default_rng(8))
    small = dataclasses.replace(ramp, error=ramp.error / 10)
    rules = dataclasses.replace(WITH_OFFSET, rescale=True, sigma=100)
    (given,) = fit_linearity(ramp, PolynomialCurve(3), rules)
    (scaled,) = fit_linearity(small, PolynomialCurve(3), rules)
    np.testing.assert_allclose(scaled.errors, given.errors)


def test_two_splines_are_free_of_the_lamp_where_amplifiers_are_compared():
    rng = np.random.default_rng(9)
    light = np.repeat(np.linspace(1, 60, 40), 2)
    lamp = light * (1 + 3e-3 * rng.normal(size=light.shape))
    truths = [Polynomial((1e-6,)), BENT, Polynomial((-1.5e-6,))]
    signal, error = noisy(np.stack([measured(one, 800 * lamp) for one in truths]), rng)
    curve = SplineCurve()
    fits = fit_double_spline(Ramp(light, signal, error, light_error=3e-3 * light), 0, curve, RULES)
    assert isinstance(fits[1], DoubleFit)
    assert fits[1].relative.chi2 / fits[1].relative.dof == pytest.approx(1, abs=0.5)
    at = np.linspace(1000, 46000, 100)
    straight = np.stack(
        [fit.linearity.apply(measured(true, at))[0] / at for fit, true in zip(fits, truths, strict=True)]
    )
    same = straight / straight[0]  # after the correction the amplifiers agree, whatever the lamp did
    np.testing.assert_allclose(same / same.mean(axis=1, keepdims=True), 1, atol=5e-4)
    np.testing.assert_allclose(straight / straight.mean(axis=1, keepdims=True), 1, atol=6e-3)


def test_without_the_reference_amplifier_there_are_no_two_splines():
    ramp = ramp_of(BENT, np.random.default_rng(10), amplifiers=2)
    dead = dataclasses.replace(ramp, signal=np.stack([np.zeros(48), ramp.signal[1]]))
    curve = SplineCurve.spread(TIMES)
    assert fit_double_spline(dead, 0, curve, WITH_OFFSET) == (Reason.TOO_FEW_POINTS, Reason.NO_REFERENCE)
    first, second = fit_double_spline(dead, 1, curve, WITH_OFFSET)
    assert first is Reason.TOO_FEW_POINTS
    assert isinstance(second, DoubleFit)


def test_the_residual_of_a_corrected_ramp_passes_and_that_of_a_raw_one_does_not():
    rng = np.random.default_rng(11)
    ramp = ramp_of(BENT, rng, light=np.linspace(1, 60, 60))
    curve = SplineCurve()
    (fit,) = fit_linearity(ramp, curve, WITH_OFFSET)
    for linearity, passes in ((fit.linearity, True), (Polynomial((0.0,)), False)):
        (again,) = refit(ramp, (linearity,), curve, WITH_OFFSET)
        assert (residual_error(again.linearity) <= 1) == passes
    assert refit(ramp, (None,), curve) == (None,)


@pytest.mark.parametrize(
    ("linearity", "ratio"),
    [
        (Polynomial((5e-7,)), 0.5),
        (Polynomial((1e-8, -3e-9)), 3.0),
        (Spline((-10.0, 0.0, 1000.0, 2000.0), (50.0, 0.0, 5.0, -30.0)), 1.5),
        (Lookup(np.float32([9, 9, 1, 0]), -1), 1.0),
        (DoubleSpline(Spline((0.0, 100.0), (0.0, 0.5)), Spline((0.0, 100.0), (0.0, -2.0))), 2.0),
    ],
)
def test_a_residual_is_measured_by_the_limit_of_its_type(linearity, ratio):
    assert residual_error(linearity) == pytest.approx(ratio)


def test_the_largest_nonlinearity_is_where_the_closed_form_has_it():
    found = largest_nonlinearity(Polynomial((-1e-6,)), 0.5, 50000)
    assert (found.percent, found.at) == (pytest.approx(100 * (1 / 0.95 - 1)), 50000)
    with pytest.raises(ValueError, match=r"from 0 to 50000"):
        largest_nonlinearity(Polynomial((-1e-6,)), 0, 50000)


def test_a_table_is_the_curve_in_the_middle_of_each_unit():
    table = tabulate(BENT, -20, 60000)
    signal = np.random.default_rng(12).uniform(-20, 60000, 1000)
    np.testing.assert_allclose(table.apply(signal)[0], BENT.apply(signal)[0], atol=0.06)
    middle = np.float64([0.5, 30000.5])
    np.testing.assert_allclose(table.apply(middle)[0], BENT.apply(middle)[0], rtol=1e-7)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Ramp(TIMES, np.ones((1, 3)), np.ones((1, 3))), "give one light and one signal"),
        (lambda: Ramp(np.ones(3), np.ones((1, 3)), np.ones((2, 3))), "errors of shape"),
        (lambda: Ramp(np.ones(3), np.ones((1, 3)), np.zeros((1, 3))), "not above zero"),
        (
            lambda: Ramp(np.ones(3), np.ones((1, 3)), np.ones((1, 3)), filters=np.zeros(2, int)),
            "filters of shape",
        ),
        (lambda: PolynomialCurve(1), "order 1"),
        (lambda: SplineCurve((0.0, 0.5, 1.0)), "4 or more"),
        (lambda: FitRules(lowest=10, highest=5), "no range of signals"),
        (lambda: FitRules(sigma=float("nan")), "sigma is nan"),
    ],
)
def test_what_makes_no_sense_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
