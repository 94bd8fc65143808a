"""What would break: offsets of shutters, drifts of lamps and charges of photodiodes that are not those of the closed forms."""

import numpy as np
import pytest

from calibrant.pixels.nonlinearity import (
    Brackets,
    Ramp,
    Reason,
    common_level,
    common_offset,
    flicker,
    halves,
    interpolated_drift,
    photodiode_charge,
    polynomial_drift,
    shutter_offset,
)

LONG_AND_SHORT = (np.array([20.0, 1.0]), np.array([1, 20]))


def test_one_long_exposure_against_many_openings_is_the_closed_form():
    long, short, error = 2005.0, 2100.0, 3.0
    (found,) = shutter_offset(*LONG_AND_SHORT, np.array([[long, short]]), np.full((1, 2), error))
    ratio = long / short
    offset = (20 - ratio * 20 * 1) / (ratio * 20 - 1)
    assert found.offset_s == pytest.approx(offset)
    assert found.response == pytest.approx(long / (20 + offset))
    slope = 20 * (1 - 20) / (ratio * 20 - 1) ** 2  # of the offset with the ratio
    assert found.error_s == pytest.approx(
        abs(slope) * ratio * np.hypot(error / long, error / short), rel=1e-6
    )
    assert (found.dof, found.chi2) == (0, pytest.approx(0, abs=1e-12))
    times, openings = (np.append(one, more) for one, more in zip(LONG_AND_SHORT, (np.nan, 1), strict=True))
    (same,) = shutter_offset(times, openings, np.array([[long, short, 7.0]]), np.full((1, 3), error))
    assert same.offset_s == found.offset_s  # an exposure of unknown time does not count


def test_offsets_of_many_exposures_scatter_by_their_errors():
    rng = np.random.default_rng(1)
    time, openings = np.tile(LONG_AND_SHORT[0], 5), np.tile(LONG_AND_SHORT[1], 5)
    true = 500 * openings * (time + 0.02)
    found = shutter_offset(time, openings, true + rng.normal(0, 5, (400, 10)), np.full((400, 10), 5.0))
    pulls = np.array([((f.offset_s - 0.02), (f.response - 500)) for f in found])
    expected = found[0].covariance
    np.testing.assert_allclose(np.cov(pulls.T) / expected, 1, atol=0.3)  # errors, and how the two go together
    assert np.mean([f.chi2 / f.dof for f in found]) == pytest.approx(1, abs=0.1)
    mean, error, chi2 = common_offset([(f.offset_s, f.error_s) for f in found])
    assert error == pytest.approx(found[0].error_s / 20, rel=1e-3)
    assert abs(mean - 0.02) < 4 * error
    assert chi2 / 399 == pytest.approx(1, abs=0.3)


def test_amplifiers_without_an_offset_say_why():
    signal = np.array(
        [[100.0, np.nan, np.nan], [100.0, 101.0, np.nan], [50.0, 40.0, 30.0], [10.0, 20.0, 40.0]]
    )
    found = shutter_offset(np.array([1.0, 1.0, 2.0]), np.ones(3, int), signal, np.ones((4, 3)))
    assert found[:3] == (Reason.TOO_FEW_POINTS, Reason.ONE_LEVEL, Reason.NOT_RISING)
    assert not isinstance(found[3], Reason)


def brackets(level, error=1.0):
    level = np.asarray(level, float)
    return Brackets(100.0 * np.arange(len(level)), level, np.full(len(level), error))


def test_a_lamp_between_brackets_is_on_the_straight_line():
    drift = interpolated_drift(brackets([1000, 1010, np.nan, 1020]), np.array([50.0, 200.0, 350.0, -10.0]))
    mean = 1010
    np.testing.assert_allclose(drift.brightness, np.array([1005, 1015, 1020, 1000]) / mean)
    shares = np.array([0.5, 0.5, 0]) - drift.brightness[0] / 3  # of the brackets, less theirs in the mean
    assert drift.error[0] == pytest.approx(np.sqrt((shares**2).sum()) / mean)
    np.testing.assert_array_equal(drift.bracketed, [True, True, False, False])
    np.testing.assert_array_equal(drift.kept, [True, True, False, True])
    assert drift.stability_percent == pytest.approx(100 * 10 / mean)


def test_a_polynomial_finds_the_drift_to_its_errors_and_leaves_an_outlier_out():
    rng, at = np.random.default_rng(2), np.array([333.0, 1900.0])
    time = 100.0 * np.arange(30)

    def lamp(time_s):
        return 5000 * (1 + 1e-5 * time_s - 3e-9 * time_s**2)

    pulls = []
    for _ in range(100):
        level = lamp(time) + rng.normal(0, 2, 30)
        level[7] *= 1.05
        drift = polynomial_drift(brackets(level, 2.0), at, sigma=5)
        assert np.flatnonzero(~drift.kept).tolist() == [7]
        relative = lamp(at) / lamp(time)[drift.kept].mean()
        pulls.append((drift.brightness - relative) / drift.error)
    assert np.std(pulls) == pytest.approx(1, abs=0.15)


def test_the_polynomial_is_that_of_the_exposures_kept_however_many_rounds_that_takes():
    time = np.arange(90.0)
    level = 500 + 0.1 * time
    wrong = np.arange(3, 87, 7)
    level[wrong] *= 3.0 ** np.arange(1, 1 + len(wrong))  # each hides the next smaller one
    drift = polynomial_drift(brackets(level, 0.01), 100 * time)
    assert np.flatnonzero(~drift.kept).tolist() == wrong.tolist()
    straight = 500 + 0.1 * time
    np.testing.assert_allclose(drift.brightness, straight / straight[drift.kept].mean(), rtol=1e-9)


def test_levels_of_all_amplifiers_make_one_by_their_errors():
    level = np.array([1.02, 1.0, 0.98])
    signal = np.stack([100 * level, 3000 * level, [50.0, np.nan, 50.0], np.zeros(3)])
    error = np.stack([np.full(3, 1.0), np.full(3, 10.0), [1.0, np.nan, 1.0], np.full(3, 0.1)])
    found, spread = common_level(
        signal, error
    )  # one that lacks an exposure would pull it, a dead one spoil it
    np.testing.assert_allclose(found, level)
    np.testing.assert_allclose(spread, ((100 / 1) ** 2 + (3000 / 10) ** 2) ** -0.5)
    assert np.isnan(common_level(np.full((2, 3), np.nan), error[:2])[0]).all()


def test_halves_share_the_levels_that_were_repeated():
    light = np.array([4e-9, 1e-9, 2e-9, 4e-9, 1e-9, 2e-9, 7.0, 7.0])
    filters = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    number = np.arange(8.0)
    first, second = halves(Ramp(light, number[None] + 1, np.ones((1, 8)), number, filters, number))
    for one, places in ((first, [0, 1, 2, 6]), (second, [3, 4, 5, 7])):
        assert one.brightness.tolist() == one.light_error.tolist() == places
        assert one.signal[0].tolist() == [place + 1 for place in places]
        np.testing.assert_array_equal(one.light, light[places])
        np.testing.assert_array_equal(one.groups, filters[places])


@pytest.mark.parametrize(
    ("drift", "levels"),
    [(interpolated_drift, [10.0, np.nan]), (polynomial_drift, [10.0, 11.0, 10.0]), (interpolated_drift, [])],
)
def test_too_few_brackets_know_no_drift(drift, levels):
    assert drift(brackets(levels), np.array([1.0])) is Reason.TOO_FEW_POINTS


def test_the_flicker_of_a_lamp_is_what_its_repeats_scatter_by_beyond_their_noise():
    rng = np.random.default_rng(4)
    time = np.repeat(np.geomspace(1, 20, 100), 4)
    for true in (0.0, 2e-3):
        lamp = 800 * time * (1 + true * rng.normal(size=time.shape))
        error = np.full((3, 400), 1e-3) * lamp
        ramp = Ramp(time, lamp + rng.normal(size=error.shape) * error, error)
        expected = pytest.approx(true, abs=0.1 * true + 2e-4)  # 300 degrees of freedom
        assert flicker(ramp) == expected
    once = Ramp(time[::4], ramp.signal[:, ::4], ramp.error[:, ::4])
    assert flicker(once) is Reason.TOO_FEW_POINTS


def table(*, begin=2.0, end=7.0, light=-5e-9, dark=-1e-11, noise=0.0, seed=3):
    time = np.arange(0, 10, 0.1) + 0.05
    lit = (time > begin) & (time < end)
    return time, dark + light * lit + np.random.default_rng(seed).normal(0, 1, len(time)) * noise


@pytest.mark.parametrize("window", [None, (1.5, 7.5)])
def test_a_charge_is_the_current_times_the_time(window):
    time, current = table()
    current[3] = np.nan
    found = photodiode_charge(time[::-1], current[::-1], window)
    assert found.charge == pytest.approx(-5e-9 * 5.0)  # each reading stands for a tenth of a second
    assert found.dark_current == pytest.approx(-1e-11)


def test_a_ramp_of_current_is_integrated_exactly_between_readings():
    time = np.linspace(0, 10, 11)
    current = np.where((time > 2) & (time < 6), 3 * time, 0.0)
    expected = (4.5 + 9) / 4 + (9 + 12) / 2 + (12 + 15) / 2 + (15 + 11.25) / 8
    assert photodiode_charge(time, current, (2.5, 5.25)).charge == pytest.approx(expected)


def test_charges_scatter_by_their_errors():
    found = [photodiode_charge(*table(noise=1e-10, seed=seed), (1.5, 7.5)) for seed in range(300)]
    pulls = [(one.charge + 2.5e-8) / one.error for one in found]
    assert abs(np.mean(pulls)) < 4 / np.sqrt(300)
    assert np.std(pulls) == pytest.approx(1, abs=4 / np.sqrt(600))


@pytest.mark.parametrize(
    ("reason", "time", "current", "window"),
    [
        (Reason.NO_READING, np.zeros(0), np.zeros(0), None),
        (Reason.NO_READING, *table(light=0.0), None),
        (Reason.NO_READING, *table(light=0.0, noise=1e-11), None),
        (Reason.NO_READING, *table(), (8.0, 12.0)),
        (Reason.NO_READING, *table(light=1e-12, noise=1e-11), (2.0, 7.0)),
        (Reason.NO_BASELINE, *table(), (0.1, 9.9)),
    ],
)
def test_an_exposure_without_a_charge_says_why(reason, time, current, window):
    assert photodiode_charge(time, current, window) is reason
