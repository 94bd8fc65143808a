"""Statistics: closed forms of the normal distribution, outliers, and amplifiers."""

import math

import numpy as np
import pytest

from calibrant.pixels import Amplifier, Box, Geometry, Image, Mask, amplifier_statistics, clipped_statistics


def test_normal_values_give_their_moments():
    values = np.random.default_rng(0).normal(-3, 7, 400_000)
    found = clipped_statistics(values)
    assert found.mean == pytest.approx(-3, abs=0.05)
    assert found.std == pytest.approx(7, rel=0.005)
    assert found.count + found.n_clipped == values.size
    assert found.n_clipped < 5


def test_a_clipped_normal_distribution_has_the_truncated_variance():
    k = 2.0
    phi = math.exp(-(k**2) / 2) / math.sqrt(2 * math.pi)
    inside = math.erf(k / math.sqrt(2))
    truncated = math.sqrt(1 - 2 * k * phi / inside)
    values = np.random.default_rng(1).normal(0, 1, 400_000)
    found = clipped_statistics(values, sigma=k, iterations=1)
    assert found.std == pytest.approx(truncated, rel=0.005)
    assert found.count / values.size == pytest.approx(inside, abs=0.002)


def test_outliers_do_not_hide_one_another():
    values = np.random.default_rng(2).normal(100, 2, 100_000)
    values[:10_000] = 1e7
    found = clipped_statistics(values)
    assert found.n_clipped == 10_000
    assert found.mean == pytest.approx(100, abs=0.05)
    assert found.std == pytest.approx(2, rel=0.01)
    unclipped = clipped_statistics(values, iterations=0)
    assert (unclipped.mean, unclipped.count) == (pytest.approx(values.mean()), values.size)


def test_coarsely_digitised_values_are_not_thrown_away():
    values = np.array([0.0] * 90 + [1.0] * 5 + [-1.0] * 5)
    found = clipped_statistics(values)
    assert (found.count, found.mean) == (100, 0)
    assert found.std == pytest.approx(math.sqrt(10 / 99))


@pytest.mark.parametrize("spoil", [0, 0.001, 0.2])
@pytest.mark.parametrize("coarse", [False, True])
def test_clipping_agrees_with_clipping_written_out(spoil, coarse):
    rng = np.random.default_rng(6)
    values = rng.normal(500, 3, 20_001)
    values[rng.random(values.size) < spoil] = 1e5
    if coarse:
        values = values.round()
    lower, centre, upper = np.percentile(values, [25, 50, 75])
    kept = values[np.abs(values - centre) <= 4 * 0.7413011 * (upper - lower)]
    for _ in range(2):
        kept = values[np.abs(values - kept.mean()) <= 4 * kept.std(ddof=1)]
    found = clipped_statistics(values, sigma=4.0, iterations=3)
    assert (found.count, found.n_clipped) == (kept.size, values.size - kept.size)
    assert found.mean == pytest.approx(kept.mean(), rel=1e-12)
    assert found.std == pytest.approx(kept.std(ddof=1), rel=1e-12)


def test_few_or_no_values():
    nothing = clipped_statistics(np.array([np.nan, np.inf]))
    assert (nothing.count, nothing.n_clipped) == (0, 0)
    assert math.isnan(nothing.mean)
    assert math.isnan(nothing.std)
    one = clipped_statistics(np.array([4]))
    assert (one.mean, one.count) == (4, 1)
    assert math.isnan(one.std)
    assert clipped_statistics(np.full(9, 4, ">u2")).std == 0
    for wrong in ({"sigma": 0.0}, {"iterations": -1}):
        with pytest.raises(ValueError, match="clip: sigma"):
            clipped_statistics(np.arange(3), **wrong)


def amplifier(name, placed, flip_x):
    return Amplifier(name, placed, placed, flip_x, False, None, None, 1.0, 1.0, None)


def test_each_amplifier_by_itself():
    rng = np.random.default_rng(4)
    left, right = Box(0, 300, 0, 300), Box(0, 300, 300, 600)
    geometry = Geometry((300, 600), (300, 600), (amplifier("L", left, False), amplifier("R", right, True)))
    data = np.hstack([rng.normal(10, 3, (300, 300)), rng.normal(20, 5, (300, 300))]).astype(np.float32)
    mask = np.zeros(data.shape, np.uint32)
    data[5, 5], mask[5, 5] = 1e9, Mask.SATURATED
    data[6, 6] = np.nan
    data[7, 7] = 1e6
    data[:200, 400:] += 100
    mask[9, 9] = Mask.SUSPECT
    found = amplifier_statistics(Image(data, data, mask), geometry)
    assert list(found) == ["L", "R"]
    one = found["L"]
    assert (one.count, one.n_excluded, one.n_clipped) == (300 * 300 - 2, 2, 1)
    assert one.noise == pytest.approx(3, rel=0.02)
    assert one.std > 1000
    assert one.clipped_mean == pytest.approx(10, abs=0.05)
    assert one.mean == pytest.approx(10 + 1e6 / 300**2, rel=0.01)
    good = data[:, :300][(mask[:, :300] != Mask.SATURATED) & np.isfinite(data[:, :300])]
    assert one.percentiles == pytest.approx(np.percentile(good.astype(float), [0, 5, 16, 50, 84, 95, 100]))
    assert one.median == pytest.approx(np.median(good))
    assert found["R"].corner_mean == pytest.approx(120, abs=0.2)
    assert found["L"].corner_mean == pytest.approx(10 + 1e6 / 200**2, abs=0.1)
    assert (
        amplifier_statistics(Image(data, data, mask), geometry, exclude=Mask.SUSPECT)["L"].count
        == 300 * 300 - 2
    )


def test_an_amplifier_without_a_good_pixel_is_no_number():
    box = Box(0, 3, 0, 3)
    geometry = Geometry((3, 3), (3, 3), (amplifier("A", box, False),))
    data = np.ones((3, 3), np.float32)
    found = amplifier_statistics(Image(data, data, np.full((3, 3), Mask.BAD, np.uint32)), geometry)["A"]
    assert (found.count, found.n_excluded) == (0, 9)
    assert np.isnan(
        [found.mean, found.median, found.std, found.noise, found.corner_mean, *found.percentiles]
    ).all()
    with pytest.raises(ValueError, match="image: shape"):
        amplifier_statistics(Image(data[1:], data[1:], np.zeros((2, 3), np.uint32)), geometry)
