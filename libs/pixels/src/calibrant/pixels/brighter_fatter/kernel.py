"""The kernel of Coulton et al. 2018: the potential whose slope moves the boundaries of pixels.

It owns the solution of Poisson's equation for it; it must not know frames.
"""

import enum
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.brighter_fatter.relaxation import Convergence, relax
from calibrant.pixels.brighter_fatter.shifts import BoundaryShifts, check_areas

Matrix = NDArray[np.float64]


class KernelReason(enum.StrEnum):
    """Why there is, or is not, a kernel."""

    SOLVED = "solved"
    NO_AREAS = "no level of the flats could be used"
    NOT_REPELLING = "a pixel does not become smaller by its own charge"
    NOT_CONVERGED = "the relaxation did not converge"


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel k: charge Q moves the boundary between two pixels by the difference of ``k * Q`` across it.

    Parameters
    ----------
    values
        (2 L - 1, 2 L - 1), in pixels squared per electron, the origin in the middle; NaN where `reason` says why.
    errors
        Standard errors, of the same shape; NaN where those of the areas are not known.
    convergence
        Of the relaxation; None where it was not begun.
    reason
        `KernelReason.SOLVED`, or why there is none.
    """

    values: Matrix
    errors: Matrix
    convergence: Convergence | None
    reason: KernelReason = KernelReason.SOLVED

    @property
    def shifts(self) -> BoundaryShifts:
        """The shifts of boundaries: the difference of the kernel across each, 0 beyond its ends.

        Raises
        ------
        ValueError
            When there is no kernel.
        """
        if self.reason is not KernelReason.SOLVED:
            raise ValueError(f"brighter-fatter: there is no kernel: {self.reason}")
        return BoundaryShifts(
            -np.diff(np.pad(self.values, ((0, 0), (1, 1))), axis=1),
            -np.diff(np.pad(self.values, ((1, 1), (0, 0))), axis=0),
        )


def solve_kernel(
    areas: Matrix,
    errors: Matrix | None = None,
    *,
    accuracy: float = 5e-14,
    iterations: int = 10_000,
) -> Kernel:
    """Solve for the kernel whose Laplacian is the loss of area of each pixel, and 0 beyond the ends.

    Parameters
    ----------
    areas
        (L, L), per electron: change of area of the pixel j rows and i columns away by charge at the origin, as
        :class:`calibrant.pixels.brighter_fatter.Correlations` has it, or the ``a`` of a covariance model.
    errors
        Their standard errors, or None.
    accuracy, iterations
        Of :func:`calibrant.pixels.brighter_fatter.relax`.

    Raises
    ------
    ValueError
        When shapes do not fit.
    """
    check_areas(areas, errors)
    lags = len(areas)
    nothing = np.full((2 * lags - 1, 2 * lags - 1), math.nan)
    if not np.isfinite(areas).all():
        return Kernel(nothing, nothing, None, KernelReason.NO_AREAS)
    if not areas[0, 0] < 0:
        return Kernel(nothing, nothing, None, KernelReason.NOT_REPELLING)
    values, convergence = relax(-_whole(areas), accuracy=accuracy, iterations=iterations)
    if not convergence.converged:
        return Kernel(nothing, nothing, convergence, KernelReason.NOT_CONVERGED)
    return Kernel(values, nothing if errors is None else _kernel_errors(errors, iterations), convergence)


def _whole(quarter: Matrix) -> Matrix:
    """Mirror (..., L, L) around its first row and column."""
    half = np.concatenate([quarter[..., :0:-1], quarter], axis=-1)
    return np.concatenate([half[..., :0:-1, :], half], axis=-2)


def _kernel_errors(errors: Matrix, iterations: int) -> Matrix:
    """Propagate the errors of the areas, each independent of the others: one relaxation for each of them."""
    lags = len(errors)
    each = (np.eye(lags * lags) * errors.ravel()).reshape(-1, lags, lags)
    responses, _ = relax(_whole(each), accuracy=1e-6, iterations=iterations)
    propagated: Matrix = np.sqrt((responses**2).sum(axis=0))
    return propagated
