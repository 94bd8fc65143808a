"""Levels that jump while a frame is read, and come back some rows later. Owns when and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Shot, Site
from calibrant.camera.simulator.effects.streams import Stream


class BiasShifts(Parameters):
    """Each amplifier's level is `step_adu` higher or lower over `rows` rows, prescan and serial overscan included."""

    name: ClassVar[str] = "bias-shifts"
    step_adu: float = Field(
        default=3.0, gt=0, description="Unit: adu. Size of a jump; either sign is as likely."
    )
    rows: int = Field(default=50, gt=0, description="Rows until it comes back; or the frame ends first.")
    per_amplifier: float = Field(
        default=0.3, gt=0, le=100, description="Mean number in a frame of each amplifier (Poisson)."
    )

    def on(self, site: Site) -> Effect:  # noqa: ARG002
        """Return the shifting levels."""
        return _Shifting(self)


@dataclass(frozen=True, eq=False)
class _Shifting(Effect):
    parameters: BiasShifts

    def read(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:
        rng, parameters = shot.rng(self.parameters.name), self.parameters
        shifts: list[Facts] = []
        for name, stream in streams.items():
            for _ in range(int(rng.poisson(parameters.per_amplifier))):
                row = int(rng.integers(len(stream.signal)))
                end = min(row + parameters.rows, len(stream.signal))
                step = float(rng.choice([-1, 1])) * parameters.step_adu
                stream.signal[row:end] += np.float32(step)
                shifts.append({"amplifier": name, "row_begin": row, "row_end": end, "step_adu": step})
        return {"shifts": shifts}
