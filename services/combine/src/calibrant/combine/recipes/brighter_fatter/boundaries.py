"""From changes of areas to shifts of boundaries, by a kernel or by a smooth law: for the detector, or for each amplifier.

Must not know pairs, gains, tables of the product, or files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.brighter_fatter import (
    Convergence,
    Correlations,
    Kernel,
    KernelReason,
    ShiftReason,
    SmoothLaw,
    SolvedShifts,
    mean_areas,
    solve_kernel,
    solve_shifts,
)

Matrix = NDArray[np.float64]

DETECTOR: Final = "detector"
"""Whose shifts an amplifier has that has none of its own."""


@dataclass(frozen=True, slots=True)
class Solving:
    """How boundaries follow from areas.

    Parameters
    ----------
    method : {'kernel', 'shifts'}
        By a kernel (Coulton 2018), or by a smooth law (Guyonnet 2015).
    accuracy : float
        Of the kernel's relaxation.
    iterations : int
        Of it, at most.
    """

    method: Literal["kernel", "shifts"]
    accuracy: float
    iterations: int


@dataclass(frozen=True, eq=False, slots=True)
class Boundaries:
    """Shifts of boundaries by charge at the origin, in pixels per electron.

    Parameters
    ----------
    columns, rows : ndarray
        (L, L): of the boundary beyond column i in row j, and beyond row j in column i.
    kernel : Kernel or None
        Whose slope they are.
    solved : SolvedShifts or None
        What the smooth law gave.
    """

    columns: Matrix
    rows: Matrix
    kernel: Kernel | None = None
    solved: SolvedShifts | None = None

    @property
    def convergence(self) -> Convergence | None:
        """How the relaxation ended; None: there was none."""
        return None if self.kernel is None else self.kernel.convergence

    @property
    def law(self) -> SmoothLaw | None:
        """The smooth law; None: there is none."""
        return None if self.solved is None else self.solved.law


def solved(areas: Matrix, errors: Matrix, how: Solving) -> Boundaries | str:
    """Return the shifts that changes of areas, (L, L) with their errors, stand for; or why there are none."""
    if how.method == "shifts":
        found = solve_shifts(areas, errors)
        if found.reason is not ShiftReason.SOLVED:
            return str(found.reason)
        return Boundaries(found.columns, found.rows, solved=found)
    kernel = solve_kernel(areas, errors, accuracy=how.accuracy, iterations=how.iterations)
    if kernel.reason is not KernelReason.SOLVED:
        return str(kernel.reason)
    middle, beyond = slice(len(areas) - 1, None), slice(len(areas), None)
    shifts = kernel.shifts
    return Boundaries(shifts.columns[middle, beyond], shifts.rows[beyond, middle], kernel=kernel)


def of_detector(found: Mapping[str, Correlations], how: Solving) -> Boundaries | str:
    """Return the shifts that all amplifiers with areas share, at least one; or why there are none."""
    return solved(*mean_areas(found.values()), how)


def of_amplifiers(found: Mapping[str, Correlations], how: Solving) -> dict[str, Boundaries | str]:
    """Return the shifts of each amplifier with areas, or why there are none."""
    return {name: solved(one.areas, one.errors, how) for name, one in found.items()}
