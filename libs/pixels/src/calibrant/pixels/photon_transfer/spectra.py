"""Photon transfer from flats with many levels in one exposure, such as the spectrum of a lamp.

It must not know fits, or what makes the levels.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Amplifier, Geometry
from calibrant.pixels.image import Image
from calibrant.pixels.photon_transfer.pairs import (
    PairSettings,
    PairStatistics,
    check_shapes,
    measure_difference,
)
from calibrant.pixels.photon_transfer.reasons import Reason
from calibrant.pixels.threads import side_by_side, thread_count

Plane = NDArray[np.floating[Any]]

SWEEPS: Final = 3
"""Of rows and columns in turn, until both are alike."""


def level_bins(
    first: Plane,
    second: Plane,
    mask: NDArray[np.uint32],
    edges: Sequence[float],
    *,
    levels: Plane | None = None,
    lines: bool = False,
    settings: PairSettings | None = None,
) -> list[PairStatistics]:
    """Measure a pair with many levels in one exposure: each bin of levels is a point.

    The pixels of a bin are measured as if they were a flat of their own, fluxes equalised among them; there are no
    covariances, since their neighbours are in other bins. Which bin a pixel is in must not depend on its own noise:
    the sum of the pair does not, for photons; a mean of many exposures hardly does.

    Parameters
    ----------
    first, second, mask
        (ny, nx), as for :func:`measure_difference`.
    edges
        Of the bins, ascending, in ADU; bin k holds ``edges[k] <= level < edges[k + 1]``.
    levels
        (ny, nx), where each pixel belongs, in ADU; None: the mean of the two.
    lines
        Whether each row and each column is equalised too: light along a slit, and along a spectrum, changes from one
        exposure to the next. What that takes from the variance is given back.
    settings
        How; `lags` does not count.

    Returns
    -------
    list of PairStatistics
        One for each bin; `row_means_variance` is NaN.

    Raises
    ------
    ValueError
        When there are fewer than two edges or they do not ascend.
    """
    if len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"edges: {len(edges)} of them, must be at least 2 that ascend")
    own = replace(settings or PairSettings(), lags=None)
    left: Plane | None = None
    if lines:
        first, left = _as_lines_of(second, first, mask, own)
    with np.errstate(invalid="ignore"):
        place = np.digitize((first + second) / 2 if levels is None else levels, edges) - 1
    found = []
    for number in range(len(edges) - 1):
        inside = place == number
        one = _bin(first, second, mask, inside, own)
        share = 1.0 if left is None or one.reason is not None else float(left[inside].mean())
        found.append(replace(one, variance=one.variance / share))
    return found


def spectrum_statistics(
    first: Image,
    second: Image,
    geometry: Geometry,
    edges: Sequence[float],
    *,
    lines: bool = False,
    settings: PairSettings | None = None,
    threads: int | None = None,
) -> dict[str, list[PairStatistics]]:
    """Measure a pair with many levels in one exposure, amplifier by amplifier.

    Parameters
    ----------
    first, second, geometry, settings, threads
        As of :func:`pair_statistics`.
    edges, lines
        As of :func:`level_bins`.

    Returns
    -------
    dict
        One a bin, by the amplifier's name, in the geometry's order.

    Raises
    ------
    ValueError
        When an image does not have the geometry's shape, or edges do not ascend.
    """
    check_shapes(first, second, geometry)

    def measure(amplifier: Amplifier) -> list[PairStatistics]:
        part = amplifier.placed.slices
        bits = first.mask[part] | second.mask[part]
        return level_bins(first.data[part], second.data[part], bits, edges, lines=lines, settings=settings)

    found = side_by_side(measure, geometry.amplifiers, thread_count(threads))
    return {amplifier.name: bins for amplifier, bins in zip(geometry.amplifiers, found, strict=True)}


def pooled(bins: Sequence[PairStatistics]) -> PairStatistics:
    """Put bins together: means of their means and variances, each counting with its pixels.

    For photons and read noise the variance is a straight line, so the gain of the whole is that of its parts; each bin
    was clipped for itself, as the whole could not have been.

    Returns
    -------
    PairStatistics
        Without covariances. `n_pixels` is how many pixels of one variance would scatter as much. Where no bin gave
        anything, the reason of the first.
    """
    good = [one for one in bins if one.reason is None]
    if not good:
        reason = bins[0].reason if bins else Reason.NO_PAIRS
        return PairStatistics(math.nan, math.nan, 0, (math.nan, math.nan), math.nan, None, None, reason)
    pixels = np.array([one.n_pixels for one in good])
    numbers = np.array([(one.mean, one.variance, *one.levels) for one in good])
    mean, variance, first, second = np.average(numbers, axis=0, weights=pixels).tolist()
    sums = pixels * numbers[:, 1]
    as_many = int(sums.sum() ** 2 / (sums * numbers[:, 1]).sum())
    return PairStatistics(mean, variance, as_many, (first, second), math.nan, None, None)


def _as_lines_of(
    like: Plane, image: Plane, mask: NDArray[np.uint32], settings: PairSettings
) -> tuple[Plane, Plane]:
    """Bring rows and columns of an image to the sums of another's; give what is left of the variance of each pixel.

    A pixel with the share p of its line's light has 1 - p of its variance left, where that goes with the light.
    """
    good = ((mask & np.uint32(settings.exclude)) == 0) & np.isfinite(image) & np.isfinite(like)
    aim, turned = np.where(good, like, 0).astype(np.float64), np.where(good, image, 0).astype(np.float64)
    factors = np.ones(image.shape)
    for axis in (0, 1) * SWEEPS:
        sums = turned.sum(axis=axis, keepdims=True)
        ratio = np.divide(aim.sum(axis=axis, keepdims=True), sums, out=np.ones_like(sums), where=sums > 0)
        turned *= ratio
        factors *= ratio
    left = np.ones(image.shape)
    for axis in (0, 1):
        sums = aim.sum(axis=axis, keepdims=True)
        left *= 1 - np.divide(aim, sums, out=np.zeros_like(aim), where=sums > 0)
    return image * factors, left


def _bin(
    first: Plane,
    second: Plane,
    mask: NDArray[np.uint32],
    inside: NDArray[np.bool_],
    settings: PairSettings,
) -> PairStatistics:
    one_row = (1, int(np.count_nonzero(inside)))
    return measure_difference(
        first[inside].reshape(one_row),
        second[inside].reshape(one_row),
        mask[inside].reshape(one_row),
        settings,
    )
