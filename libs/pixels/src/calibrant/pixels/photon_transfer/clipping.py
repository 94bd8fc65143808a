"""Outliers of a difference of two images, found once; and what finding them takes from the variance.

It must not know what the images show.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.statistics import IQR_TO_SIGMA

SAMPLE: Final = 16_384
"""Pixels, about so many, that say how wide the first pass is."""


@dataclass(frozen=True, eq=False)
class Clipped:
    """What a clip left.

    Parameters
    ----------
    kept
        (ny, nx), true for pixels that are good and within the clip.
    mean
        Of the kept, in the unit of the image.
    variance
        Of the kept (``ddof=1``), in the square of that unit; it lacks what was clipped, see :func:`clip_factor`.
    count
        Pixels kept.
    """

    kept: NDArray[np.bool_]
    mean: float
    variance: float
    count: int


def clip_image(
    image: NDArray[np.floating[Any]], good: NDArray[np.bool_], sigma: float, iterations: int
) -> Clipped:
    """Keep the good pixels within so many standard deviations of the mean.

    The first pass starts from the median and 0.7413 of the interquartile range of a regular sample, the others from
    the moments of what the one before kept; each looks at all good pixels.

    Parameters
    ----------
    image
        (ny, nx), zero where it is not good.
    good
        (ny, nx), two pixels or more.
    sigma, iterations
        Half width in standard deviations, and passes at most; 0 clips nothing.
    """
    found = _moments(image, good)
    if not iterations:
        return found
    centre, spread = _robust(image, good)
    if not spread > 0:
        centre, spread = found.mean, math.sqrt(found.variance)
    lowest, highest = float(image.min()), float(image.max())
    for _ in range(iterations):
        low, high = centre - sigma * spread, centre + sigma * spread
        if low <= lowest and highest <= high:
            kept, within = good, image
        else:
            kept = good & (image >= low) & (image <= high)
            within = np.where(kept, image, 0)
        before, found = found, _moments(within, kept)
        if found.count < 2 or found.count == before.count:
            break
        centre, spread = found.mean, math.sqrt(found.variance)
    return found


def clip_factor(sigma: float, iterations: int) -> float:
    """Give the variance that a clip leaves of normal values, over their own.

    With f(t) = 1 - 2 t phi(t) / erf(t / sqrt 2), the variance of a normal distribution cut at t standard deviations,
    each pass cuts at sigma times the square root of what the pass before left. A covariance of two such values is
    left with the square of the factor, as long as the correlation is small.

    Parameters
    ----------
    sigma, iterations
        As for :func:`clip_image`.
    """
    factor = 1.0
    for _ in range(iterations):
        cut = sigma * math.sqrt(factor)
        density = math.exp(-cut * cut / 2) / math.sqrt(2 * math.pi)
        factor = 1 - 2 * cut * density / math.erf(cut / math.sqrt(2))
    return factor


def _moments(image: NDArray[np.floating[Any]], kept: NDArray[np.bool_]) -> Clipped:
    """Rows are summed in the image's own type, and the sums in float64: as exact, and quicker."""
    count = int(np.count_nonzero(kept))
    total = float(image.sum(axis=1).sum(dtype=np.float64))
    squares = float(np.vecdot(image, image).sum(dtype=np.float64))
    mean = total / max(count, 1)
    return Clipped(kept, mean, max(squares - count * mean * mean, 0.0) / max(count - 1, 1), count)


def _robust(image: NDArray[np.floating[Any]], good: NDArray[np.bool_]) -> tuple[float, float]:
    step = max(image.size // SAMPLE, 1)
    step += 1 - step % 2  # an odd one does not keep to the same columns
    sample = image.ravel()[::step][good.ravel()[::step]]
    if sample.size < 2:
        return 0.0, 0.0
    lower, centre, upper = np.percentile(sample, (25, 50, 75))
    return float(centre), IQR_TO_SIGMA * float(upper - lower)
