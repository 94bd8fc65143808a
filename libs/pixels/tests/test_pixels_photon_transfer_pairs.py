"""Pairs of flats: covariances against closed forms; clips, masks and lamps that do no harm."""

import numpy as np
import pytest

from calibrant.pixels import Amplifier, Box, Geometry, Image, Mask, Overscan
from calibrant.pixels.photon_transfer import (
    FlatExposure,
    PairSettings,
    Reason,
    curves,
    fit_curves,
    level_bins,
    measure_difference,
    overscan_noise,
    pair_exposures,
    pair_gain,
    pair_statistics,
    pooled,
    read_noise,
)
from calibrant.pixels.photon_transfer.clipping import clip_factor

SIDE = 256
CLEAR = np.zeros((SIDE, SIDE), np.uint32)
FEW = PairSettings(lags=4, least_pixels=100)


def flats(level, *, rng, gain=1.0, noise=0.0, ratio=1.0):
    return [
        ((rng.poisson(one, (SIDE, SIDE)) + rng.normal(0, noise, (SIDE, SIDE))) / gain).astype(np.float32)
        for one in (level, np.asarray(level) * ratio)
    ]


def one_amplifier():
    box = Box(0, SIDE, 0, SIDE)
    amplifier = Amplifier("A", box, box, False, False, None, None, 1.0, 5.0, None)
    return Geometry((SIDE, SIDE), (SIDE, SIDE), (amplifier,))


@pytest.mark.gpu
def test_pairs_measured_with_a_gpu_say_the_same():
    geometry = one_amplifier()
    first, second = (
        Image(one, np.ones_like(one), CLEAR, {}, "adu") for one in flats(9e3, rng=np.random.default_rng(4))
    )
    plain, on_gpu = (
        pair_statistics(first, second, geometry, FEW, backend=name)["A"] for name in ("numpy", "cupy")
    )
    assert (on_gpu.mean, on_gpu.variance, on_gpu.n_pixels) == (plain.mean, plain.variance, plain.n_pixels)
    np.testing.assert_allclose(on_gpu.covariances, plain.covariances, rtol=0, atol=1e-4 * plain.variance)


def test_a_backend_that_there_is_not_is_named():
    one = Image(np.ones((SIDE, SIDE)), np.ones((SIDE, SIDE)), CLEAR, {}, "adu")
    with pytest.raises(ValueError, match="backend: 'torch', must be one of numpy, cupy"):
        pair_statistics(one, one, one_amplifier(), backend="torch")


def test_covariances_of_a_smoothed_field_are_those_of_its_kernel():
    """White noise of variance 1 through (1, p) along rows and (1, q) along columns."""
    rng = np.random.default_rng(2)
    p, q, scale = 0.05, -0.02, 100.0
    found = []
    for _ in range(4):
        white = rng.normal(0, scale, (2, SIDE + 1, SIDE + 1))
        smooth = white[:, 1:, 1:] + p * white[:, 1:, :-1] + q * white[:, :-1, 1:] + p * q * white[:, :-1, :-1]
        found.append(measure_difference(*(20_000 + smooth), CLEAR, PairSettings(lags=2)))
    one_way = np.array([[1 + q * q, q, 0], [1 + p * p, p, 0]])
    expected = np.outer(one_way[0], one_way[1]) * scale**2
    mean = np.mean([one.covariances for one in found], axis=0)
    error = scale**2 / SIDE / 2 * np.array([[2**0.5, 1, 1], [1, 0.71, 0.71], [1, 0.71, 0.71]])
    assert np.abs((mean - expected) / error).max() < 4
    assert np.abs(expected[0, 1] / error[0, 1]) > 20, "a test that could not see them would say nothing"
    assert found[0].variance == found[0].covariances[0, 0]


@pytest.mark.parametrize("sigma", [3.0, 4.0, 5.5])
def test_a_clip_takes_nothing_from_variance_and_covariance(sigma):
    rng = np.random.default_rng(3)
    white = rng.normal(0, 10, (2, 601, 600))
    first, second = 1000 + (white[:, 1:] + 0.2 * white[:, :-1]) / np.sqrt(1.04)
    mask = np.zeros(first.shape, np.uint32)
    found = measure_difference(first, second, mask, PairSettings(lags=1, sigma=sigma))
    free = measure_difference(first, second, mask, PairSettings(lags=1, iterations=0))
    assert found.variance == pytest.approx(free.variance, rel=2e-3)
    assert found.covariances[1, 0] == pytest.approx(free.covariances[1, 0], rel=0.02)
    assert clip_factor(3.0, 3) == pytest.approx(0.971, abs=2e-3), "it would have been seen"


def test_cosmic_rays_bad_pixels_and_nan_are_left_out():
    rng = np.random.default_rng(4)
    first, second = flats(5000, rng=rng)
    clean = measure_difference(first, second, CLEAR, FEW)
    hit, mask = first.copy(), CLEAR.copy()
    hit[rng.integers(0, SIDE, 200), rng.integers(0, SIDE, 200)] += 30_000
    hit[10:20, 30:60], mask[10:20, 30:60] = 1e6, Mask.BAD
    hit[100, 100] = np.nan
    found = measure_difference(hit, second, mask, FEW)
    assert found.n_pixels == pytest.approx(SIDE * SIDE - 501, abs=3)
    assert found.variance == pytest.approx(clean.variance, rel=5e-3)
    assert found.mean == pytest.approx(clean.mean, rel=1e-4)
    np.testing.assert_allclose(found.covariances, clean.covariances, atol=60)
    assert found.n_pairs[0, 0] == found.n_pixels


def test_a_lamp_that_changes_within_a_pair_makes_no_noise():
    """5 % brighter, with an illumination that falls to a half: variance over mean stays that of photons."""
    rng = np.random.default_rng(5)
    level = np.linspace(20_000, 10_000, SIDE) * np.ones((SIDE, 1))
    found = measure_difference(*flats(level, rng=rng, ratio=1.05), CLEAR, FEW)
    assert found.variance / found.mean == pytest.approx(1, abs=4 * np.sqrt(2) / SIDE)
    assert found.levels[1] / found.levels[0] == pytest.approx(1.05, abs=1e-3)
    assert found.row_means_variance * SIDE / found.variance == pytest.approx(1, abs=4 * np.sqrt(2 / SIDE))


def test_noise_common_to_a_row_is_seen_in_the_means_of_rows():
    rng = np.random.default_rng(6)
    first, second = (flat + rng.normal(0, 3, (SIDE, 1)) for flat in flats(900, rng=rng))
    found = measure_difference(first, second, CLEAR, FEW)
    assert found.row_means_variance == pytest.approx(9 + 900 / SIDE, rel=4 * np.sqrt(2 / SIDE))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda flat: (flat, flat, CLEAR), Reason.DEAD),
        (lambda flat: (flat - 2000, flat, CLEAR), Reason.NEGATIVE_FLUX),
        (lambda flat: (flat, flat, CLEAR | np.uint32(Mask.SATURATED)), Reason.SATURATED),
        (lambda flat: (flat * np.nan, flat, CLEAR), Reason.TOO_FEW_PIXELS),
    ],
)
def test_what_cannot_be_measured_is_named(make, reason):
    found = measure_difference(*make(np.full((SIDE, SIDE), 1000.0)))
    assert found.reason is reason
    assert np.isnan(found.variance)


def test_amplifiers_are_measured_each_for_itself_and_failures_are_kept_by_pair():
    half = SIDE // 2
    boxes = {"A": Box(0, SIDE, 0, half), "B": Box(0, SIDE, half, SIDE)}
    amplifiers = tuple(
        Amplifier(name, box, box, False, False, None, None, 1.0, 0.0, None) for name, box in boxes.items()
    )
    geometry = Geometry((SIDE, SIDE), (SIDE, SIDE), amplifiers)
    rng = np.random.default_rng(7)
    pairs = []
    for level in (1000, 2000):
        images = [Image(flat, flat, CLEAR, unit="adu") for flat in flats(level, rng=rng)]
        images[1].data[:, half:] *= -1
        pairs.append(pair_statistics(*images, geometry, FEW, threads=2))
    found = curves(pairs)
    assert found["A"].means == pytest.approx([1000, 2000], rel=1e-3)
    assert found["A"].covariances.shape == (2, 5, 5)
    assert found["A"].reason is None
    assert found["B"].reason is Reason.NEGATIVE_FLUX
    assert dict(found["B"].failed) == dict.fromkeys((0, 1), Reason.NEGATIVE_FLUX)
    with pytest.raises(ValueError, match="geometry says"):
        pair_statistics(images[0].cut(boxes["A"]), images[1], geometry)


def test_from_photons_to_gain_noise_and_errors_that_hold():
    """Nineteen levels with a lamp that drifts, bad pixels and cosmic rays: what comes out is what was put in."""
    rng = np.random.default_rng(11)
    gain, noise_e = 1.6, 8.0
    bad = (rng.random((SIDE, SIDE)) < 0.01).astype(np.uint32)
    pairs = []
    for level in np.geomspace(60, 100_000, 19):
        first, second = flats(level, rng=rng, gain=gain, noise=noise_e, ratio=rng.uniform(0.99, 1.01))
        second[rng.random(second.shape) < 1e-4] += 20 * np.sqrt(level)
        pairs.append({"A": measure_difference(first, second, bad, PairSettings(lags=None))})
    fit = fit_curves(curves(pairs))["A"]
    for found, error, truth in [
        (fit.gain, fit.gain_error, gain),
        (fit.noise_e, fit.noise_error_e, noise_e),
        (fit.a00, fit.a00_error, 0),
    ]:
        assert abs(found - truth) < 4 * error
    assert fit.gain_error < 2e-3 * gain
    assert fit.noise_error_e < 0.01 * noise_e
    assert fit.kept.all()


def test_a_spectrum_gives_a_curve_from_one_pair():
    rng = np.random.default_rng(8)
    light = np.linspace(300, 20_000, SIDE) * np.ones((SIDE, 1))
    first, second = flats(light, rng=rng, gain=2.0, noise=6.0, ratio=1.03)
    bins = level_bins(first, second, CLEAR, np.geomspace(200, 10_000, 9), settings=FEW)
    assert not any(one.reason for one in bins)
    for one in bins:
        expected = one.mean / 2 + 9
        assert one.variance == pytest.approx(expected, abs=4 * expected * np.sqrt(2 / one.n_pixels))
    with pytest.raises(ValueError, match="ascend"):
        level_bins(first, second, CLEAR, [3, 2])


def test_light_that_changes_along_rows_and_columns_makes_no_noise():
    """A slit whose rows, and a lamp whose colours, brighten and fade by some per cent between two exposures."""
    rng = np.random.default_rng(10)
    light = np.linspace(2000, 20_000, SIDE) * np.linspace(0.5, 1, SIDE)[:, None]
    first, _ = flats(light, rng=rng)
    second, _ = flats(light * rng.normal(1, 0.03, (SIDE, 1)) * rng.normal(1, 0.03, SIDE), rng=rng)
    whole = {
        lines: pooled(
            level_bins(
                first, second, CLEAR, np.geomspace(900, 25_000, 8), levels=light, lines=lines, settings=FEW
            )
        )
        for lines in (False, True)
    }
    gain = pair_gain(whole[True])
    assert abs(gain.gain - 1) < 4 * gain.gain_error
    assert gain.gain_error > 1.1 * np.sqrt(2) / SIDE, "the brightest pixels scatter most"
    assert pair_gain(whole[False]).gain < 0.5, "it would have been seen"
    assert pooled([]).reason is Reason.NO_PAIRS


def test_read_noise_of_two_biases():
    rng = np.random.default_rng(9)
    pattern = rng.normal(0, 50, (SIDE, SIDE))
    first, second = (pattern + level + rng.normal(0, 4, (SIDE, SIDE)) for level in (0, 3))
    first[3, 3] += 1000
    found = read_noise(first, second, CLEAR)
    assert abs(found.noise - 4) < 4 * found.noise_error
    assert found.noise_error == pytest.approx(4 / np.sqrt(2) / SIDE, rel=0.02)
    assert read_noise(first, first, CLEAR).reason is Reason.DEAD


EXPOSURES = [
    FlatExposure("a", 2.0, 200.0),
    FlatExposure("b", 1.0, 100.0),
    FlatExposure("c", 2.004, 201.0),
    FlatExposure("d", 1.0, None),
    FlatExposure("e", 2.003, 150.0),
    FlatExposure("f", float("nan"), float("nan")),
]


@pytest.mark.parametrize(
    ("by", "tolerance", "pairs", "leftovers"),
    [
        ("time", None, [("b", "d"), ("a", "c")], ["e", "f"]),
        ("time", 0.001, [("b", "d"), ("c", "e")], ["a", "f"]),
        ("flux", None, [("a", "c")], ["b", "d", "e", "f"]),
        ("id", None, [("a", "b"), ("c", "d"), ("e", "f")], []),
    ],
)
def test_exposures_of_one_level_are_paired_and_the_rest_is_named(by, tolerance, pairs, leftovers):
    found = pair_exposures(EXPOSURES, by, tolerance)
    assert list(found.pairs) == pairs
    assert found.leftovers == dict.fromkeys(leftovers, Reason.UNPAIRED)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pair_exposures([EXPOSURES[0], EXPOSURES[0]]), "twice"),
        (lambda: pair_exposures(EXPOSURES, "level"), "must be 'time', 'flux' or 'id'"),
        (lambda: pair_exposures(EXPOSURES, "time", -1), "tolerance"),
        (lambda: PairSettings(sigma=1), "sigma"),
        (lambda: PairSettings(lags=-1), "lags"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("method", ["median", "median-per-row"])
def test_columns_of_an_overscan_that_always_stand_low_are_no_noise(method):
    """Read noise of 3; a column 12 low, light that trails into the first, and by rows where each has its level."""
    rng = np.random.default_rng(1)
    amplifier = Amplifier(
        "A", Box(0, 800, 0, 4), Box(0, 800, 0, 4), False, False, Box(0, 800, 4, 20), None, 1.0, 3.0, None
    )
    fixed = np.zeros(20)
    fixed[4], fixed[19] = 30.0, -12.0
    raws = [1000 + fixed + rng.normal(0, 3, (800, 20)) for _ in range(2)]
    if method == "median-per-row":
        raws[1] += rng.normal(0, 20, (800, 1))
    raws[0][3, 5] = np.nan
    found = overscan_noise(*raws, amplifier, Overscan(method), Overscan("none"))
    assert found == pytest.approx(3.0, rel=0.02)


def test_an_overscan_of_one_column_has_no_noise_of_its_own():
    amplifier = Amplifier(
        "A", Box(0, 8, 0, 4), Box(0, 8, 0, 4), False, False, Box(0, 8, 4, 5), None, 1.0, 3.0, None
    )
    raw = np.ones((8, 5))
    assert np.isnan(overscan_noise(raw, raw, amplifier, Overscan(), Overscan("none")))
