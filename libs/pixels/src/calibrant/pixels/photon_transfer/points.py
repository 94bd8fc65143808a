"""Curves of many amplifiers in rectangles of numbers, and which of them can be fitted at all.

It must not know models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.photon_transfer.curves import Curve
from calibrant.pixels.photon_transfer.reasons import Reason

Numbers = NDArray[np.float64]

SAME_LEVEL: Final = 0.02
"""How far above the lowest mean of a level another of it may lie, relative."""


@dataclass(frozen=True, eq=False)
class Points:
    """Points of A amplifiers, P at most of each, ascending in mean; rows that are shorter end in points that do not count.

    Parameters
    ----------
    means, variances, n_pixels
        (A, P), in ADU, ADU squared and pixels; 1 where a point does not count.
    usable
        (A, P), which count.
    order
        (A, P), the place of each in its curve; points that do not count are last.
    """

    means: Numbers
    variances: Numbers
    n_pixels: Numbers
    usable: NDArray[np.bool_]
    order: NDArray[np.intp]

    def take(self, rows: NDArray[np.intp]) -> "Points":
        """Give some of the amplifiers."""
        return Points(
            self.means[rows],
            self.variances[rows],
            self.n_pixels[rows],
            self.usable[rows],
            self.order[rows],
        )


def points(curves: Sequence[Curve], most: float | None) -> Points:
    """Put curves into one rectangle, each sorted by mean.

    Parameters
    ----------
    curves
        One for each amplifier.
    most
        Mean in ADU above which a point does not count; None: there is no limit.
    """
    width = max((len(curve.means) for curve in curves), default=0)
    planes = np.ones((3, len(curves), width))
    usable = np.zeros((len(curves), width), bool)
    for row, curve in enumerate(curves):
        size = len(curve.means)
        planes[:, row, :size] = curve.means, curve.variances, curve.n_pixels
        good = (curve.means > 0) & (curve.variances > 0) & np.isfinite(curve.means + curve.variances)
        usable[row, :size] = good if most is None else good & (curve.means <= most)
    order = np.argsort(np.where(usable, planes[0], np.inf), axis=1, kind="stable")
    usable = np.take_along_axis(usable, order, axis=1)
    means, variances, n_pixels = (np.take_along_axis(plane, order, axis=1) for plane in planes)
    return Points(
        np.where(usable, means, 1.0),
        np.where(usable, variances, 1.0),
        np.where(usable, np.maximum(n_pixels, 2), 1.0),
        usable,
        order,
    )


def reason_for(curve: Curve, means: Numbers, needed: int) -> Reason | None:
    """Say why a curve cannot be fitted; None: it can.

    Parameters
    ----------
    curve
        Of the amplifier.
    means
        Those that count, ascending, in ADU.
    needed
        Levels that must be there.
    """
    if curve.reason is not None:
        return curve.reason
    if not len(means):
        return _why_unusable(curve)
    levels = count_levels(means)
    if levels == 1:
        return Reason.ONE_LEVEL
    return Reason.TOO_FEW_LEVELS if levels < needed else None


def count_levels(means: Numbers) -> int:
    """Count levels: each begins at the lowest mean that is not of the one before, so that scatter makes none.

    Parameters
    ----------
    means
        Ascending, above zero.
    """
    levels, first = 0, 0
    while first < len(means):
        first = int(np.searchsorted(means, means[first] * (1 + SAME_LEVEL), side="right"))
        levels += 1
    return levels


def _why_unusable(curve: Curve) -> Reason:
    if not np.isfinite(curve.means + curve.variances).any():
        return Reason.NOT_FINITE
    return Reason.NEGATIVE_FLUX if (curve.means <= 0).all() else Reason.DEAD
