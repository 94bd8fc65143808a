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
from calibrant.pixels.ordered import Ordered

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
class RegionStatistics:
    """What the good pixels of a region look like, in the unit of the image; NaN where there are none.

    Parameters
    ----------
    mean, median, std
        Of all good pixels; `std` (``ddof=1``) is what cosmic rays enlarge.
    clipped_mean, noise
        Mean and standard deviation of the good pixels within the clip.
    percentiles
        At :data:`PERCENTILES`.
    count
        Good pixels: finite, and without any of the excluded mask bits.
    n_excluded
        The other pixels of the region.
    n_clipped
        Good pixels outside the clip.
    """

    mean: float
    median: float
    std: float
    clipped_mean: float
    noise: float
    percentiles: tuple[float, ...]
    count: int
    n_excluded: int
    n_clipped: int


@dataclass(frozen=True)
class WithoutCosmicRays:
    """What is left of the good pixels of an amplifier without those that cosmic rays struck.

    Parameters
    ----------
    std
        Their standard deviation (``ddof=1``), not clipped; NaN where there are too few.
    n_struck
        Pixels that were left out.
    """

    std: float
    n_struck: int


@dataclass(frozen=True)
class AmplifierStatistics(RegionStatistics):
    """What the good pixels of one amplifier look like.

    Parameters
    ----------
    corner_mean
        Mean of the good pixels of the box at the readout corner.
    """

    corner_mean: float


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
    return clip(Ordered(values), sigma, iterations)


def describe(good: NDArray[Any], area: int, *, sigma: float = 5.0, iterations: int = 3) -> RegionStatistics:
    """Describe the good pixels of a region.

    Parameters
    ----------
    good
        Their values, in any order; what is not finite is left out.
    area
        Pixels of the region, the others included.
    sigma, iterations
        Of the clip; see :func:`clipped_statistics`.
    """
    ordered = Ordered(good)
    mean, std = ordered.moments(0, len(ordered))
    clipped = clip(ordered, sigma, iterations)
    return RegionStatistics(
        mean=mean,
        median=ordered.pivot,
        std=std,
        clipped_mean=clipped.mean,
        noise=clipped.std,
        percentiles=tuple(ordered.quantile(percent) for percent in PERCENTILES),
        count=len(ordered),
        n_excluded=area - len(ordered),
        n_clipped=clipped.n_clipped,
    )


def without(found: RegionStatistics, struck: NDArray[Any]) -> WithoutCosmicRays:
    """Take some pixels out of the standard deviation of a region.

    Parameters
    ----------
    found
        Of all good pixels of the region.
    struck
        The values of those that are taken out; finite.
    """
    kept = found.count - struck.size
    if kept < 2:
        return WithoutCosmicRays(math.nan, struck.size)
    deviations = np.sort(struck.ravel()) - np.float64(found.mean)
    total, squares = float(deviations.sum()), float(np.square(deviations).sum())
    left = found.std**2 * (found.count - 1) - squares - total * total / kept
    return WithoutCosmicRays(math.sqrt(max(left, 0.0) / (kept - 1)), struck.size)


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
    result: dict[str, AmplifierStatistics] = {}
    for amplifier in geometry.amplifiers:
        good = good_pixels(image.data, image.mask, amplifier.placed, exclude)
        corner = good_pixels(image.data, image.mask, amplifier.corner_box(corner_size), exclude)
        found = describe(good, amplifier.placed.area, sigma=sigma, iterations=iterations)
        result[amplifier.name] = AmplifierStatistics(**vars(found), corner_mean=mean_of(corner))
    return result


def good_pixels(data: NDArray[Any], mask: NDArray[Any], box: Box, exclude: Mask) -> NDArray[Any]:
    """Give the values of a box, NaN where one has any of the excluded bits; a view of them where none has."""
    part = data[box.slices]
    bad = (mask[box.slices] & np.uint32(exclude)) != 0
    return np.where(bad, np.nan, part) if bad.any() else part


def mean_of(values: NDArray[Any]) -> float:
    """Give the mean of the finite values, which does not depend on their order; NaN where there is none."""
    ordered = Ordered(values)
    return ordered.moments(0, len(ordered))[0]


def clip(ordered: Ordered, sigma: float = 5.0, iterations: int = 3) -> ClippedStatistics:
    """Do as :func:`clipped_statistics`, with values that are sorted already."""
    kept = 0, len(ordered)
    mean, std = ordered.moments(*kept)
    lower, centre, upper = (ordered.quantile(percent) for percent in QUARTILES)
    robust = IQR_TO_SIGMA * (upper - lower)
    spread = robust if robust > 0 else std
    for iteration in range(iterations):
        if not spread > 0:
            break
        within = ordered.within(centre - sigma * spread, centre + sigma * spread)
        if within != kept:
            kept = within
            mean, std = ordered.moments(*kept)
        elif iteration > 0:
            break
        centre, spread = mean, std
    count = kept[1] - kept[0]
    return ClippedStatistics(mean, std, count, len(ordered) - count)
