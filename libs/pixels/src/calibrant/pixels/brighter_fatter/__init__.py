"""The brighter-fatter effect: measured in flats, as a kernel or as shifts of boundaries, and removed.

It owns what charge does to the boundaries of pixels; it must not know files, cameras by name, or how frames were taken.
"""

from calibrant.pixels.brighter_fatter.boundaries import ShiftReason, SolvedShifts, solve_shifts
from calibrant.pixels.brighter_fatter.correlations import (
    Correlations,
    CorrelationSettings,
    LevelReason,
    correlations,
    mean_areas,
)
from calibrant.pixels.brighter_fatter.kernel import Kernel, KernelReason, solve_kernel
from calibrant.pixels.brighter_fatter.moving import move_back, move_charge
from calibrant.pixels.brighter_fatter.relaxation import Convergence, relax
from calibrant.pixels.brighter_fatter.remainder import Remainder, remainder
from calibrant.pixels.brighter_fatter.removing import BrighterFatter
from calibrant.pixels.brighter_fatter.shifts import BoundaryShifts, from_quarters
from calibrant.pixels.brighter_fatter.smooth_law import SmoothLaw

__all__ = [
    "BoundaryShifts",
    "BrighterFatter",
    "Convergence",
    "CorrelationSettings",
    "Correlations",
    "Kernel",
    "KernelReason",
    "LevelReason",
    "Remainder",
    "ShiftReason",
    "SmoothLaw",
    "SolvedShifts",
    "correlations",
    "from_quarters",
    "mean_areas",
    "move_back",
    "move_charge",
    "relax",
    "remainder",
    "solve_kernel",
    "solve_shifts",
]
