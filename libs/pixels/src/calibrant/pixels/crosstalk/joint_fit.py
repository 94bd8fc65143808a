"""A least-squares fit of several signals and a level at once, which leaves out what stands out.

It owns the algebra and the rejection; it must not know which signals they are.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA

Level = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Normal equations of the level from pixels without crosstalk: matrix and right-hand side."""

_SINGULAR: Final = 1e-10
"""Eigenvalue of the correlation matrix of the signals, over the largest, below which they are not told apart."""

_TAKES_PART: Final = 1e-3
"""Share of such a direction from which a source is said to take part in it."""


def robust_fit(
    design: NDArray[np.float64], values: NDArray[np.float64], level: Level, *, sigma: float, iterations: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Give solution, covariance, which values were kept and which columns of the design can be told apart.

    The last columns are those of the level, of which other pixels know too.
    """
    kept = np.ones(values.size, dtype=bool)
    known = slice(-len(level[1]), None)
    for _ in range(iterations):
        normal, right = design[kept].T @ design[kept], design[kept].T @ values[kept]
        normal[known, known] += level[0]
        right[known] += level[1]
        inverse, apart = _inverse(normal)
        solution = inverse @ right
        residuals = values - design @ solution
        spread = MAD_TO_SIGMA * float(np.median(np.abs(residuals[kept])))
        within = np.abs(residuals) <= sigma * spread if spread > 0 else kept
        if np.array_equal(within, kept):
            break
        kept = within
    freedom = max(int(kept.sum()) - len(solution), 1)
    variance = float((residuals[kept] ** 2).sum()) / freedom
    return solution, variance * inverse, kept, apart


def _inverse(normal: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Invert a matrix of normal equations where it can be; say which unknowns are not determined by them."""
    scale = np.sqrt(np.diagonal(normal))
    scale = np.where(scale > 0, scale, 1)
    values, vectors = np.linalg.eigh(normal / np.outer(scale, scale))
    clear = values > _SINGULAR * values[-1]
    inverse = (vectors[:, clear] / values[clear]) @ vectors[:, clear].T / np.outer(scale, scale)
    apart = (vectors[:, ~clear] ** 2).sum(axis=1) < _TAKES_PART
    return inverse, apart
