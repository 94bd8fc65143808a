"""Noise of a frame less a combination: closed forms against simulated samples and against quadrature."""

import math

import numpy as np
import pytest

from calibrant.pixels import combined_variance, difference_variance

SAMPLES = 400_000


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 20, 21])
def test_a_frame_less_a_combination_has_the_noise_expected(statistic, n):
    """Within 0.5 % of the standard deviation, four times what a simulation of this size leaves open."""
    frames = np.random.default_rng(n).normal(size=(n + 1, SAMPLES)).astype(np.float32)
    combined = getattr(np, statistic)(frames[:n], axis=0)
    for frame, member in ((frames[0], True), (frames[n], False)):
        expected = math.sqrt(difference_variance(n, member, statistic))
        assert (frame - combined).std() == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("n", [3, 5, 9, 15, 31])
def test_the_variance_of_a_median_is_that_of_its_order_statistic(n):
    half = n // 2
    x, step = np.linspace(-8, 8, 20_001, retstep=True)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    below = np.cumsum(density) * step - density * step / 2
    exact = (x**2 * density * (below * (1 - below)) ** half).sum() * step
    exact *= math.factorial(n) / math.factorial(half) ** 2
    assert combined_variance(n, "median") == pytest.approx(exact, rel=0.013)


def test_known_factors_and_what_has_none():
    assert difference_variance(20, in_reference=False) == 1.05
    assert difference_variance(20, in_reference=True) == pytest.approx(0.95)
    with pytest.raises(ValueError, match="the reference is the frame itself"):
        difference_variance(1, in_reference=True)
    with pytest.raises(ValueError, match="must be at least 1"):
        combined_variance(0)
