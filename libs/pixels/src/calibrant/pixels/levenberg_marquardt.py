"""Least squares of a curved model for many data sets at once: Levenberg and Marquardt, side by side.

It must not know what is fitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Law = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]

STEPS: Final = 200
"""Steps that a fit is given."""
SMALL: Final = 1e-5
"""A step, in standard errors of each parameter, after which a fit has arrived."""
FREE: Final = 1.0
"""Damping above which a step is small because it is damped, and says nothing of having arrived."""


@dataclass(frozen=True, eq=False)
class Observed:
    """What is fitted.

    Parameters
    ----------
    x, y, weights
        (A, P); a weight is one over the variance of y, 0 for what does not count.
    """

    x: Numbers
    y: Numbers
    weights: Numbers

    def take(self, rows: NDArray[np.intp]) -> "Observed":
        """Give some of the data sets."""
        return Observed(self.x[rows], self.y[rows], self.weights[rows])


@dataclass(frozen=True, eq=False)
class Solved:
    """What was found.

    Parameters
    ----------
    parameters
        (A, K).
    covariance
        (A, K, K), of the parameters, for weights that are right; zero for one that lies on its bound.
    chi2
        (A,), weighted sum of squares.
    converged
        (A,).
    """

    parameters: Numbers
    covariance: Numbers
    chi2: Numbers
    converged: NDArray[np.bool_]


def least_squares(
    law: Law,
    data: Observed,
    start: Numbers,
    bounds: tuple[Numbers, Numbers],
    *,
    steps: int = STEPS,
) -> Solved:
    """Find the parameters within bounds that bring the law closest to the data, of each data set for itself.

    Normal equations with Marquardt's damping (SIAM J. Appl. Math. 11, 431); a parameter on its bound that would leave
    it stays there. A data set that has arrived costs nothing any more.

    Parameters
    ----------
    law
        From x (A, P) and parameters (A, K) to values (A, P) and derivatives (A, P, K).
    data
        Of all data sets.
    start
        (A, K).
    bounds
        Lowest and highest, each (K,).
    steps
        At most.
    """
    low, high = bounds
    found = np.clip(start, low, high)
    matrix, slope, chi2 = _normal(law, data, found)
    damping = np.full(len(found), 1e-3)
    converged = np.zeros(len(found), bool)
    for _ in range(steps):
        at = np.flatnonzero(~converged)
        if not at.size:
            break
        step = _step(matrix[at], slope[at], damping[at], _held(found[at], slope[at], low, high))
        tried = np.clip(found[at] + step, low, high)
        new_matrix, new_slope, new_chi2 = _normal(law, data.take(at), tried)
        better = new_chi2 <= chi2[at] * (1 + 1e-12)
        moved = np.abs(tried - found[at]) * np.sqrt(np.maximum(_diagonal(matrix[at]), 0))
        small = (moved <= SMALL).all(axis=1) & (damping[at] <= FREE)
        damping[at] = np.where(better, np.maximum(damping[at] / 10, 1e-9), damping[at] * 10)
        taken = at[better]
        found[taken], chi2[taken] = tried[better], new_chi2[better]
        matrix[taken], slope[taken] = new_matrix[better], new_slope[better]
        converged[at] = small & np.isfinite(chi2[at])
    held = _held(found, slope, low, high)
    return Solved(found, _inverse(matrix, held), chi2, converged)


def _normal(law: Law, data: Observed, parameters: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    values, derivatives = law(data.x, parameters)
    residual = np.where(data.weights > 0, data.y - values, 0.0)
    weighted = derivatives * data.weights[..., None]
    transposed = weighted.swapaxes(-1, -2)
    chi2: Numbers = (data.weights * residual**2).sum(axis=-1)
    return transposed @ derivatives, (transposed @ residual[..., None])[..., 0], chi2


def _held(parameters: Numbers, slope: Numbers, low: Numbers, high: Numbers) -> NDArray[np.bool_]:
    """Say which parameters lie on a bound and are drawn beyond it."""
    held: NDArray[np.bool_] = ((parameters <= low) & (slope < 0)) | ((parameters >= high) & (slope > 0))
    return held


def _diagonal(matrix: Numbers) -> Numbers:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _scaled(matrix: Numbers, held: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Bring the diagonal to 1, and cut what is held out of it."""
    size = np.sqrt(np.maximum(_diagonal(matrix), 0))
    scale = np.where((size > 0) & np.isfinite(size) & ~held, 1 / np.where(size > 0, size, 1), 0.0)
    scaled = np.nan_to_num(matrix) * scale[..., None] * scale[..., None, :]
    index = np.arange(matrix.shape[-1])
    scaled[..., index, index] = 1.0
    return scaled, scale


def _step(matrix: Numbers, slope: Numbers, damping: Numbers, held: NDArray[np.bool_]) -> Numbers:
    scaled, scale = _scaled(matrix, held)
    index = np.arange(matrix.shape[-1])
    scaled[..., index, index] += damping[:, None]
    step: Numbers = np.linalg.solve(scaled, (np.nan_to_num(slope) * scale)[..., None])[..., 0] * scale
    return step


def _inverse(matrix: Numbers, held: NDArray[np.bool_]) -> Numbers:
    scaled, scale = _scaled(matrix, held)
    inverse: Numbers = np.linalg.pinv(scaled, hermitian=True) * scale[..., None] * scale[..., None, :]
    return inverse
