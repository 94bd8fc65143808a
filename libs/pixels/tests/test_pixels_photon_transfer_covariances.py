"""Fits of covariances: the truth found again with errors that are right, and what no model has named."""

import numpy as np
import pytest
from transfer_curves import GAIN, NOISE_E, PIXELS, A, assert_unit_width, pulls

from calibrant.pixels.photon_transfer import (
    Curve,
    FitSettings,
    Model,
    Reason,
    fit_curves,
)

LAGS = 3
B = np.full_like(A, -1.5e-6)
NOISE = np.zeros_like(A)
NOISE[0, :2] = NOISE_E**2, 1.5


def convolved(one, other):
    """Convolve two even matrices by sums over all cells; the result reaches as far as both together."""
    reach = len(one) + len(other) - 1
    total = np.zeros((reach, reach))
    for j, i in np.ndindex(reach, reach):
        for v in range(1 - len(one), len(one)):
            for u in range(1 - len(one), len(one)):
                dy, dx = abs(j - v), abs(i - u)
                if max(dy, dx) < len(other):
                    total[j, i] += one[abs(v), abs(u)] * other[dy, dx]
    return total


def covariances(means):
    """Give equation 20 of Astier et al. 2019, term by term."""
    twice, mixed = convolved(A, A), convolved(A, A * B)[:LAGS, :LAGS]
    thrice, twice = convolved(A, twice)[:LAGS, :LAGS], twice[:LAGS, :LAGS]
    charge = (means * GAIN)[:, None, None]
    first = np.zeros_like(A)
    first[0, 0] = 1
    model = charge * (
        first + A * charge + 2 / 3 * (twice + A * B) * charge**2 + (thrice / 3 + 5 / 6 * mixed) * charge**3
    )
    return (model + NOISE) / GAIN**2


def covariance_curve(means, rng=None):
    values = covariances(means)
    pairs = np.full(values.shape, float(PIXELS))
    if rng is not None:
        both = np.full(A.shape, 2.0)
        both[0], both[:, 0] = 1, 1
        both[0, 0] = 0.5
        values = values + values[:, :1, :1] * rng.normal(size=values.shape) / np.sqrt(pairs * both)
    return Curve(means, values[:, 0, 0], np.full(len(means), float(PIXELS)), values, pairs)


def test_covariances_without_a_variance_to_begin_with_harm_no_other():
    means = np.linspace(1000, 110_000, 30)
    bad = covariance_curve(means)
    bad.variances[:] = means * np.random.default_rng(8).uniform(1e-3, 1e3, 30)
    fits = fit_curves({"A": bad, "B": covariance_curve(means)}, FitSettings(model=Model.FULL_COVARIANCE))
    assert fits["A"].reason is not None
    assert fits["B"].gain == pytest.approx(GAIN, rel=1e-6)


def test_covariances_that_no_model_has_do_not_converge_and_harm_no_other():
    means = np.linspace(1000, 110_000, 30)
    good, broken = covariance_curve(means), covariance_curve(means)
    broken.covariances[:, 1:, 1:] += 1e6 * np.random.default_rng(6).normal(size=(30, LAGS - 1, LAGS - 1))
    fits = fit_curves({"broken": broken, "good": good}, FitSettings(model=Model.FULL_COVARIANCE))
    assert fits["broken"].reason is Reason.NO_CONVERGENCE
    assert fits["good"].gain == pytest.approx(GAIN, rel=1e-6)
    fewer = Curve(means, good.variances, good.n_pixels, good.covariances[:, :2, :2], good.n_pairs[:, :2, :2])
    with pytest.raises(ValueError, match="measure all amplifiers alike"):
        fit_curves({"good": good, "fewer": fewer})


def test_the_covariance_model_finds_itself():
    found = fit_curves(
        {"A": covariance_curve(np.linspace(1000, 110_000, 30))}, FitSettings(model=Model.FULL_COVARIANCE)
    )["A"]
    assert found.gain == pytest.approx(GAIN, rel=1e-6)
    np.testing.assert_allclose(found.terms.a, A, rtol=1e-3)
    np.testing.assert_allclose(found.terms.c, A * B, rtol=1e-2, atol=2e-15)
    np.testing.assert_allclose(found.terms.noise, NOISE, atol=1e-3)
    assert found.chi2 < 1e-3


@pytest.mark.parametrize("model", [Model.FULL_COVARIANCE, Model.FULL_COVARIANCE_NO_B])
def test_covariances_recover_the_truth_with_errors_that_are_right(model, monkeypatch):
    if model is Model.FULL_COVARIANCE_NO_B:
        monkeypatch.setitem(globals(), "B", np.zeros_like(A))
    rng = np.random.default_rng(5)
    means = np.linspace(1000, 110_000, 30)
    fits = list(
        fit_curves(
            {str(n): covariance_curve(means, rng) for n in range(60)}, FitSettings(model=model)
        ).values()
    )
    assert not any(fit.reason for fit in fits)
    for name, truth in [("gain", GAIN), ("a00", A[0, 0]), ("noise_e", NOISE_E)]:
        assert_unit_width(pulls(fits, name, truth))
    for lag in np.ndindex(A.shape):
        assert_unit_width([(fit.terms.a[lag] - A[lag]) / fit.terms.a_errors[lag] for fit in fits])
        assert_unit_width([(fit.terms.noise[lag] - NOISE[lag]) / fit.terms.noise_errors[lag] for fit in fits])
        if model is Model.FULL_COVARIANCE:
            assert_unit_width([(fit.terms.c[lag] - (A * B)[lag]) / fit.terms.c_errors[lag] for fit in fits])
    assert np.mean([fit.chi2 / fit.degrees_of_freedom for fit in fits]) == pytest.approx(1, abs=0.03)
