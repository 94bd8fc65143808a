"""What two flats of the same level say about each amplifier: mean, variance, covariances of neighbours.

It owns the measurement of a pair; it must not know which exposures are paired, or what is fitted.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.arrays import ArrayBackend, array_module
from calibrant.pixels.geometry import Amplifier, Geometry
from calibrant.pixels.image import Image
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.pixels.numerals import whole_number
from calibrant.pixels.photon_transfer.clipping import Clipped, clip_factor, clip_image
from calibrant.pixels.photon_transfer.correlating import lag_sums, pair_counts
from calibrant.pixels.photon_transfer.reasons import Reason
from calibrant.pixels.threads import side_by_side, thread_count

LAGS: Final = 10
"""Pixels apart at most for which covariances are measured."""
SIGMA: Final = 5.5
"""Half width of the clip of the difference, in standard deviations."""
ITERATIONS: Final = 3
"""Passes of the clip."""
LEAST_PIXELS: Final = 10_000
"""Good pixels of an amplifier below which nothing is measured."""


@dataclass(frozen=True)
class PairSettings:
    """How a pair is measured.

    Parameters
    ----------
    lags
        Pixels apart at most for covariances; None: none are measured.
    sigma, iterations
        Half width of the clip of the difference in standard deviations, and its passes; 0 passes clip nothing.
    least_pixels
        Good pixels that an amplifier must have.
    exclude
        Pixels of either flat with any of these bits are left out.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    lags: int | None = LAGS
    sigma: float = SIGMA
    iterations: int = ITERATIONS
    least_pixels: int = LEAST_PIXELS
    exclude: Mask = UNUSABLE

    def __post_init__(self) -> None:
        if self.lags is not None:
            whole_number("lags", self.lags, least=0)
        whole_number("iterations", self.iterations, least=0)
        whole_number("least_pixels", self.least_pixels, least=2)
        if not self.sigma >= 2:
            raise ValueError(f"sigma: {self.sigma}, must be at least 2: less clips the noise itself away")


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """What a pair of flats says about one amplifier, for one frame of the pair; NaN where `reason` is given.

    Parameters
    ----------
    mean
        Harmonic mean of the two levels, at which an equalised pair has the variance `variance`; in the unit of the
        images (ADU).
    variance
        Half the variance of the equalised difference, corrected for the clip; square of that unit.
    n_pixels
        Pixels that it was measured on.
    levels
        Means of the two flats over those pixels.
    row_means_variance
        Half the variance of the means of the rows of the difference; ``variance / columns`` where nothing but pixels'
        own noise is in it.
    covariances
        (lags + 1, lags + 1): at ``[j, i]`` of pixels j rows and i columns apart, the mean of both directions;
        ``[0, 0]`` is `variance`. None where they were not asked for.
    n_pairs
        Of the same shape: pairs of good pixels in one direction.
    reason
        Why there is nothing, or None.
    """

    mean: float
    variance: float
    n_pixels: int
    levels: tuple[float, float]
    row_means_variance: float
    covariances: NDArray[np.float64] | None
    n_pairs: NDArray[np.float64] | None
    reason: Reason | None = None


def pair_statistics(
    first: Image,
    second: Image,
    geometry: Geometry,
    settings: PairSettings | None = None,
    *,
    threads: int | None = None,
    backend: ArrayBackend = "numpy",
) -> dict[str, PairStatistics]:
    """Measure a pair of flats.

    Parameters
    ----------
    first, second
        Assembled, overscan and bias subtracted, of the same exposure time; not divided by a flat.
    geometry
        The detector.
    settings
        How; None: as :class:`PairSettings` has it.
    threads
        Amplifiers that are measured at the same time; None: as many as there are processors to use.
    backend
        Whose arrays covariances are computed with; "cupy" takes a GPU.

    Returns
    -------
    dict
        By the amplifier's name, in the geometry's order.

    Raises
    ------
    ValueError
        When an image does not have the geometry's shape, or the backend is unknown.
    calibrant.pixels.backends.BackendMissingError
        When it does not work here.
    """
    settings = settings or PairSettings()
    array_module(backend)
    check_shapes(first, second, geometry)

    def measure(amplifier: Amplifier) -> PairStatistics:
        part = amplifier.placed.slices
        bits = first.mask[part] | second.mask[part]
        return measure_difference(first.data[part], second.data[part], bits, settings, backend)

    found = side_by_side(measure, geometry.amplifiers, thread_count(threads))
    return {amplifier.name: one for amplifier, one in zip(geometry.amplifiers, found, strict=True)}


def check_shapes(first: Image, second: Image, geometry: Geometry) -> None:
    """Make sure that both flats of a pair are of a detector.

    Raises
    ------
    ValueError
        One has another shape.
    """
    for image in (first, second):
        if image.data.shape != geometry.shape:
            raise ValueError(f"flat: shape {image.data.shape}, but the geometry says {geometry.shape}")


def measure_difference(
    first: NDArray[np.floating[Any]],
    second: NDArray[np.floating[Any]],
    mask: NDArray[np.uint32],
    settings: PairSettings | None = None,
    backend: ArrayBackend = "numpy",
) -> PairStatistics:
    """Measure one amplifier of a pair.

    With the levels m1 and m2 and m their mean, the difference is ``(m2 first - m1 second) / m``, which is zero on
    average whatever the light did between the two. It is clipped once, its mean is subtracted, and all else comes from
    the pixels that are left: a covariance is the mean of the products of those that are so far apart. The variance is
    divided by :func:`clip_factor`, covariances by its square.

    Parameters
    ----------
    first, second
        (ny, nx), in ADU without pedestal.
    mask
        (ny, nx), the bits of both.
    settings
        How; None: as :class:`PairSettings` has it.
    backend
        Whose arrays covariances are computed with.

    Raises
    ------
    ValueError
        When the lags reach beyond the amplifier.
    """
    settings = settings or PairSettings()
    if settings.lags is not None and settings.lags >= min(first.shape):
        raise ValueError(f"lags: {settings.lags}, must be less than the sides of an amplifier, {first.shape}")
    good = (mask & np.uint32(settings.exclude)) == 0
    good &= np.isfinite(first)
    good &= np.isfinite(second)
    count = int(np.count_nonzero(good))
    if count < settings.least_pixels:
        saturated = np.count_nonzero(mask & np.uint32(Mask.SATURATED))
        return _nothing(Reason.SATURATED if 2 * saturated > mask.size else Reason.TOO_FEW_PIXELS, count)
    levels = _level(first, good, count), _level(second, good, count)
    if not min(levels) > 0:
        return _nothing(Reason.NEGATIVE_FLUX, count, levels)
    difference = _equalised(first, second, levels, good)
    clipped = clip_image(difference, good, settings.sigma, settings.iterations)
    if clipped.count < settings.least_pixels:
        return _nothing(Reason.TOO_FEW_PIXELS, clipped.count, levels)
    if not clipped.variance > 0:
        return _nothing(Reason.DEAD, clipped.count, levels)
    if clipped.count < count:
        levels = _level(first, clipped.kept, clipped.count), _level(second, clipped.kept, clipped.count)
    difference -= difference.dtype.type(clipped.mean)
    if clipped.count < difference.size:
        difference *= clipped.kept
    return _summary(difference, clipped, levels, settings, backend)


def _summary(
    difference: NDArray[np.floating[Any]],
    clipped: Clipped,
    levels: tuple[float, float],
    settings: PairSettings,
    backend: ArrayBackend,
) -> PairStatistics:
    factor = clip_factor(settings.sigma, settings.iterations)
    variance = clipped.variance / 2 / factor
    covariances = counts = None
    if settings.lags is not None:
        counts = pair_counts(clipped.kept, settings.lags, backend)
        sums = lag_sums(difference, settings.lags, backend)
        covariances = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0) / 2 / factor**2
        covariances[0, 0] = variance
    return PairStatistics(
        mean=2 / (1 / levels[0] + 1 / levels[1]),
        variance=variance,
        n_pixels=clipped.count,
        levels=levels,
        row_means_variance=_row_means_variance(difference, clipped.kept) / 2 / factor,
        covariances=covariances,
        n_pairs=counts,
    )


def _equalised(
    first: NDArray[np.floating[Any]],
    second: NDArray[np.floating[Any]],
    levels: tuple[float, float],
    good: NDArray[np.bool_],
) -> NDArray[np.floating[Any]]:
    mean = (levels[0] + levels[1]) / 2
    kind = np.result_type(first, second, np.float32)
    difference: NDArray[np.floating[Any]] = first * kind.type(levels[1] / mean)
    difference -= second * kind.type(levels[0] / mean)
    if not good.all():
        difference[~good] = 0
    return difference


def _level(image: NDArray[np.floating[Any]], kept: NDArray[np.bool_], count: int) -> float:
    rows = (image if count == image.size else np.where(kept, image, 0)).mean(axis=1)
    return float(rows.sum(dtype=np.float64) * image.shape[1] / count)


def _row_means_variance(difference: NDArray[np.floating[Any]], kept: NDArray[np.bool_]) -> float:
    """Rows with pixels left out count with as many as they have."""
    counts = np.count_nonzero(kept, axis=1)
    used = counts > 0
    if np.count_nonzero(used) < 2:
        return math.nan
    counts, sums = counts[used], difference.sum(axis=1, dtype=np.float64)[used]
    weighted = counts * np.square(sums / counts - sums.sum() / counts.sum())
    return float(weighted.sum() / (len(counts) - 1) / counts.mean())


def _nothing(
    reason: Reason, count: int, levels: tuple[float, float] = (math.nan, math.nan)
) -> PairStatistics:
    return PairStatistics(math.nan, math.nan, count, levels, math.nan, None, None, reason)
