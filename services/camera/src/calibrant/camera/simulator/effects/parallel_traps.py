"""Traps in the pixels of a detector, which charge meets on its way along the columns. Owns how they fill and release.

Must not know amplifiers' gains or levels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Plane, Shot, Site
from calibrant.camera.simulator.effects.streams import Stream


class ParallelTraps(Parameters):
    """Every pixel holds traps: a charge fills those that it reaches, and they release to the rows that follow.

    The row y of an amplifier passes y + 1 pixels, at most as many as the image has rows; its own are empty before it.
    """

    name: ClassVar[str] = "parallel-traps"
    density_e: float = Field(
        default=0.05, gt=0, le=1000, description="Unit: electron. What the traps of a pixel hold."
    )
    release_rows: float = Field(
        default=3.0, gt=0, le=1000, description="Unit: row. Transfers in which what they hold falls to 1/e."
    )
    full_well_e: float = Field(
        default=200_000.0, gt=0, description="Unit: electron. Charge that reaches all traps of a pixel."
    )
    power: float = Field(
        default=0.5, gt=0, le=1, description="A charge Q reaches the part (Q / full_well_e)^power of them."
    )

    def on(self, site: Site) -> Effect:  # noqa: ARG002
        """Return the columns, the same for every amplifier."""
        return _Columns(self)


@dataclass(frozen=True, eq=False)
class _Columns(Effect):
    parameters: ParallelTraps

    def transfer(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:  # noqa: ARG002
        for stream in streams.values():
            self._pass(stream.signal, len(stream.image))
        return {}

    def _pass(self, rows: Plane, most: int) -> None:
        """Let rows pass the pixels before them, the first one first; in place.

        One pixel's traps stand for those of all pixels that a row passes: what they take of a charge is small beside it.
        """
        kept = np.float32(math.exp(-1 / self.parameters.release_rows))
        held = np.zeros(rows.shape[1], np.float32)
        passed = 0
        for number, charge in enumerate(rows, start=1):
            transfers = min(number, most)
            holding = np.maximum(self._reached(charge + (1 - kept) * held), kept * held)
            np.add(charge, passed * held - transfers * holding, out=charge)
            held, passed = holding, transfers

    def _reached(self, charge: Plane) -> Plane:
        share = np.clip(charge / np.float32(self.parameters.full_well_e), 0, 1)
        reached: Plane = np.float32(self.parameters.density_e) * share ** np.float32(self.parameters.power)
        return reached
