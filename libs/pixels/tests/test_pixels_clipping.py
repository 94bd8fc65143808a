"""Clipping against astropy, and against a plain loop over samples."""

import itertools
import statistics

import numpy as np
import pytest
from astropy.stats import sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calibrant.pixels.backends.sorting import sort_frames, window_median, window_moments
from calibrant.pixels.backends.windows import kept_window
from calibrant.pixels.clipping import ClipRule

CHOICES = list(itertools.product(["median", "mean"], ["std", "mad"], [1, 2, 3, None]))


def stack_of(frames: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    stack = rng.normal(1000, 5, (frames, 4000))
    struck = rng.random(stack.shape) < 0.08
    stack[struck] += rng.exponential(200, struck.sum())
    return stack


def kept(stack: np.ndarray, rule: ClipRule) -> np.ndarray:
    unusable = ~np.isfinite(stack)
    ordered = sort_frames(np.where(unusable, np.inf, stack))
    low, high = kept_window(ordered, (~unusable).sum(axis=0), rule)
    least = np.take_along_axis(ordered, np.minimum(low, len(stack) - 1)[None], axis=0)
    most = np.take_along_axis(ordered, np.maximum(high - 1, 0)[None], axis=0)
    return (stack >= least) & (stack <= most) & (low < high)


def kept_by_astropy(stack: np.ndarray, rule: ClipRule) -> np.ndarray:
    masked = np.ma.array(stack, mask=~np.isfinite(stack))
    masked.data[masked.mask] = 0
    clipped = sigma_clip(
        masked,
        sigma_lower=rule.sigma_low,
        sigma_upper=rule.sigma_high,
        maxiters=rule.iterations,
        cenfunc=rule.center,
        stdfunc={"std": "std", "mad": "mad_std"}[rule.spread],
        axis=0,
    )
    return ~np.ma.getmaskarray(clipped)


def kept_by_hand(column: list[float], rule: ClipRule) -> list[bool]:
    """Cumulative rejection of one pixel's samples, the slow way."""
    alive = list(column)
    iteration = 0
    while iteration != rule.iterations:
        iteration += 1
        median, mean = statistics.median(alive), statistics.fmean(alive)
        center = median if rule.center == "median" else mean
        if rule.spread == "std":
            spread = statistics.pstdev(alive, mean)
        else:
            spread = 1.482602218505602 * statistics.median(abs(x - median) for x in alive)
        low, high = center - rule.sigma_low * spread, center + rule.sigma_high * spread
        left = [x for x in alive if low <= x <= high]
        if len(left) in {0, len(alive)}:
            alive = left
            break
        alive = left
    return [x in alive for x in column]


@pytest.mark.parametrize(("center", "spread", "iterations"), CHOICES)
@pytest.mark.parametrize("frames", [1, 2, 5, 10, 23])
def test_the_default_clip_is_astropys(center, spread, iterations, frames):
    rule = ClipRule(center, spread, 2.0, 2.5, iterations)
    stack = stack_of(frames, seed=frames)
    np.testing.assert_array_equal(kept(stack, rule), kept_by_astropy(stack, rule))


def test_the_default_clip_is_astropys_with_missing_samples():
    rng = np.random.default_rng(3)
    stack = stack_of(9, seed=3)
    stack[rng.random(stack.shape) < 0.3] = np.nan
    stack[:, :5] = np.nan
    stack[4, 7] = np.inf
    for choice in CHOICES:
        rule = ClipRule(*choice[:2], 2.0, 2.0, choice[2])
        np.testing.assert_array_equal(kept(stack, rule), kept_by_astropy(stack, rule))


def test_a_sample_rejected_early_comes_back_with_astropys_clip_only():
    stack = np.random.default_rng(8).integers(0, 40, (12, 20000)).astype(float) ** 2
    found = {
        clip: kept(stack, ClipRule("median", "mad", 1.5, 1.5, None, clip))
        for clip in ("astropy", "cumulative")
    }
    back = found["astropy"] & ~found["cumulative"]
    assert back.any()
    np.testing.assert_array_equal(
        found["astropy"], kept_by_astropy(stack, ClipRule("median", "mad", 1.5, 1.5, None))
    )


@pytest.mark.parametrize(("center", "spread", "iterations"), CHOICES)
def test_cumulative_rejection_by_hand(center, spread, iterations):
    rule = ClipRule(center, spread, 1.9, 2.1, iterations, "cumulative")
    stack = stack_of(11, seed=5)[:, :300]
    expected = np.array([kept_by_hand(column.tolist(), rule) for column in stack.T]).T
    np.testing.assert_array_equal(kept(stack, rule), expected)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_network_sorts(frames, seed):
    tile = np.random.default_rng(seed).integers(0, 9, (frames, 50)).astype(np.float32)
    before = tile.copy()
    np.testing.assert_array_equal(sort_frames(tile), np.sort(tile, axis=0))
    np.testing.assert_array_equal(tile, before)


@given(hnp.arrays(np.float64, (7, 20), elements=st.floats(-1e6, 1e6)), st.integers(0, 6), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_window_estimates(stack, start, size):
    ordered = np.sort(stack, axis=0)
    low, high = np.full(20, start), np.full(20, min(7, start + size))
    part = ordered[start : high[0]]
    mean, squares = window_moments(ordered, low, high)
    np.testing.assert_array_equal(window_median(ordered, low, high), np.median(part, axis=0))
    np.testing.assert_allclose(mean, part.mean(axis=0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(squares, part.var(axis=0) * len(part), rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"center": "mode"}, "center"),
        ({"spread": "iqr"}, "spread"),
        ({"clip": "iraf"}, "clip"),
        ({"sigma_low": 0}, "sigma_low"),
        ({"sigma_high": float("nan")}, "sigma_high"),
        ({"iterations": 0}, "iterations"),
    ],
)
def test_a_senseless_rule_is_named(options, named):
    with pytest.raises(ValueError, match=named):
        ClipRule(**options)
