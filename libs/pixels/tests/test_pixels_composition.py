"""Noise of a flat-divided frame among frames of unequal levels: against a plain simulation with the combination itself."""

from functools import cache

import numpy as np
import pytest

from calibrant.pixels import (
    Combining,
    Composition,
    Image,
    Reference,
    combine,
    difference_variance,
    noise_ratio,
)
from calibrant.pixels.clipping import ClipRule
from calibrant.pixels.shares import shares

READ_NOISE_E, PIXELS = 6.0, 40_000
RAMP = tuple(np.repeat([600.0, 4500, 9000, 18_000, 24_000, 30_000, 36_000, 42_000, 51_000], 2).tolist())
FAINT = (60.0, *[5100.0] * 9)
STEEP = tuple(np.geomspace(300, 30_000, 12).tolist())


@cache
def frames(levels):
    """Two more are held out: as faint as the first, as bright as the last."""
    rng = np.random.default_rng(len(levels))
    light = np.tile(np.linspace(0.8, 1.2, 200), (PIXELS // 200, 1))
    every = (*levels, levels[0], levels[-1])
    return [
        (rng.poisson(light * one) + rng.normal(0, READ_NOISE_E, light.shape)).astype("f4") for one in every
    ]


def ratio(image, flat, composition):
    frame = Image(image, image, np.zeros(image.shape, np.uint32))
    return noise_ratio(frame, Reference(flat), read_noise_e=READ_NOISE_E, composition=composition).ratio


@pytest.mark.parametrize(
    ("levels", "statistic", "within"),
    [
        (RAMP, "mean", 0.012), (RAMP, "clipped-mean", 0.02), (RAMP, "median", 0.012), (RAMP, "minmax-mean", 0.03),
        (FAINT, "mean", 0.012), (FAINT, "clipped-mean", 0.03), (FAINT, "median", 0.012), (FAINT, "minmax-mean", 0.012),
        (STEEP, "mean", 0.012), (STEEP, "clipped-mean", 0.05), (STEEP, "median", 0.09), (STEEP, "minmax-mean", 0.05),
    ],
)  # fmt: skip
def test_the_noise_is_the_expected_one_from_faint_to_bright(levels, statistic, within):
    """A ratio is known to 0.4 %. With the levels taken as equal the steep one would be wrong by more than 20 %."""
    images, n, how = frames(levels), len(levels), Combining(statistic)
    planes = [image / level for image, level in zip(images, levels, strict=False)]
    flat = combine(planes, statistic=statistic).data
    places = {0: 0, n // 3: n // 3, 2 * n // 3: 2 * n // 3, n - 1: n - 1, n: None, n + 1: None}
    found = [ratio(images[i], flat, Composition(n, own, how, levels)) for i, own in places.items()]
    assert found == pytest.approx([1.0] * len(found), abs=within)
    if levels is STEEP:
        assert max(ratio(images[i], flat, Composition(n, own, how)) for i, own in places.items()) > 1.2


@pytest.mark.parametrize("in_flat", [True, False])
@pytest.mark.parametrize("statistic", ["mean", "clipped-mean", "median", "minmax-mean", "weighted-mean"])
@pytest.mark.parametrize("n", [2, 3, 9, 24])
def test_frames_of_one_level_have_the_factor_of_equal_frames(n, statistic, in_flat):
    how, own = Combining(statistic, weights=(2.0,) * n), 0 if in_flat else None
    equal = difference_variance(n, in_flat, "median" if statistic == "median" else "mean")
    for levels in ((), (5000.0,) * n):
        assert Composition(n, own, how, levels).factors(5000.0, 5000.0, 36.0) == pytest.approx((equal, equal))


def test_factors_of_a_mean_are_those_of_the_sum_of_variances():
    """By hand: the variance of F - L m with m the mean of F / level, over L and R**2."""
    levels, read, own = (100.0, 400.0, 1600.0), 36.0, 1
    level, n = levels[own], len(levels)
    photons, readout = Composition(n, own, levels=levels).factors(level, level, read)
    others = [one for one in levels if one != level]
    by_hand = (1 - 1 / n) ** 2 * (level + read) + sum((level / n / one) ** 2 * (one + read) for one in others)
    assert photons * level + readout * read == pytest.approx(by_hand)
    weighted = Composition(n, own, Combining("weighted-mean", weights=(1.0, 0.0, 0.0)), levels)
    assert weighted.factors(level, level, read) == pytest.approx((1 + 4, 1 + 16))


@pytest.mark.parametrize("rule", [ClipRule(spread="mad"), ClipRule(iterations=None), ClipRule(sigma_low=2.0)])
def test_a_noisy_frame_has_a_smaller_share_in_a_clip(rule):
    noisy = np.array([10.0, 10.0, *[1.0] * 22])
    found = shares(noisy, Combining("clipped-mean", rule))
    assert found.common[0] < 0.5 / len(noisy) < found.common[-1]
    assert (found.squared * noisy**2).sum() < (noisy**2).mean() / len(noisy)
    assert shares(noisy[:1], Combining("clipped-mean", rule)).common.tolist() == [1.0]
    assert shares(noisy[:6], Combining("clipped-mean")).common == pytest.approx(
        [1 / 6] * 6
    )  # none can be so far


def test_what_is_wrong_is_named():
    for message, wrong in [
        ("n_combined: 0, must be at least 1", {"n_combined": 0}),
        ("own: 3, but there are 3 frames", {"n_combined": 3, "own": 3}),
        ("levels: 2 numbers, but there are 3 frames", {"n_combined": 3, "levels": (1.0, 2.0)}),
        ("levels: -1.0, must be above zero", {"n_combined": 2, "levels": (1.0, -1.0)}),
    ]:
        with pytest.raises(ValueError, match=message):
            Composition(**wrong)
    with pytest.raises(ValueError, match="the reference is the frame itself"):
        Composition(1, 0, levels=(5.0,)).factors(5.1, 5.1, 1.0)
