"""Cosmic rays: found where they were put, stars left alone, the same whatever the band."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.pixels import (
    Amplifier,
    Band,
    Box,
    CosmicRays,
    Geometry,
    Mask,
    Signature,
    Step,
    Terms,
    combine,
    combine_raw,
    correct_frame,
    frame_statistics,
)
from calibrant.pixels.statistics import describe, without

NY, NX, NOISE = 90, 110, 5.0
BOX = Box(0, NY, 0, NX)
GEOMETRY = Geometry(
    (NY, NX), (NY, NX), (Amplifier("A", BOX, BOX, False, False, None, None, 1.0, NOISE, None),)
)


def dark(seed=1):
    return np.random.default_rng(seed).normal(0, NOISE, (NY, NX)).astype(np.float32)


def found_in(frame, defects=None, **options):
    signature = Signature(defects=defects, barriers={Step.COSMIC_RAYS: CosmicRays(**options)})
    return (correct_frame(frame, GEOMETRY, signature).mask & Mask.COSMIC_RAY) != 0


def around(places, by):
    marked = np.zeros((NY, NX), bool)
    for y, x in places:
        marked[max(0, y - by) : y + by + 1, max(0, x - by) : x + by + 1] = True
    return marked


def searched(data, variance, usable, search):
    """Search as the description says, pixel by pixel."""
    ny, nx = data.shape
    value = [[np.float32(data[y, x] if usable[y, x] else 0) for x in range(nx)] for y in range(ny)]
    noise2 = [[np.float32(variance[y, x] if usable[y, x] else 0) for x in range(nx)] for y in range(ny)]
    first = (tuple(map(tuple, value)), tuple(map(tuple, noise2)))
    struck = set()

    def at(planes, y, x):
        """Give value and variance; beyond the frame those of the nearest pixel, as they were at first."""
        if 0 <= y < ny and 0 <= x < nx:
            return value[y][x], noise2[y][x]
        y, x = min(max(y, 0), ny - 1), min(max(x, 0), nx - 1)
        return planes[0][y][x], planes[1][y][x]

    for look in range(search.iterations + 1):
        sigma, margin = (search.sigma / 2, 0.0) if look else (search.sigma, search.margin)
        found = []
        for y, x in np.ndindex(ny, nx):
            peak, s = value[y][x], math.sqrt(noise2[y][x])
            near = any((y + i, x + j) in struck for i in (-1, 0, 1) for j in (-1, 0, 1))
            if not usable[y, x] or (y, x) in struck or peak <= sigma * s or (look and not near):
                continue
            above = sharp = False
            for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
                one, other = at(first, y - dy, x - dx), at(first, y + dy, x + dx)
                mean, s_mean = (one[0] + other[0]) / 2, math.sqrt(one[1] + other[1]) / 2
                width = search.fwhm / math.sqrt(8 * math.log(2))
                point = math.exp(-(dy * dy + dx * dx) / (2 * width * width))
                above |= peak - mean > sigma * s
                sharp |= search.contrast * point * (peak - margin * s) > mean + margin * s_mean
            found += [(y, x)] if above and sharp else []
        for y, x in found:
            struck.add((y, x))
            value[y][x] = noise2[y][x] = np.float32(0)
    marked = np.zeros((ny, nx), bool)
    for y, x in struck:
        marked[
            max(0, y - search.grow) : y + search.grow + 1, max(0, x - search.grow) : x + search.grow + 1
        ] = True
    return marked


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(0, 2), st.sampled_from([1.0, 3.0]))
@settings(max_examples=60, deadline=None)
def test_the_search_is_what_is_described(seed, iterations, grow, fwhm):
    rng = np.random.default_rng(seed)
    shape = (14, 17)
    data = rng.normal(0, NOISE, shape).astype(np.float32)
    for _ in range(6):
        y, x, length = rng.integers(0, shape[0]), rng.integers(0, shape[1]), rng.integers(1, 5)
        data[y, x : x + length] += np.float32(rng.uniform(20, 150))
        data[min(y + 1, shape[0] - 1), x] += np.float32(rng.uniform(0, 100))
    mask = np.where(rng.random(shape) < 0.05, np.uint32(Mask.BAD), np.uint32(Mask.SUSPECT))
    data[rng.random(shape) < 0.02] = np.nan
    variance = np.abs(data) + np.float32(NOISE**2)
    search = CosmicRays(iterations=iterations, grow=grow, fwhm=fwhm)
    band = Band(slice(0, shape[0]), data.copy(), mask.copy(), variance)
    search.apply(band, GEOMETRY)
    usable = (mask == Mask.SUSPECT) & np.isfinite(data)
    np.testing.assert_array_equal(
        (band.mask & Mask.COSMIC_RAY) != 0, searched(data, variance, usable, search)
    )
    np.testing.assert_array_equal(band.data, data)


def test_a_quiet_frame_has_none():
    assert not found_in(dark()).any()


@pytest.mark.parametrize("grow", [0, 1, 2])
def test_struck_pixels_are_marked_and_what_surrounds_them(grow):
    places = [(10, 20), (0, 0), (NY - 1, 50), (40, NX - 1), (60, 60)]
    frame = dark()
    for y, x in places:
        frame[y, x] += 900
    np.testing.assert_array_equal(found_in(frame, grow=grow), around(places, grow))


def test_a_track_is_marked_from_end_to_end():
    frame, track = dark(2), [(20 + k, 30 + 2 * k + j) for k in range(15) for j in (0, 1)]
    for y, x in track:
        frame[y, x] += 700
    marked = found_in(frame, grow=1)
    assert all(marked[place] for place in track)
    assert not (marked & ~around(track, 2)).any()


@pytest.mark.parametrize("step", [(0, 1), (1, 0), (1, 1), (1, -1)], ids=str)
def test_a_straight_track_is_found_at_the_first_look_all_along(step):
    frame, track = dark(7), [(20 + step[0] * k, 50 + step[1] * k) for k in range(40)]
    for y, x in track:
        frame[y, x] += 600  # along it every pixel is as bright as the two beside it
    assert all(found_in(frame, grow=0, iterations=0)[place] for place in track)


def test_light_is_not_taken_for_a_ray():
    y, x = np.mgrid[:NY, :NX]
    sigma = 3.0 / np.sqrt(8 * np.log(2))
    frame = dark(3)
    for cy, cx, flux in [(20, 20, 3000), (45.5, 50.3, 9000), (70.2, 80.7, 40_000)]:
        frame += (flux * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * sigma**2))).astype(np.float32)
    assert not found_in(frame).any()
    assert found_in(frame, fwhm=8.0, contrast=0.9).any()


def test_defects_are_neither_found_nor_shield_a_ray():
    frame, defects = dark(4), np.zeros((NY, NX), np.uint32)
    frame[30, 30] = frame[50, 50] = frame[50, 51] = 900
    defects[30, 30] = defects[50, 51] = Mask.BAD
    np.testing.assert_array_equal(found_in(frame, defects, grow=0), around([(50, 50)], 0))


def test_bands_change_nothing_and_rays_leave_the_combination():
    rng = np.random.default_rng(6)
    frames = [dark(seed) for seed in range(6)]
    for frame in frames:
        for y, x in zip(rng.integers(0, NY, 40), rng.integers(0, NX, 40), strict=True):
            frame[y, x : x + 3] += 1500
            frame[min(y + 1, NY - 1), x] += 300
    signature = Signature(barriers={Step.COSMIC_RAYS: CosmicRays()})
    terms = [Terms()] * 6
    images = [correct_frame(frame, GEOMETRY, signature) for frame in frames]
    expected = combine(
        [image.data for image in images],
        masks=[image.mask for image in images],
        variances=[image.variance for image in images],
        statistic="mean",
    )
    for tile_bytes in (1, 100_000):
        found = combine_raw(
            frames, GEOMETRY, signature, terms, statistic="mean", tile_bytes=tile_bytes
        ).combined
        for plane in ("data", "variance", "count", "mask"):
            np.testing.assert_array_equal(getattr(found, plane), getattr(expected, plane), err_msg=plane)
    assert np.abs(expected.data).max() < 6 * NOISE
    assert np.abs(combine(frames, statistic="mean").data).max() > 200


@pytest.mark.parametrize(
    "wrong", [{"fwhm": 0.0}, {"sigma": np.nan}, {"iterations": -1}, {"grow": -1}, {"margin": -1.0}]
)
def test_what_is_wrong_is_named(wrong):
    with pytest.raises(ValueError, match=f"cosmic rays: {next(iter(wrong))}"):
        CosmicRays(**wrong)


def test_a_frame_is_described_with_and_without_what_was_struck():
    """The oracle: the marks of the corrected frame, and NumPy's standard deviation of the rest."""
    frame, rng = dark(), np.random.default_rng(9)
    for y, x in rng.integers(2, 88, (40, 2)):
        frame[y, x : x + 2] += 400.0
    signature = Signature(barriers={Step.COSMIC_RAYS: CosmicRays(grow=0)})
    struck = (correct_frame(frame, GEOMETRY, signature).mask & Mask.COSMIC_RAY) != 0
    assert 60 < struck.sum() < 85
    found = frame_statistics(frame, GEOMETRY, signature)
    repaired = found.cosmic_rays["A"]
    assert repaired.n_struck == struck.sum()
    assert repaired.std == pytest.approx(frame[~struck].std(ddof=1, dtype=float), rel=1e-9)
    assert repaired.std == pytest.approx(NOISE, rel=0.03)
    assert found.amplifiers["A"] == frame_statistics(frame, GEOMETRY, Signature()).amplifiers["A"]
    assert found.amplifiers["A"].std > 1.5 * repaired.std
    assert frame_statistics(frame, GEOMETRY, Signature()).cosmic_rays == {}


def test_nothing_is_left_where_all_was_struck():
    values = np.arange(5.0, dtype=np.float32)
    assert math.isnan(without(describe(values, 5), values[:4]).std)
    assert without(describe(values, 5), values[:3]).std == pytest.approx(np.std([3, 4], ddof=1))
