"""Fits of photon transfer curves: a published curve, errors that are right, outliers, and reasons for what fails."""

import json

import numpy as np
import pytest
from transfer_curves import GAIN, NOISE_E, PIXELS, assert_unit_width, pulls

from calibrant.pixels.photon_transfer import (
    Curve,
    FitSettings,
    GainCorrection,
    Model,
    PairStatistics,
    Reason,
    curves,
    fit_curves,
    pair_gain,
)
from calibrant.pixels.photon_transfer.models import exponential, polynomial

MEANS = np.geomspace(50, 90_000, 40)


def variance(means, a00=-2.6e-6):
    return (np.exp(2 * a00 * means * GAIN) - 1) / (2 * a00 * GAIN**2) + (NOISE_E / GAIN) ** 2


def curve(means, variances, pixels=PIXELS):
    return Curve(np.asarray(means, float), np.asarray(variances, float), np.full(len(means), float(pixels)))


def scattered(rng, means=MEANS, pixels=PIXELS):
    return curve(means, variance(means) * (1 + rng.normal(0, np.sqrt(2 / pixels), len(means))), pixels)


@pytest.mark.real_frames
def test_the_published_curve_of_an_e2v_amplifier(real_data):
    vector = json.loads((real_data.parent / "vectors" / "detector" / "ptc_eotest.json").read_text())
    means, variances = (np.array(vector["input"][name]) for name in ("mean", "var"))
    fit = fit_curves(
        {"amp05": curve(means, variances)},
        FitSettings(initial_most_adu=4e4),
        errors={"amp05": np.sqrt(variances)},
    )["amp05"]
    expected = vector["expected"]
    for found, name in [
        (fit.gain, "gain"),
        (fit.gain_error, "gain_error"),
        (fit.noise_e, "noise"),
        (fit.noise_error_e, "noise_error"),
        (fit.turnoff, "turnoff"),
    ]:
        assert found == pytest.approx(expected[name]["value"], abs=expected[name]["abs_tol"]), name
    assert -fit.a00 == pytest.approx(expected["a00"]["value"], rel=expected["a00"]["rel_tol"])
    assert fit.a00_error == pytest.approx(
        expected["a00_error"]["value"], rel=expected["a00_error"]["rel_tol"]
    )
    assert np.count_nonzero(fit.kept) == expected["n_points_selected"]
    assert not fit.full_well_is_lower_limit


@pytest.mark.real_frames
def test_the_quadratic_is_biased_as_published(real_data):
    vector = json.loads((real_data.parent / "vectors" / "detector" / "ptc_eotest.json").read_text())
    means, variances = (np.array(vector["input"][name]) for name in ("mean", "var"))
    lower = (means >= 1e3) & (means <= 4e4)
    fit = fit_curves(
        {"amp05": curve(means[lower], variances[lower])},
        FitSettings(model=Model.POLYNOMIAL, sigma=1e9, noise_bounds=(-2000, 2000)),
        errors={"amp05": np.ones(lower.sum())},
    )["amp05"]
    check = vector["cross_check"]
    assert fit.gain == pytest.approx(check["gain"]["value"], rel=check["gain"]["rel_tol"])
    assert -fit.a00 == pytest.approx(check["alpha"]["value"], rel=check["alpha"]["rel_tol"])
    scaled = fit.gain_error * np.sqrt(fit.chi2 / fit.degrees_of_freedom)
    right = check["gain_error_correct"]
    assert scaled == pytest.approx(right["value"], rel=right["rel_tol"])


def test_many_fits_recover_the_truth_with_errors_that_are_right():
    rng = np.random.default_rng(1)
    fits = list(fit_curves({str(n): scattered(rng) for n in range(200)}).values())
    assert not any(fit.reason for fit in fits)
    for name, truth, aim in [("gain", GAIN, 1e-3), ("a00", -2.6e-6, 0.02), ("noise_e", NOISE_E, 5e-3)]:
        assert_unit_width(pulls(fits, name, truth))
        assert np.std([getattr(fit, name) for fit in fits]) < aim * abs(truth), name
    assert np.mean([fit.chi2 / fit.degrees_of_freedom for fit in fits]) == pytest.approx(1, abs=0.03)
    assert all(fit.kept.sum() >= len(MEANS) - 1 for fit in fits)


def test_outlying_pairs_are_left_out_and_the_end_of_the_curve_is_found():
    """Three pairs far off, and a well that is full at 60 000 ADU."""
    rng = np.random.default_rng(2)
    means = np.linspace(500, 90_000, 60)
    clean = scattered(rng, means)
    spoiled = np.where(means > 60_000, clean.variances * 0.3, clean.variances)
    outliers = [3, 14, 27]
    spoiled[outliers] *= [1.3, 0.6, 3.0]
    order = rng.permutation(len(means))
    fit = fit_curves({"A": curve(means[order], spoiled[order])})["A"]
    expected = means <= 60_000
    expected[outliers] = False
    np.testing.assert_array_equal(fit.kept, expected[order])
    last = means[means <= 60_000].max()
    assert fit.turnoff == last
    assert fit.turnoff_sampling_error == pytest.approx((means[1] - means[0]) / 2)
    assert fit.full_well_e == pytest.approx(last * GAIN, rel=1e-3)
    assert not fit.full_well_is_lower_limit
    assert abs(fit.gain - GAIN) < 4 * fit.gain_error
    whole = fit_curves({"A": clean})["A"]
    assert whole.full_well_is_lower_limit
    assert whole.turnoff == means[-1]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (curve([], []), Reason.NO_PAIRS),
        (curve([1000, 1001, 1002, 1003, 1004], [900] * 5), Reason.ONE_LEVEL),
        (curve([1000, 1000, 2000], [900, 901, 1800]), Reason.TOO_FEW_LEVELS),
        (curve([1000, 2013, 2014.5, 2015], [900, 1800, 1801, 1802]), Reason.TOO_FEW_LEVELS),
        (curve([-5, -6, -7, -8], [9] * 4), Reason.NEGATIVE_FLUX),
        (curve([1000, 2000, 3000, 4000], [0] * 4), Reason.DEAD),
        (curve([np.nan] * 4, [1.0] * 4), Reason.NOT_FINITE),
        (
            curves([{"A": PairStatistics(np.nan, np.nan, 0, (0, 0), np.nan, None, None, Reason.SATURATED)}])[
                "A"
            ],
            Reason.SATURATED,
        ),
        (curve(MEANS, MEANS / 500), Reason.OUT_OF_BOUNDS),
        (curve(MEANS, MEANS * np.random.default_rng(3).uniform(0.2, 1.8, len(MEANS))), Reason.SCATTERED),
    ],
)
def test_what_cannot_be_fitted_is_named_and_the_others_go_on(broken, reason):
    good = scattered(np.random.default_rng(4))
    fits = fit_curves({"broken": broken, "good": good})
    assert fits["broken"].reason is reason
    assert np.isnan(fits["broken"].gain)
    assert fits["good"].reason is None
    assert fits["good"].gain == fit_curves({"good": good})["good"].gain
    assert (
        fit_curves({"A": good}, FitSettings(model=Model.FULL_COVARIANCE))["A"].reason is Reason.NO_COVARIANCES
    )


def test_levels_that_lie_close_are_still_a_curve():
    fit = fit_curves({"A": scattered(np.random.default_rng(7), np.geomspace(5_000, 20_000, 300))})["A"]
    assert abs(fit.gain - GAIN) < 4 * fit.gain_error


def test_a_polynomial_finds_itself():
    means = np.linspace(100, 30_000, 20)
    values = means / GAIN - 2e-6 * means**2 + 1e-11 * means**3 + (NOISE_E / GAIN) ** 2
    fit = fit_curves({"A": curve(means, values)}, FitSettings(model=Model.POLYNOMIAL, degree=3))["A"]
    assert fit.gain == pytest.approx(GAIN)
    assert fit.a00 == pytest.approx(-2e-6)
    assert fit.noise_e == pytest.approx(NOISE_E)
    assert fit.parameters[3] == pytest.approx(1e-11)


def test_a_read_noise_on_its_bound_has_no_error():
    means = np.linspace(1000, 30_000, 20)
    fit = fit_curves({"A": curve(means, means / GAIN - 5)})["A"]
    assert fit.noise_e == 0
    assert np.isnan(fit.noise_error_e)
    assert fit.on_bound == ("noise2",)
    assert fit.gain == pytest.approx(GAIN, rel=2e-3)


@pytest.mark.parametrize(("law", "size"), [(exponential, 3), (polynomial, 5)])
@pytest.mark.parametrize("a00", [-3e-6, 1e-13, 2e-6])
def test_derivatives_are_those_of_the_values(law, size, a00):
    parameters = np.array([[GAIN, a00, 36.0, 1e-11, 1e-17][:size]])
    means = np.array([[10.0, 3000.0, 80_000.0]])
    _, derivatives = law(means, parameters)
    for number in range(size):
        step = np.zeros(size)
        step[number] = 1e-5 * max(abs(parameters[0, number]), (0, 1e-7, 0, 0, 0)[number])
        slope = (law(means, parameters + step)[0] - law(means, parameters - step)[0]) / (2 * step[number])
        np.testing.assert_allclose(
            derivatives[0, :, number], slope[0], rtol=1e-5, atol=1e-6 * np.abs(slope).max()
        )


def pair(mean, variance):
    return PairStatistics(mean, variance, PIXELS, (mean, mean), np.nan, None, None)


def test_the_gain_of_one_pair():
    """Poisson light with read noise: only the correction for the read noise is exact."""
    mean, noise_adu = 500.0, 4.0
    found = pair(mean, mean / GAIN + noise_adu**2)
    gains = {correction: pair_gain(found, noise_adu, correction) for correction in GainCorrection}
    assert gains[GainCorrection.READ_NOISE].gain == pytest.approx(GAIN)
    assert gains[GainCorrection.NONE].gain == pytest.approx(1 / (1 / GAIN + noise_adu**2 / mean))
    ratio, full = found.variance / mean, gains[GainCorrection.FULL].gain
    assert 1 / full == pytest.approx(ratio - (noise_adu**2 - 1 / (2 * full**2)) / mean), "its own solution"
    assert gains[GainCorrection.SIMPLE].gain == pytest.approx(
        1 / (ratio - (noise_adu**2 - ratio**2 / 2) / mean)
    )
    assert gains[GainCorrection.READ_NOISE].gain_error == pytest.approx(GAIN * np.sqrt(2 / PIXELS), rel=0.05)
    assert pair_gain(found, 1000).reason is Reason.IMPOSSIBLE_GAIN
    with pytest.raises(ValueError, match="read_noise_adu"):
        pair_gain(found, -1)
