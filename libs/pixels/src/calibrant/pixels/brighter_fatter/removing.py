"""The brighter-fatter effect taken out of a frame: the barrier between the defects and the cosmic rays.

It owns units, masked pixels, variance and marks; it must not know how charge moves, or how shifts were measured.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.brighter_fatter.filling import filled
from calibrant.pixels.brighter_fatter.moving import ORDER, Pieces, move_back
from calibrant.pixels.brighter_fatter.relaxation import Convergence
from calibrant.pixels.brighter_fatter.shifts import BoundaryShifts
from calibrant.pixels.geometry import Geometry
from calibrant.pixels.growing import grown
from calibrant.pixels.image import Unit
from calibrant.pixels.mask import Mask
from calibrant.pixels.signature import Band

_WITHOUT_VALUE = np.uint32(Mask.BAD | Mask.NO_DATA)
_GUESSED = np.uint32(Mask.BAD | Mask.NO_DATA | Mask.SATURATED)


@dataclass(frozen=True, eq=False)
class BrighterFatter:
    """Gives pixels back the charge that their neighbours took: a barrier at `Step.BRIGHTER_FATTER`.

    What is recorded, bar what moved, is solved for by :func:`calibrant.pixels.brighter_fatter.move_back`. Pixels that
    are BAD or NO_DATA count as the mean of their neighbours, and keep the value that they had; saturated pixels and
    cosmic rays count as recorded. Pixels within `around` of one that is BAD, NO_DATA or SATURATED are marked SUSPECT, and
    those that have not converged. The photons' part of the variance follows the charge: it grows by what a pixel gets
    back, and is not made smaller than the rest.

    The whole frame is needed: every round looks as far as the shifts are known, and when to stop is asked of all pixels
    together, so that nothing depends on how a frame is cut into bands.

    Parameters
    ----------
    shifts
        Of boundaries, per electron; or by amplifier: those of the one in whose image a boundary's smaller column or row is.
    iterations
        Rounds at most.
    threshold_e
        Change of a pixel in a round that ends it, in electrons.
    order
        Terms of the series that says how charge moves boundaries while it is collected; 1 is the correction of
        Guyonnet 2015 and Coulton 2018, which overcorrects bright flats.
    around
        Pixels; 0 marks those without a neighbour's help themselves.
    unit
        Of the signature. Frames in ADU are taken to electrons and back with the gain of each amplifier.
    report
        Called with the convergence of each frame; None: nobody is told, and the marks say where it failed.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    shifts: BoundaryShifts | Mapping[str, BoundaryShifts]
    iterations: int = 10
    threshold_e: float = 0.01
    order: int = ORDER
    around: int = 1
    unit: Unit = "electron"
    report: Callable[[Convergence], None] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold_e) and self.threshold_e > 0):
            raise ValueError(f"brighter-fatter: threshold_e is {self.threshold_e}, must be positive")
        for name, least in (("iterations", 1), ("order", 1), ("around", 0)):
            if not getattr(self, name) >= least:
                raise ValueError(
                    f"brighter-fatter: {name} is {getattr(self, name)}, must be at least {least}"
                )
        if self.unit not in {"electron", "adu"}:
            raise ValueError(f"brighter-fatter: unit is {self.unit!r}, must be 'electron' or 'adu'")
        if isinstance(self.shifts, Mapping) and len({one.lags for one in self.shifts.values()}) != 1:
            raise ValueError(
                "brighter-fatter: give shifts for one amplifier at least, and equally many for each"
            )

    @property
    def reach(self) -> None:
        """The whole frame."""
        return

    def apply(self, band: Band, geometry: Geometry) -> None:
        """Change a frame in place."""
        gain = self._gain(geometry)
        known = ((band.mask & _WITHOUT_VALUE) == 0) & np.isfinite(band.data)
        recorded = filled(np.where(known, band.data, 0).astype(np.float64) * gain, known)
        charge, convergence, unsettled = move_back(
            recorded,
            self._pieces(geometry),
            iterations=self.iterations,
            threshold_e=self.threshold_e,
            order=self.order,
        )
        if band.variance is not None:
            photons = (np.maximum(charge, 0) - np.maximum(recorded, 0)) / gain**2
            band.variance += np.where(known, photons, 0).astype(band.variance.dtype)
        np.copyto(band.data, (charge / gain).astype(band.data.dtype), where=known)
        guessed = grown(~known | ((band.mask & _GUESSED) != 0), self.around)
        band.mask[guessed | unsettled] |= np.uint32(Mask.SUSPECT)
        if self.report is not None:
            self.report(convergence)

    def _pieces(self, geometry: Geometry) -> BoundaryShifts | Pieces:
        """Give the shifts, and where those of each amplifier count.

        Raises
        ------
        ValueError
            When an amplifier has none.
        """
        if isinstance(self.shifts, BoundaryShifts):
            return self.shifts
        missing = [one.name for one in geometry.amplifiers if one.name not in self.shifts]
        if missing:
            raise ValueError(f"brighter-fatter: there are no shifts for amplifier {missing[0]}")
        return [(one.placed.slices, self.shifts[one.name]) for one in geometry.amplifiers]

    def _gain(self, geometry: Geometry) -> NDArray[Any]:
        """Give electrons per unit of the frame, for every pixel."""
        gain = np.ones(geometry.shape if self.unit == "adu" else (1, 1))
        for amplifier in geometry.amplifiers if self.unit == "adu" else ():
            gain[amplifier.placed.slices] = amplifier.gain_e_per_adu
        return gain
