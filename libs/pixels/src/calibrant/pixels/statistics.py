"""Numbers that describe pixels: clipped moments, and the statistics of each amplifier.

It owns the estimators; it must not know limits or verdicts.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Box, Geometry
from calibrant.pixels.image import Image
from calibrant.pixels.mask import UNUSABLE, Mask

PERCENTILES: Final = (0, 5, 16, 50, 84, 95, 100)
"""Percentiles that describe an amplifier."""

QUARTILES: Final = (25, 50, 75)

IQR_TO_SIGMA: Final = 0.741301109252801
"""Standard deviation of a normal distribution over its interquartile range."""


@dataclass(frozen=True)
class ClippedStatistics:
    """Moments of the values that were kept; NaN where too few were.

    Parameters
    ----------
    mean, std
        Of the kept values, in their unit; `std` with ``ddof=1``.
    count
        Values kept.
    n_clipped
        Finite values rejected.
    """

    mean: float
    std: float
    count: int
    n_clipped: int


@dataclass(frozen=True)
class AmplifierStatistics:
    """What the good pixels of one amplifier look like, in the unit of the image; NaN where there are none.

    Parameters
    ----------
    mean, median, std
        Of all good pixels; `std` (``ddof=1``) is what cosmic rays enlarge.
    clipped_mean, noise
        Mean and standard deviation of the good pixels within the clip.
    percentiles
        At :data:`PERCENTILES`.
    corner_mean
        Mean of the good pixels of the box at the readout corner.
    count
        Good pixels: finite, and without any of the excluded mask bits.
    n_excluded
        The other pixels of the amplifier.
    n_clipped
        Good pixels outside the clip.
    """

    mean: float
    median: float
    std: float
    clipped_mean: float
    noise: float
    percentiles: tuple[float, ...]
    corner_mean: float
    count: int
    n_excluded: int
    n_clipped: int


def clipped_statistics(values: NDArray[Any], sigma: float = 5.0, iterations: int = 3) -> ClippedStatistics:
    """Reject outliers and describe the rest.

    The first pass keeps what lies within `sigma` robust standard deviations (0.7413 of the interquartile range;
    the standard deviation where that is zero, as in coarsely digitised data) of the median; each further pass keeps
    what lies within `sigma` standard deviations of the mean of what the pass before kept. Every pass looks at all
    values. Values that are not finite are left out from the start.

    Parameters
    ----------
    values
        Of any shape and real type.
    sigma
        Half width of the clip in standard deviations, above zero.
    iterations
        Passes at most; 0 clips nothing.

    Returns
    -------
    ClippedStatistics
        All NaN and a count of 0 where no value is finite; the standard deviation of a single value is NaN.

    Raises
    ------
    ValueError
        When `sigma` is not positive or `iterations` is negative.
    """
    if not sigma > 0 or iterations < 0:
        raise ValueError(f"clip: sigma {sigma} must be positive and iterations {iterations} not negative")
    finite = np.asarray(values).astype(np.float64).ravel()
    finite = finite[np.isfinite(finite)]
    return _clipped(finite, _percentiles(finite, QUARTILES), sigma, iterations)


def amplifier_statistics(
    image: Image,
    geometry: Geometry,
    *,
    exclude: Mask = UNUSABLE,
    sigma: float = 5.0,
    iterations: int = 3,
    corner_size: int = 200,
) -> dict[str, AmplifierStatistics]:
    """Describe each amplifier of an assembled image.

    Parameters
    ----------
    image
        Of shape ``geometry.shape``.
    geometry
        The detector.
    exclude
        Pixels with any of these bits are left out.
    sigma, iterations
        Of the clip; see :func:`clipped_statistics`.
    corner_size
        Side of the box at the readout corner, in pixels.

    Returns
    -------
    dict
        By the amplifier's name, in the geometry's order.

    Raises
    ------
    ValueError
        When the image does not have the geometry's shape.
    """
    if image.data.shape != geometry.shape:
        raise ValueError(f"image: shape {image.data.shape}, but the geometry says {geometry.shape}")
    needed = tuple(sorted({*PERCENTILES, *QUARTILES}))
    result: dict[str, AmplifierStatistics] = {}
    for amplifier in geometry.amplifiers:
        good = _good(image, amplifier.placed, exclude)
        percentiles = dict(zip(needed, _percentiles(good, needed), strict=True))
        clipped = _clipped(good, tuple(percentiles[one] for one in QUARTILES), sigma, iterations)
        result[amplifier.name] = AmplifierStatistics(
            mean=_mean(good),
            median=percentiles[50],
            std=_std(good),
            clipped_mean=clipped.mean,
            noise=clipped.std,
            percentiles=tuple(percentiles[one] for one in PERCENTILES),
            corner_mean=_mean(_good(image, amplifier.corner_box(corner_size), exclude)),
            count=good.size,
            n_excluded=amplifier.placed.area - good.size,
            n_clipped=clipped.n_clipped,
        )
    return result


def _good(image: Image, box: Box, exclude: Mask) -> NDArray[np.float64]:
    data = image.data[box.slices]
    good = ((image.mask[box.slices] & np.uint32(exclude)) == 0) & np.isfinite(data)
    values: NDArray[np.float64] = data[good].astype(np.float64)
    return values


def _percentiles(values: NDArray[np.float64], percents: tuple[int, ...]) -> tuple[float, ...]:
    """Percentiles of finite values, all from one partial sort; NaN where there is no value."""
    if not values.size:
        return (math.nan,) * len(percents)
    found: list[float] = np.percentile(values, percents).tolist()
    return tuple(found)


def _clipped(
    finite: NDArray[np.float64], quartiles: tuple[float, ...], sigma: float, iterations: int
) -> ClippedStatistics:
    """Clip finite values whose quartiles are known."""
    kept = finite
    mean, std = _mean(kept), _std(kept)
    lower, median, upper = quartiles
    robust = IQR_TO_SIGMA * (upper - lower)
    centre, spread = median, robust if robust > 0 else std
    for iteration in range(iterations):
        if not spread > 0:
            break
        within = finite[np.abs(finite - centre) <= sigma * spread]
        if within.size != kept.size:
            kept = within
            mean, std = _mean(kept), _std(kept)
        elif iteration > 0:
            break
        centre, spread = mean, std
    return ClippedStatistics(mean, std, kept.size, finite.size - kept.size)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else math.nan


def _std(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else math.nan
