"""Charge that traps hold behind a line of pixels which is read out, one pixel after the other.

It owns one species of traps and how full they are; it must not know how many transfers a pixel makes, nor amplifiers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Charge = NDArray[np.float64]

EMPTY: Final = 1e-6
"""Occupancy below which how long ago traps were filled does not matter any more."""

TOGETHER: Final = 1024
"""Lines that are taken at once: what is remembered of them stays in the processor's cache."""


@dataclass(frozen=True)
class Traps:
    """One species of traps: captures at once, releases exponentially.

    A cloud of charge n fills all traps within the share ``((n - notch) / (full_well - notch))**power`` of the
    pixel's volume, between 0 and 1.

    Parameters
    ----------
    density
        Traps per pixel, not negative.
    release
        Time in which 1 - 1/e of the full traps release, in times of one transfer, positive.
    full_well, notch
        Charge that fills the whole volume, and charge that meets no trap, in the unit of the image.
    power
        Of the filling.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    density: float
    release: float
    full_well: float
    notch: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        for name in ("release", "power"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"traps: {name} is {getattr(self, name)}, must be positive")
        if not (math.isfinite(self.density) and self.density >= 0):
            raise ValueError(f"traps: density is {self.density}, must not be negative")
        if not 0 <= self.notch < self.full_well < math.inf:
            raise ValueError(
                f"traps: notch {self.notch} and full_well {self.full_well}; give 0 <= notch < full_well"
            )

    @property
    def kept(self) -> float:
        """Share of full traps that are full one transfer later."""
        return math.exp(-1 / self.release)

    @property
    def ages(self) -> int:
        """Transfers after which filled traps count as empty."""
        return math.ceil(-self.release * math.log(EMPTY))

    def volume(self, charge: Charge) -> Charge:
        """Give the share of a pixel's traps that a cloud reaches."""
        share: Charge = np.clip((charge - self.notch) / (self.full_well - self.notch), 0, 1)
        return share if self.power == 1 else share**self.power


class _State:
    """What one species holds behind each line.

    Traps at a height in the volume were filled when last a cloud reached it, so those of age a lie between the highest
    reach of the last a and of the last a + 1 clouds: what is held is ``density (1 - kept) sum(kept**a highest(a))``.
    """

    def __init__(self, traps: Traps, pixels: int, lines: int) -> None:
        self.traps, self.read = traps, 0
        ages = min(traps.ages, pixels)  # nothing is older than the line
        self.highest = np.zeros((ages, lines))
        weights = traps.density * (1 - traps.kept) * traps.kept ** np.arange(ages)
        weights[-1] /= 1 - traps.kept
        self.weights = np.tile(weights[::-1], 2)
        self.held = np.zeros(lines)

    @property
    def released(self) -> Charge:
        """What comes free in the next pixel."""
        return (1 - self.traps.kept) * self.held

    def pass_by(self, cloud: Charge) -> Charge:
        """Let a pixel's charge, with what came free, fill traps; give what is held then."""
        reached, slot = self.traps.volume(cloud), self.read % len(self.highest)
        np.maximum(self.highest, reached, out=self.highest)
        self.highest[slot] = reached
        first = len(self.highest) - 1 - slot
        weights = self.weights[first : first + len(self.highest)]
        self.held = np.einsum(
            "a,al->l", weights, self.highest
        )  # unlike BLAS the same for a line among any others
        self.read += 1
        return self.held


def held_behind(charge: NDArray[Any], species: Sequence[Traps]) -> Charge:
    """Give what the traps of one place hold after each pixel has passed it, the first ones empty.

    Parameters
    ----------
    charge
        (pixels, lines), finite, in the order of readout along the first axis.
    species
        They share each pixel's cloud.

    Returns
    -------
    ndarray
        float64, (pixels, lines): sum over the species, in the unit of the image.

    Notes
    -----
    Each pixel costs as many operations as there are transfers within which traps empty, 14 release times, or pixels in
    the line where these are fewer.

    The watermarks of Massey et al. 2010 (MNRAS 401, 371) and 2014 (MNRAS 439, 887), ArCTIc, written as a running
    maximum: release first, then capture from what the pixel has and what came free.
    """
    held = np.zeros(charge.shape)
    for first in range(0, charge.shape[1], TOGETHER):
        part = slice(first, first + TOGETHER)
        states = [_State(traps, len(charge), held[:, part].shape[1]) for traps in species]
        for pixel, cloud in enumerate(charge[:, part]):
            full = cloud + sum(state.released for state in states)
            held[pixel, part] = sum(state.pass_by(full) for state in states)
    return held
