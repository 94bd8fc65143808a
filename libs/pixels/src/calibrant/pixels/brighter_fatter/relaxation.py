"""Poisson's equation on a grid, solved by successive over-relaxation.

It owns the solver and what it says of its convergence; it must not know what the source stands for.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Convergence:
    """How an iteration ended.

    Parameters
    ----------
    iterations
        Rounds that were made.
    residual
        What was left, as the function that iterated says.
    converged
        Whether that is as little as was asked for.
    """

    iterations: int
    residual: float
    converged: bool


def relax(
    source: NDArray[np.float64], *, accuracy: float = 5e-14, iterations: int = 10_000
) -> tuple[NDArray[np.float64], Convergence]:
    """Solve ``u[y, x-1] + u[y, x+1] + u[y-1, x] + u[y+1, x] - 4 u[y, x] = source[y, x]`` with u = 0 outside.

    Points are visited like the squares of a chess board, first all of one colour; each moves 2 / (1 + sin) of the way
    that would fulfil its equation, where sin is the sine of pi over the number of points and one: the best factor for a
    square.

    Parameters
    ----------
    source
        (..., ny, nx), finite: one or more at a time.
    accuracy
        Sum of the absolute residuals over that of the sources at which it ends.
    iterations
        At most.

    Returns
    -------
    u
        Of the shape of `source`.
    Convergence
        `residual` is the ratio above, the largest of all sources.

    Notes
    -----
    W. H. Press et al., Numerical Recipes, section "Relaxation Methods for Boundary Value Problems"; accuracy and
    number of rounds are those of Rubin's cp_pipe for brighter-fatter kernels (eLevel, maxIterSuccessiveOverRelaxation).
    """
    ny, nx = source.shape[-2:]
    cosine = (math.cos(math.pi / (ny + 1)) + math.cos(math.pi / (nx + 1))) / 2
    factor = 2 / (1 + math.sqrt(1 - cosine**2)) / 4
    colours = [(np.add.outer(np.arange(ny), np.arange(nx)) % 2) == one for one in (0, 1)]
    padded = np.zeros((*source.shape[:-2], ny + 2, nx + 2))
    inside = padded[..., 1:-1, 1:-1]
    total = np.abs(source).sum(axis=(-2, -1))
    left = 0.0
    for done in range(iterations + 1):
        left = float(
            np.max(np.abs(_residual(padded, source)).sum(axis=(-2, -1)) / np.where(total > 0, total, 1))
        )
        if left <= accuracy or done == iterations:
            break
        for colour in colours:
            inside += np.where(colour, factor * _residual(padded, source), 0)
    return inside.copy(), Convergence(done, left, left <= accuracy)


def _residual(padded: NDArray[np.float64], source: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the left side of the equation less the right one."""
    across = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    along = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
    residual: NDArray[np.float64] = across + along - 4 * padded[..., 1:-1, 1:-1] - source
    return residual
