"""Cosmic rays: short straight tracks of charge. Pure; the hits drawn are part of the frame's truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LENGTH_PX = 6.0
"""Mean length of a track (exponential distribution)."""
_LONGEST_PX = 60.0
_CHARGE_E_PER_PX = 800.0
"""Mean charge along a track: about 80 electrons per micrometre of silicon, 10 micrometre pixels."""
_STEPS_PER_PX = 4


@dataclass(frozen=True, slots=True)
class CosmicRay:
    """One hit.

    Parameters
    ----------
    row, column
        Where the track begins, in the trimmed frame.
    length_px, angle_rad
        Its length and direction (from the row's direction towards higher rows).
    charge_e
        Charge along the whole track, in electrons; what leaves the detector is lost.
    """

    row: float
    column: float
    length_px: float
    angle_rad: float
    charge_e: float


def draw(mean_hits: float, shape: tuple[int, int], rng: np.random.Generator) -> tuple[CosmicRay, ...]:
    """Draw the hits of one frame, whose number follows Poisson's law."""
    hits = []
    for _ in range(int(rng.poisson(mean_hits))):
        length = min(1.0 + rng.exponential(_LENGTH_PX), _LONGEST_PX)
        hits.append(
            CosmicRay(
                row=float(rng.uniform(0, shape[0])),
                column=float(rng.uniform(0, shape[1])),
                length_px=float(length),
                angle_rad=float(rng.uniform(0, 2 * math.pi)),
                charge_e=float(length * rng.gamma(4.0, _CHARGE_E_PER_PX / 4.0)),
            )
        )
    return tuple(hits)


def add_charge(electrons: NDArray[np.float32], hits: tuple[CosmicRay, ...]) -> None:
    """Add the hits' charge to a frame of electrons (rows, columns), in place."""
    rows, columns = electrons.shape
    for hit in hits:
        steps = max(1, math.ceil(hit.length_px * _STEPS_PER_PX))
        along = (np.arange(steps) + 0.5) / steps * hit.length_px
        y = np.floor(hit.row + along * math.sin(hit.angle_rad)).astype(int)
        x = np.floor(hit.column + along * math.cos(hit.angle_rad)).astype(int)
        inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
        np.add.at(electrons, (y[inside], x[inside]), np.float32(hit.charge_e / steps))
