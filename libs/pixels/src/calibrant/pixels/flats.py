"""Flats: their level, and the noise that an ideal frame would show after division by its flat.

It owns normalisation and the expected-noise model; it must not know verdicts, or how a flat was combined.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.composition import Composition
from calibrant.pixels.geometry import Geometry
from calibrant.pixels.image import Image, Reference
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.pixels.statistics import clipped_statistics

OUTLIER_SIGMA: Final = 5.0
"""Deviations, in expected standard deviations, beyond which a pixel says nothing about noise or level."""


@dataclass(frozen=True, eq=False)
class Normalised:
    """A frame divided by its level.

    Parameters
    ----------
    data, variance
        float32, (ny, nx), relative to the level (and its square); `variance` is None when none was given.
    level
        3-sigma-clipped mean of the frame, in the unit it had.
    amplifier_levels
        Levels of the amplifiers where each was divided by its own, else empty.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32] | None
    level: float
    amplifier_levels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class NoiseRatio:
    """Noise of a flat-divided frame over what an ideal detector would show.

    Parameters
    ----------
    ratio
        1 for ideal data, with a standard error of ``1 / sqrt(2 count)``.
    level
        Level of the frame relative to its flat, in the frame's unit.
    expected
        Median over the pixels of the expected standard deviation of frame / flat, in the frame's unit.
    count
        Pixels used.
    """

    ratio: float
    level: float
    expected: float
    count: int


def normalise(
    data: NDArray[Any],
    mask: NDArray[Any] | None = None,
    *,
    variance: NDArray[Any] | None = None,
    geometry: Geometry | None = None,
    exclude: Mask = UNUSABLE,
) -> Normalised:
    """Divide a frame by its clipped mean (3 sigma, 3 iterations).

    Parameters
    ----------
    data
        (ny, nx).
    mask
        (ny, nx), or None: every pixel is good.
    variance
        (ny, nx) in the square of the unit of `data`, or None.
    geometry
        Given, each amplifier is divided by its own level; None: the frame by one.
    exclude
        Pixels with any of these bits do not count for the level (they are divided like the others).

    Returns
    -------
    Normalised
        With the level or levels.

    Raises
    ------
    ValueError
        When shapes differ, or a level is not above zero or not finite.
    """
    if variance is not None and variance.shape != data.shape:
        raise ValueError(f"variance: shape {variance.shape}, but the frame has {data.shape}")
    if geometry is not None and geometry.shape != data.shape:
        raise ValueError(f"geometry: shape {geometry.shape}, but the frame has {data.shape}")
    good = _good(data, mask, exclude)
    level = _level("frame", data[good])
    levels: dict[str, float] = {}
    divisor = np.full(data.shape if geometry is not None else (1, 1), level)
    for amplifier in () if geometry is None else geometry.amplifiers:
        part = amplifier.placed.slices
        levels[amplifier.name] = _level(f"amplifier {amplifier.name!r}", data[part][good[part]])
        divisor[part] = levels[amplifier.name]
    return Normalised(
        (data / divisor).astype(np.float32),
        None if variance is None else (variance / divisor**2).astype(np.float32),
        level,
        levels,
    )


def clipped_level(data: NDArray[Any], mask: NDArray[Any] | None = None, *, exclude: Mask = UNUSABLE) -> float:
    """Give the level that `normalise` divides a whole frame by, and divide nothing.

    Parameters
    ----------
    data, mask, exclude
        As for `normalise`.

    Raises
    ------
    ValueError
        When the mask's shape differs, or the level is not above zero or not finite.
    """
    return _level("frame", data[_good(data, mask, exclude)])


def noise_ratio(
    frame: Image,
    flat: Reference,
    *,
    read_noise_e: float,
    gain: float = 1.0,
    composition: Composition,
    exclude: Mask = UNUSABLE,
) -> NoiseRatio:
    """Compare the noise of a frame divided by its flat with what photons, readout and reference explain.

    With the level L and the flat f, a pixel of frame / flat has the variance ``(L f / gain + (read_noise_e /
    gain)**2) / f**2``, and each of its two parts a factor for the noise of the flat. Both are ``1 + 1/N`` for a frame
    held out and ``1 - 1/N`` for one of the N in the flat where all are of one level; else they are as
    :meth:`Composition.factors` says. The ratio is the clipped standard deviation of ``z = (frame / flat - L) /
    expected``; structure of any contrast in the illumination cancels.

    Parameters
    ----------
    frame
        Overscan, bias and dark subtracted, not divided by the flat.
    flat
        The master, of any normalisation.
    read_noise_e
        In electrons.
    gain
        Electrons per unit of `frame`: 1 for a frame in electrons, else the gain in electrons per ADU.
    composition
        Of which frames the flat was combined, and which of them `frame` is.
    exclude
        Pixels with any of these bits, in frame or flat, are left out, and those where the flat is not above zero.

    Returns
    -------
    NoiseRatio
        Of one amplifier, or of pixels with one gain and read noise: cut the frame before.

    Raises
    ------
    ValueError
        When shapes differ, numbers make no sense, fewer than two pixels are usable, the level is not above zero,
        or the frame is the whole flat and nothing is left to measure.
    """
    _check_model(frame, flat, read_noise_e, gain)
    good = _usable(frame, flat, exclude)
    response = flat.data[good].astype(np.float64)
    ratio = frame.data[good] / response
    if ratio.size < 2:
        raise ValueError(
            f"frame: {ratio.size} usable pixels under its mask and the flat's; at least 2 are needed"
        )
    typical, noise = float(response.mean()), (read_noise_e / gain) ** 2
    level = clipped_statistics(ratio.astype(np.float32)).mean  # float32 is sorted in a tenth of the time
    for _ in range(2):
        if not level > 0:
            raise ValueError(f"frame: level {level} relative to its flat is not above zero; is it a flat?")
        photons, readout = composition.factors(level, level * typical / gain, noise)
        variance = (photons * level * response / gain + readout * noise) / response**2
        expected = np.sqrt(variance)
        inliers = np.abs(ratio - level) <= OUTLIER_SIGMA * expected
        if inliers.any():
            level = float(np.average(ratio[inliers], weights=1 / variance[inliers]))
    deviations = clipped_statistics(((ratio - level) / expected).astype(np.float32), OUTLIER_SIGMA)
    return NoiseRatio(deviations.std, level, math.sqrt(float(np.median(variance))), deviations.count)


def _good(data: NDArray[Any], mask: NDArray[Any] | None, exclude: Mask) -> NDArray[np.bool_]:
    good: NDArray[np.bool_] = np.isfinite(data)
    if mask is not None:
        if mask.shape != data.shape:
            raise ValueError(f"mask: shape {mask.shape}, but the frame has {data.shape}")
        good &= (mask & np.uint32(exclude)) == 0
    return good


def _level(name: str, values: NDArray[Any]) -> float:
    level = clipped_statistics(values, sigma=3.0, iterations=3).mean
    if not level > 0:
        raise ValueError(
            f"{name}: level {level} of {values.size} good pixels is not above zero; is it a flat?"
        )
    return level


def _check_model(frame: Image, flat: Reference, read_noise_e: float, gain: float) -> None:
    if frame.data.shape != flat.data.shape:
        raise ValueError(f"flat: shape {flat.data.shape}, but the frame has {frame.data.shape}")
    if not (math.isfinite(read_noise_e) and read_noise_e >= 0):
        raise ValueError(f"read_noise_e: {read_noise_e}, must not be negative")
    if not (math.isfinite(gain) and gain > 0):
        raise ValueError(f"gain: {gain}, must be positive")
    if frame.unit == "electron" and gain != 1:
        raise ValueError(f"gain: {gain}, but the frame is in electrons already; give 1")


def _usable(frame: Image, flat: Reference, exclude: Mask) -> NDArray[np.bool_]:
    bits = frame.mask if flat.mask is None else frame.mask | flat.mask
    usable: NDArray[np.bool_] = (
        ((bits & np.uint32(exclude)) == 0)
        & np.isfinite(frame.data)
        & np.isfinite(flat.data)
        & (flat.data > 0)
    )
    return usable
