"""Statistics: closed forms of the normal distribution, outliers, and amplifiers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.pixels import (
    Amplifier,
    Box,
    Geometry,
    Image,
    Mask,
    Overscan,
    Signature,
    amplifier_statistics,
    clipped_statistics,
    correct_frame,
    frame_statistics,
)
from calibrant.pixels.ordered import Ordered


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


@pytest.fixture
def raw_detector():
    """Three amplifiers of unequal height and flips, with pixels that are masked, struck and missing."""
    rows, overscan = (90, 40, 70), 6
    amplifiers, y0 = [], 0
    for index, height in enumerate(rows):
        box = Box(y0, y0 + height, 0, 55)
        amplifiers.append(
            Amplifier(
                f"A{index}",
                box,
                box,
                index == 1,
                index == 2,
                Box(y0, y0 + height, 55, 61),
                None,
                1.7,
                4.0,
                9e3,
            )
        )
        y0 += height
    geometry = Geometry((y0, 55 + overscan), (y0, 55), tuple(amplifiers))
    rng = np.random.default_rng(8)
    raw = rng.normal(1000, 3, geometry.raw_shape).astype(np.float32)
    raw[rng.random(raw.shape) < 0.01] = 1e4
    raw[3, 4] = np.nan
    return raw, geometry


def test_one_pass_over_the_rows_gives_the_numbers_of_the_whole_image(raw_detector):
    raw, geometry = raw_detector
    signature = Signature(overscan=Overscan("median-per-row"))
    image = correct_frame(raw, geometry, signature)
    regions = {"left": Box(0, 200, 0, 20), "dot": Box(88, 91, 30, 31), "same": geometry.amplifiers[0].placed}
    options = {"sigma": 4.0, "iterations": 2, "corner_size": 30}
    found = frame_statistics(raw, geometry, signature, regions=regions, **options)
    assert found.amplifiers == amplifier_statistics(image, geometry, **options)
    assert found.overscan == image.overscan
    for name, box in regions.items():
        one = found.regions[name]
        data, mask = image.data[box.slices], image.mask[box.slices]
        good = data[(mask == 0) & np.isfinite(data)].astype(float)
        assert (one.count, one.n_excluded) == (good.size, box.area - good.size)
        assert one.mean == pytest.approx(good.mean(), rel=1e-12)
        assert one.std == pytest.approx(good.std(ddof=1), rel=1e-12)
        assert one.percentiles == tuple(np.percentile(good, [0, 5, 16, 50, 84, 95, 100]))
        clipped = clipped_statistics(good, 4.0, 2)
        assert (one.clipped_mean, one.noise) == (clipped.mean, clipped.std)
    with pytest.raises(ValueError, match="region 'off'"):
        frame_statistics(raw, geometry, signature, regions={"off": Box(0, 201, 0, 5)})
    with pytest.raises(ValueError, match="raw frame: shape"):
        frame_statistics(raw[1:], geometry, signature)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_percentiles_are_numpys(values):
    found = Ordered(np.array(values, dtype=np.float32))
    for percent in (0, 5, 16, 25, 50, 75, 84, 95, 100, 33.3):
        assert found.quantile(percent) == np.percentile(np.array(values, dtype=float), percent)


@given(
    st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=30),
    st.integers(0, 29),
    st.sampled_from([0.0, 1e-9, -1e-9, 0.5]),
)
def test_bounds_are_compared_in_double_precision(values, which, off):
    bound = values[which % len(values)] + off
    first, last = Ordered(np.array(values, dtype=np.float32)).within(bound, bound + 1)
    assert last - first == sum(bound <= value <= bound + 1 for value in values)
    first, last = Ordered(np.array(values, dtype=np.float32)).within(bound - 1, bound)
    assert last - first == sum(bound - 1 <= value <= bound for value in values)


@pytest.mark.parametrize("kind", ["u1", "<u2", ">i2", "i4", "f4", "f8"])
def test_moments_do_not_depend_on_order_or_type(kind):
    values = np.random.default_rng(3).integers(0, 100, 50_000).astype(kind)
    found = clipped_statistics(values, sigma=1.2)
    assert found == clipped_statistics(values[::-1].astype("f8"), sigma=1.2)
    assert found == clipped_statistics(np.sort(values).reshape(100, 500), sigma=1.2)
    assert 0 < found.n_clipped < values.size


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=70),
    st.integers(0, 3000),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_the_compiled_sort_is_numpys(values, more, seed):
    noise = np.random.default_rng(seed).normal(0, 10.0 ** (seed % 30 - 15), more)
    given_values = np.concatenate([np.array(values, dtype=np.float32), noise.astype(np.float32)])
    np.testing.assert_array_equal(Ordered(given_values).values, np.sort(given_values))


def test_without_the_library_the_numbers_are_the_same(monkeypatch):
    values = np.random.default_rng(5).normal(3, 4, 20_000).astype(np.float32)
    found = clipped_statistics(values)
    monkeypatch.setattr("calibrant.pixels.ordered.sorter", lambda: None)
    assert clipped_statistics(values) == found


def test_an_outlier_does_not_spoil_the_digits_of_the_others():
    values = np.random.default_rng(4).normal(5, 0.1, 30_000)
    spoilt = np.concatenate([values, [-1e12] * 2000, [1e12] * 1500])
    found = clipped_statistics(spoilt)
    assert found.n_clipped == 3500
    assert found.mean == pytest.approx(values.mean(), rel=1e-13)
    assert found.std == pytest.approx(values.std(ddof=1), rel=1e-11)
