"""The brighter-fatter effect from flats: Poisson's equation, areas from covariances, shifts of boundaries."""

import math

import numpy as np
import pytest

from calibrant.pixels.brighter_fatter import (
    BoundaryShifts,
    CorrelationSettings,
    KernelReason,
    LevelReason,
    ShiftReason,
    SmoothLaw,
    correlations,
    mean_areas,
    relax,
    remainder,
    solve_kernel,
    solve_shifts,
)
from calibrant.pixels.brighter_fatter.shifts import from_quarters
from calibrant.pixels.brighter_fatter.smooth_law import exponential_integral

LAGS = 6
LAW = SmoothLaw(0.8e-6, 1.5)
COLUMNS = LAW.columns(LAGS)
SHIFTS = from_quarters(COLUMNS, COLUMNS.T)
AREAS = SHIFTS.areas[LAGS - 1 :, LAGS - 1 :]
PIXELS = 4e6


def covariances(level, areas, noise=0.0):
    """Give the covariances of flats whose pixels have shrunk all along: exp(2 a mu) in Fourier space, around a torus."""
    size = 8 * len(areas)
    torus = np.zeros((size, size))
    for j, i in np.ndindex(areas.shape):
        torus[np.ix_([j, -j], [i, -i])] = areas[j, i]
    grown = 2 * level * np.fft.fft2(torus).real
    ratio = np.divide(np.expm1(grown), grown, out=np.ones_like(grown), where=grown != 0)
    found = level * np.fft.ifft2(ratio).real[: len(areas), : len(areas)]
    found[0, 0] += noise**2
    return found


def test_relaxation_finds_what_the_equation_was_made_of():
    """Two waves of which each is its own Laplacian but for a factor, and a point against a dense solution."""
    y, x = np.mgrid[1:14, 1:18]
    waves = np.stack([np.sin(k * np.pi * y / 14) * np.sin(m * np.pi * x / 18) for k, m in ((1, 1), (3, 5))])
    factors = [
        2 * math.cos(k * math.pi / 14) + 2 * math.cos(m * math.pi / 18) - 4 for k, m in ((1, 1), (3, 5))
    ]
    found, convergence = relax(waves * np.array(factors)[:, None, None])
    np.testing.assert_allclose(found, waves, atol=1e-11)
    assert convergence.converged
    assert convergence.residual <= 5e-14
    assert convergence.iterations < 100
    _, cut = relax(waves, iterations=5)
    assert (cut.iterations, cut.converged) == (5, False)
    assert cut.residual > 1e-6
    assert relax(np.zeros((3, 3)))[1].iterations == 0


def test_the_kernel_s_slope_makes_the_areas():
    kernel = solve_kernel(AREAS, 1e-9 * np.ones_like(AREAS))
    assert kernel.reason is KernelReason.SOLVED
    np.testing.assert_allclose(kernel.shifts.areas, SHIFTS.areas, atol=1e-18)
    np.testing.assert_array_equal(kernel.values, kernel.values[::-1, ::-1])
    assert kernel.values[LAGS - 1, LAGS - 1] == kernel.values.min() < 0
    rng = np.random.default_rng(1)
    draws = np.array(
        [solve_kernel(AREAS + rng.normal(0, 1e-9, AREAS.shape), accuracy=1e-6).values for _ in range(150)]
    )
    np.testing.assert_allclose(draws.std(axis=0), kernel.errors, rtol=0.3)


def test_kernels_that_there_are_not_say_why():
    for areas, options, reason in (
        (np.full_like(AREAS, np.nan), {}, KernelReason.NO_AREAS),
        (-AREAS, {}, KernelReason.NOT_REPELLING),
        (AREAS, {"iterations": 3}, KernelReason.NOT_CONVERGED),
    ):
        kernel = solve_kernel(areas, **options)
        assert kernel.reason is reason
        assert np.isnan(kernel.values).all()
        with pytest.raises(ValueError, match=f"there is no kernel: {reason}"):
            _ = kernel.shifts


def test_the_exponential_integral_is_an_integral():
    for value in (0.05, 0.7, 1.99, 2.01, 9.0):
        steps = np.linspace(math.log(value), math.log(value + 40), 200_001)
        expected = np.trapezoid(np.exp(-np.exp(steps)), steps)
        assert exponential_integral(np.array([value]))[0] == pytest.approx(expected, rel=1e-6)


def test_shifts_that_follow_the_law_are_found():
    found = solve_shifts(AREAS)
    assert (found.reason, found.law.scale) == (ShiftReason.SOLVED, pytest.approx(LAW.scale, rel=1e-5))
    np.testing.assert_allclose(found.columns, COLUMNS, rtol=1e-5)
    np.testing.assert_allclose(found.shifts.rows, SHIFTS.rows, rtol=1e-5)


def test_shifts_of_another_law_make_the_areas_exactly_and_come_near():
    """Coulomb's law on the boundaries' middles, stronger along columns: symmetric in nothing but the axes."""
    along, across = np.meshgrid(np.arange(LAGS) + 0.5, np.arange(LAGS))
    columns = -4e-7 * along / np.hypot(along, across) ** 3
    truth = from_quarters(columns, 1.15 * columns.T)
    areas = truth.areas[LAGS - 1 :, LAGS - 1 :]
    found = solve_shifts(areas)
    same = found.shifts.areas[LAGS - 1 :, LAGS - 1 :]
    np.testing.assert_allclose(same.ravel()[1:], areas.ravel()[1:], rtol=1e-9)
    np.testing.assert_allclose(found.columns[0, 0], columns[0, 0], rtol=0.1)
    np.testing.assert_allclose(found.rows[0, 0], 1.15 * columns[0, 0], rtol=0.1)
    assert found.rows[0, 0] < found.columns[0, 0]


def test_errors_of_shifts_are_their_scatter():
    rng, errors = np.random.default_rng(4), np.full(AREAS.shape, 2e-9)
    found = [solve_shifts(AREAS + rng.normal(0, errors), errors) for _ in range(60)]
    scatter = np.std([one.columns for one in found], axis=0)
    assert np.median(scatter / found[0].columns_error) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize(
    ("areas", "reason"),
    [
        (np.full((4, 4), np.nan), ShiftReason.NO_AREAS),
        (-AREAS, ShiftReason.NOT_REPELLING),
        (np.pad([[-1e-6, 1e-9]], ((0, 3), (0, 2))), ShiftReason.NO_SCALE),
    ],
)
def test_shifts_that_there_are_not_say_why(areas, reason):
    found = solve_shifts(areas)
    assert found.reason is reason
    assert np.isnan(found.columns).all()
    with pytest.raises(ValueError, match="there are no shifts"):
        _ = found.shifts


@pytest.mark.parametrize("zero_sum", ["origin", "shared", "off"])
def test_areas_are_found_in_covariances_of_any_level(zero_sum):
    """Closed form at levels where the terms of higher order are a fifth of the first."""
    gain, noise = 1.6, 6.0
    balanced = AREAS.copy()
    balanced[0, 0] -= SHIFTS.areas.sum()
    levels = np.array([1e4, 4e4, 8e4])
    exact = np.stack([covariances(level, balanced, noise) for level in levels])
    n_pairs = np.full(exact.shape, PIXELS)
    found = correlations(
        levels / gain,
        exact / gain**2,
        n_pairs,
        gain_e_per_adu=gain,
        read_noise_e=noise,
        settings=CorrelationSettings(zero_sum=zero_sum),
    )
    assert set(found.levels) == {LevelReason.USED}
    np.testing.assert_allclose(found.areas, balanced, rtol=5e-3, atol=2e-3 * abs(AREAS[0, 1]))
    rng, drawn = np.random.default_rng(5), []
    weights = np.full(exact.shape[1:], 2.0)
    weights[0], weights[:, 0], weights[0, 0] = 1.0, 1.0, 0.5
    spread = exact[:, :1, :1] / np.sqrt(PIXELS * weights)
    for _ in range(100):
        noisy = exact + rng.normal(0, spread)
        one = correlations(
            levels,
            noisy,
            n_pairs,
            gain_e_per_adu=1.0,
            read_noise_e=noise,
            settings=CorrelationSettings(zero_sum=zero_sum, reject=1.0),
        )
        drawn.append((one.areas - balanced) / one.errors)
    np.testing.assert_allclose(np.std(drawn, axis=0).mean(), 1, rtol=0.1)
    np.testing.assert_allclose(np.std(drawn, axis=0)[0, 0], 1, rtol=0.3)


def test_a_gain_that_is_not_sure_makes_the_pixel_s_own_area_unsure_and_so_it_gives_what_lacks_in_the_sum():
    balanced = AREAS.copy()
    balanced[0, 0] -= SHIFTS.areas.sum()
    levels = np.array([2e4, 6e4])
    given = np.stack([covariances(level, balanced) for level in levels])
    found = {
        error: correlations(
            levels / 1.005,
            given / 1.005**2,
            np.full(given.shape, PIXELS),
            gain_e_per_adu=1.0,
            gain_error_e_per_adu=error,
            settings=CorrelationSettings(zero_sum="shared"),
        )
        for error in (0.0, 0.005)
    }
    off = {error: abs(one.areas - balanced) for error, one in found.items()}
    assert (off[0.005] < off[0.0]).mean() > 0.9
    assert off[0.005][0, 0] < 2 * found[0.005].errors[0, 0]


def test_levels_that_are_wrong_are_left_out_and_say_why():
    levels = np.array([1e3, 2e4, 4e4, 4e4, 4e4, 9e4])
    given = np.stack([covariances(level, AREAS) for level in levels])
    given[2, 1, 1] = np.nan
    given[3] += 100.0  # a slope in the flats, or a wandering level
    given[4, 0, 0] = 4.2e4
    found = correlations(
        levels,
        given,
        np.full(given.shape, PIXELS),
        gain_e_per_adu=1.0,
        settings=CorrelationSettings(lowest_e=5e3, highest_e=8e4),
    )
    assert found.levels == (
        LevelReason.OUT_OF_RANGE,
        LevelReason.USED,
        LevelReason.NOT_FINITE,
        LevelReason.UNBALANCED,
        LevelReason.NOISIER_THAN_POISSON,
        LevelReason.OUT_OF_RANGE,
    )
    assert found.found
    assert found.balance[3] > 0.5 > found.balance[1]
    nothing = correlations(levels[2:3], given[2:3], np.ones((1, 6, 6)), gain_e_per_adu=1.0)
    assert not nothing.found
    assert solve_kernel(nothing.areas).reason is KernelReason.NO_AREAS
    assert solve_shifts(nothing.areas).reason is ShiftReason.NO_AREAS


def test_amplifiers_share_their_areas_by_weight_and_those_without_have_none():
    given = np.stack([covariances(4e4, AREAS)])
    full, few, none = (
        correlations(np.array([4e4]), given * scale, np.full(given.shape, pairs), gain_e_per_adu=1.0)
        for scale, pairs in ((1.0, PIXELS), (1.01, PIXELS / 99), (np.nan, PIXELS))
    )
    areas, errors = mean_areas([full, few, none])
    expected = (99 * full.areas + few.areas / 1.01**2) / (99 + 1 / 1.01**2)
    np.testing.assert_allclose(areas[1:, 1:], expected[1:, 1:], rtol=1e-5)
    assert (errors < full.errors).all()
    assert np.isnan(mean_areas([none, none])[0]).all()


def test_what_is_left_of_a_corrected_pair_is_told_with_its_error():
    before = covariances(5e4, AREAS, 5.0)
    rng, n_pairs = np.random.default_rng(6), np.full(AREAS.shape, PIXELS)
    weights = np.full(AREAS.shape, 2.0)
    weights[0], weights[:, 0], weights[0, 0] = 1.0, 1.0, 0.5
    clean = np.zeros(AREAS.shape)
    clean[0, 0] = 5e4 + 25
    found = [
        remainder(before, clean + rng.normal(0, clean[0, 0] / np.sqrt(PIXELS * weights)), n_pairs, 5e4 + 25)
        for _ in range(200)
    ]
    pulls = np.array(
        [
            (one.neighbours / one.neighbours_error, (one.variance - 1) / one.variance_error, one.chi2 / 35)
            for one in found
        ]
    )
    assert found[0].degrees_of_freedom == 35
    np.testing.assert_allclose(pulls.mean(axis=0), [0, 0, 1], atol=0.25)
    np.testing.assert_allclose(pulls.std(axis=0)[:2], 1, atol=0.2)
    kept = remainder(before, before, n_pairs, 5e4 + 25)
    assert kept.neighbours == pytest.approx(1)
    assert kept.chi2 > 10 * kept.degrees_of_freedom


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: remainder(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)), 1.0), "L at least 2"),
        (lambda: CorrelationSettings(lowest_e=5, highest_e=4), "must ascend from 0"),
        (lambda: CorrelationSettings(reject=0), "reject is 0"),
        (lambda: CorrelationSettings(zero_sum="all"), "zero_sum is 'all'"),
        (lambda: correlate(levels=2), "do not go together"),
        (lambda: correlate(gain_e_per_adu=0.0), "gain_e_per_adu is 0.0"),
        (lambda: correlate(read_noise_e=-1.0), "read_noise_e is -1.0"),
        (lambda: correlate(gain_error_e_per_adu=-1.0), "gain_error_e_per_adu is -1.0"),
        (lambda: solve_kernel(np.zeros((2, 3))), r"areas \(2, 3\)"),
        (lambda: mean_areas([]), "areas of one shape, of one amplifier at least"),
        (lambda: solve_shifts(np.zeros((2, 2))), "with L at least 3"),
        (lambda: solve_shifts(AREAS, AREAS[:2]), "and errors"),
        (lambda: BoundaryShifts(np.zeros((3, 3)), np.zeros((4, 3))), r"must be \(2 L - 1, 2 L\)"),
        (lambda: BoundaryShifts(np.full((3, 4), np.nan), np.zeros((4, 3))), "not finite"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def correlate(levels=1, **gain):
    return correlations(
        np.full(levels, 1e4), np.ones((1, 3, 3)), np.ones((1, 3, 3)), **({"gain_e_per_adu": 1.0} | gain)
    )
