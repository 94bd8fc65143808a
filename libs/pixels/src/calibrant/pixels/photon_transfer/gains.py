"""Gain from one pair of flats, and read noise from pairs of biases.

It must not know curves: with many levels a fit of the curve is better. See :mod:`calibrant.pixels.photon_transfer.fitting`.
"""

import enum
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.photon_transfer.clipping import clip_factor, clip_image
from calibrant.pixels.photon_transfer.pairs import PairSettings, PairStatistics
from calibrant.pixels.photon_transfer.reasons import Reason


class GainCorrection(enum.StrEnum):
    """What is done about the read noise; k is the variance over the mean, r the read noise in ADU, m the mean."""

    NONE = "none"
    """``1 / k``."""
    READ_NOISE = "read-noise"
    """``1 / (k - r**2 / m)``: what photons with normal read noise have, exactly."""
    SIMPLE = "simple"
    """``1 / (k - (r**2 - 1 / (2 g0**2)) / m)`` with ``g0 = 1 / k``."""
    FULL = "full"
    """``(sqrt(m**2 - 2 m k + 2 r**2) + m) / (2 k m - 2 r**2)``: the g for which SIMPLE gives itself."""


@dataclass(frozen=True)
class PairGain:
    """Gain of one amplifier; NaN where `reason` is given.

    Parameters
    ----------
    gain, gain_error
        In e-/ADU.
    mean
        Of the pair, in ADU.
    reason
        Why there is nothing, or None.
    """

    gain: float
    gain_error: float
    mean: float
    reason: Reason | None = None


@dataclass(frozen=True)
class ReadNoise:
    """Noise of one frame of a pair without light; NaN where `reason` is given.

    Parameters
    ----------
    noise, noise_error
        In ADU.
    n_pixels
        That it was measured on.
    reason
        Why there is nothing, or None.
    """

    noise: float
    noise_error: float
    n_pixels: int
    reason: Reason | None = None


def pair_gain(
    pair: PairStatistics,
    read_noise_adu: float = 0.0,
    correction: GainCorrection = GainCorrection.READ_NOISE,
) -> PairGain:
    """Give the gain that the variance of a pair says, as if there were nothing but photons and read noise.

    Parameters
    ----------
    pair
        What :func:`pair_statistics` found of the amplifier, in ADU.
    read_noise_adu
        Of one frame.
    correction
        What is done about the read noise.

    Raises
    ------
    ValueError
        When the read noise is negative or not finite.
    """
    if not (math.isfinite(read_noise_adu) and read_noise_adu >= 0):
        raise ValueError(f"read_noise_adu: {read_noise_adu}, must not be negative")
    if pair.reason is not None:
        return PairGain(math.nan, math.nan, pair.mean, pair.reason)
    gain = _gain(pair.variance / pair.mean, read_noise_adu, pair.mean, correction)
    if not (math.isfinite(gain) and gain > 0):
        return PairGain(math.nan, math.nan, pair.mean, Reason.IMPOSSIBLE_GAIN)
    return PairGain(gain, gain**2 * pair.variance / pair.mean * math.sqrt(2 / pair.n_pixels), pair.mean)


def _gain(ratio: float, noise: float, mean: float, correction: GainCorrection) -> float:
    if correction is GainCorrection.FULL:
        root, below = mean**2 - 2 * mean * ratio + 2 * noise**2, 2 * (ratio * mean - noise**2)
        return (math.sqrt(root) + mean) / below if root >= 0 and below > 0 else math.nan
    taken = {
        GainCorrection.NONE: 0.0,
        GainCorrection.READ_NOISE: noise**2,
        GainCorrection.SIMPLE: noise**2 - ratio**2 / 2,
    }[correction]
    left = ratio - taken / mean
    return 1 / left if left > 0 else math.nan


def read_noise(
    first: NDArray[np.floating[Any]],
    second: NDArray[np.floating[Any]],
    mask: NDArray[np.uint32],
    settings: PairSettings | None = None,
) -> ReadNoise:
    """Measure the noise of a pair of biases: the clipped standard deviation of their difference, over the root of 2.

    What is the same in both, and a level that is not, falls away.

    Parameters
    ----------
    first, second
        (ny, nx) of one amplifier, in ADU.
    mask
        (ny, nx), the bits of both.
    settings
        How; `lags` does not count.
    """
    settings = settings or PairSettings()
    good = ((mask & np.uint32(settings.exclude)) == 0) & np.isfinite(first) & np.isfinite(second)
    difference = np.where(good, first.astype(np.float64) - second, 0)
    if np.count_nonzero(good) < settings.least_pixels:
        return ReadNoise(math.nan, math.nan, int(np.count_nonzero(good)), Reason.TOO_FEW_PIXELS)
    clipped = clip_image(difference, good, settings.sigma, settings.iterations)
    if not clipped.variance > 0:
        return ReadNoise(math.nan, math.nan, clipped.count, Reason.DEAD)
    noise = math.sqrt(clipped.variance / 2 / clip_factor(settings.sigma, settings.iterations))
    return ReadNoise(noise, noise / math.sqrt(2 * clipped.count), clipped.count)
