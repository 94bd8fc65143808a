"""Trap pumping: dipoles are found where they were put, and their traps come back, with errors that are right."""

import numpy as np
import pytest

from calibrant.pixels.charge_transfer import (
    Reason,
    amplitude,
    dipole_amplitudes,
    dipole_map,
    find_dipoles,
    fit_pumping,
    united,
)

TIMES = np.array([50.0, 200, 1000, 2000, 4000, 8000])
CYCLES, LEVEL, NOISE = 5000, 20000.0, 30.0
TRAPS = {(30, 10): (300.0, 1e-4, True), (55, 99): (1000.0, 2e-4, False), (97, 0): (3000.0, 1.5e-4, True)}


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        (100, (0.1193256093, 0.05850982217, 2.26989343e-05, 1.030576809e-09, 2.124177128e-18)),
        (300, (0.06497520716, 0.1249099905, 0.01720067977, 0.0006355071023, 8.097970846e-07)),
        (3000, (0.00812767667, 0.03016683299, 0.1015570958, 0.1249099905, 0.09705684345, 0.03232775061)),
    ],
)
def test_the_parallel_law_in_numbers(release, expected):
    found = 0.5 * amplitude(TIMES[: len(expected)], np.array(float(release)), "parallel")
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def pumped(time, rng):
    """Simulate an amplifier whose injection varies from column to column and slowly along them."""
    rows = np.arange(120)[:, None]
    image = LEVEL * (1 + 0.1 * rng.random(100)) * (1 + 1e-3 * np.cos(rows / 60)) + rng.normal(
        0, NOISE, (120, 100)
    )
    for (row, column), (release, capture, bright_first) in TRAPS.items():
        height = CYCLES * capture * amplitude(np.array(time), np.array(release), "parallel") * LEVEL * 1.05
        image[row, column] += height if bright_first else -height
        image[row + 1, column] -= height if bright_first else -height
    image[5, 5], image[110, 50] = np.nan, 3 * LEVEL
    return image


def test_traps_come_back_from_pumped_images():
    rng = np.random.default_rng(1)
    maps = [dipole_map(pumped(time, rng)) for time in TIMES]
    assert maps[0].noise == pytest.approx(NOISE / LEVEL / 1.05, rel=0.05)
    dipoles = united([find_dipoles(one) for one in maps])
    places = list(zip(dipoles.row, dipoles.column, strict=True))
    assert places == list(TRAPS)
    assert list(dipoles.bright_first) == [True, False, True]
    found = fit_pumping(TIMES, *dipole_amplitudes(maps, dipoles), cycles=CYCLES)
    release, capture = np.array([one[:2] for one in TRAPS.values()]).T
    assert found.converged.all()
    # the 21 x 21 box around a pixel holds the pair itself, and a column's level is its own: a few per cent of a dipole
    np.testing.assert_allclose(found.release, release, rtol=0.05)
    np.testing.assert_allclose(found.capture, capture, rtol=0.08)


@pytest.mark.parametrize(("pumping", "release"), [("parallel", 1000.0), ("serial", 5.0)])
def test_errors_of_release_times_are_right(pumping, release):
    rng, times = np.random.default_rng(2), TIMES if pumping == "parallel" else np.array([4.75, 6, 9, 15, 25])
    truth = CYCLES * 1e-4 * amplitude(times, np.array(release), pumping)
    errors = np.full((300, len(times)), 0.01)
    amplitudes = truth + rng.normal(0, errors)
    amplitudes[:, 1] = np.nan
    found = fit_pumping(times, amplitudes, errors, cycles=CYCLES, pumping=pumping)
    assert found.converged.mean() > 0.98
    pulls = ((found.release - release) / found.release_error)[found.converged]
    assert abs(np.median(pulls)) < 0.25
    assert 0.8 < np.std(pulls) < 1.3


def test_dipoles_that_cannot_be_fitted_are_flagged():
    amplitudes = np.array([[0.1, 0.1, np.nan, np.nan, np.nan, np.nan], [-0.1] * 6])
    found = fit_pumping(TIMES, amplitudes, np.full((2, 6), 0.01), cycles=CYCLES)
    assert not found.converged.any()
    assert np.isnan(found.release).all()
    assert dipole_map(np.zeros((30, 30))) is Reason.NO_CHARGE
    assert dipole_map(np.full((30, 30), 7.0)) is Reason.NO_NOISE
    quiet = dipole_map(np.random.default_rng(3).normal(1e4, 10, (60, 30)))
    nothing = find_dipoles(quiet, sigma=7)
    assert len(nothing) == 0
    assert len(fit_pumping(TIMES, *dipole_amplitudes([quiet] * 6, nothing), cycles=9).release) == 0
