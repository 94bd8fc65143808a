"""Pixels and columns that are hot, dead or take their neighbours' light. The same in all exposures.

Owns where they are and how bad. Must not know exposures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import (
    Effect,
    Facts,
    Light,
    Parameters,
    Plane,
    Shot,
    Site,
    Truth,
)

_TAKEN = 0.2
"""What a vampire takes of the response of each of its eight neighbours."""


class Defects(Parameters):
    """How many there are on each detector; places and rates come from the seed."""

    name: ClassVar[str] = "defects"
    hot_pixels: int = Field(default=20, ge=0, description="Number of hot pixels.")
    dead_pixels: int = Field(default=20, ge=0, description="Number of pixels that hardly answer to light.")
    hot_columns: int = Field(
        default=1, ge=0, description="Number of hot columns: from a row to the end far from readout."
    )
    dead_columns: int = Field(default=1, ge=0, description="Number of dead columns, of the same shape.")
    vampires: int = Field(
        default=2, ge=0, description="Number of pixels that take 0.2 of each neighbour's light."
    )
    hot_e_per_s: float = Field(
        default=50.0,
        gt=0,
        description="Unit: electron/s. Dark current of hot pixels and columns beside the rest.",
    )
    dead_response: float = Field(default=0.1, ge=0, lt=1, description="Response of dead pixels and columns.")

    def on(self, site: Site) -> Effect:
        """Return the detector with its defects."""
        drawn = _Drawn(
            site, np.ones(site.detector.shape, np.float32), np.zeros(site.detector.shape, np.float32)
        )
        rng = site.rng(self.name)
        facts = {
            "hot_columns": [drawn.column(drawn.dark, self.hot_e_per_s, rng) for _ in range(self.hot_columns)],
            "dead_columns": [
                drawn.column(drawn.response, self.dead_response, rng) for _ in range(self.dead_columns)
            ],
            "vampires": drawn.vampires(self.vampires, rng),
            "hot_pixels": drawn.pixels(drawn.dark, self.hot_e_per_s, self.hot_pixels, rng),
            "dead_pixels": drawn.pixels(drawn.response, self.dead_response, self.dead_pixels, rng),
        }
        return _Defective(self, drawn.response, drawn.dark, facts)


@dataclass(frozen=True, eq=False, slots=True)
class _Drawn:
    site: Site
    response: Plane
    dark: Plane

    def pixels(self, plane: Plane, value: float, number: int, rng: np.random.Generator) -> list[list[int]]:
        """Set single pixels to a value; return them as [row, column]."""
        flat = rng.choice(plane.size, min(number, plane.size), replace=False)
        plane.flat[flat] = value
        return [[int(i) for i in divmod(int(index), plane.shape[1])] for index in np.sort(flat)]

    def column(self, plane: Plane, value: float, rng: np.random.Generator) -> Facts:
        """Set a column of an amplifier to a value, from some row to the end far from readout."""
        amplifiers = self.site.detector.amplifiers
        amplifier = amplifiers[int(rng.integers(len(amplifiers)))]
        placed = self.site.detector.placements()[amplifier.name]
        column, begun = (
            int(rng.integers(placed.x0, placed.x1)),
            int(rng.integers(0, (placed.shape[0] + 1) // 2)),
        )
        rows = (placed.y0, placed.y1 - begun) if amplifier.flip_y else (placed.y0 + begun, placed.y1)
        plane[slice(*rows), column] = value
        return {"column": column, "row_begin": rows[0], "row_end": rows[1]}

    def vampires(self, number: int, rng: np.random.Generator) -> list[list[int]]:
        """Give pixels the light of their neighbours; return them as [row, column]."""
        rows, columns = self.response.shape
        found = []
        for _ in range(number if min(rows, columns) > 2 else 0):
            row, column = int(rng.integers(1, rows - 1)), int(rng.integers(1, columns - 1))
            around = self.response[row - 1 : row + 2, column - 1 : column + 2]
            taken: Any = _TAKEN * around
            taken[1, 1] = 0
            around -= taken
            around[1, 1] += taken.sum()
            found.append([row, column])
        return found


@dataclass(frozen=True, eq=False)
class _Defective(Effect):
    parameters: Defects
    response: Plane
    dark_e_per_s: Plane
    places: Facts

    def light(self, light: Light, shot: Shot) -> Facts:  # noqa: ARG002
        light.response = light.response * self.response
        return {}

    def dark(self, expected_e: Plane, shot: Shot) -> Facts:
        expected_e += self.dark_e_per_s * np.float32(shot.exposure.dark_time_s)
        return {}

    def truth(self) -> Truth:
        planes = {
            "DEFECT_RESPONSE": (self.response, ""),
            "DEFECT_DARK": (self.dark_e_per_s, "electron/s"),
        }
        return Truth(self.told(**self.places), planes)
