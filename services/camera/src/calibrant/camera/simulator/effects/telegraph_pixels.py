"""Pixels whose dark current has two states, and which take one or the other in each exposure.

Owns where they are and their states. Must not know other dark current.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Plane, Shot, Site, Truth


class TelegraphPixels(Parameters):
    """Telegraph pixels: in each exposure high with a probability, each for itself."""

    name: ClassVar[str] = "telegraph-pixels"
    pixels: int = Field(default=50, gt=0, description="Number of them on each detector.")
    step_e_per_s: float = Field(
        default=20.0, gt=0, description="Unit: electron/s. The high state's dark current less the low one's."
    )
    high_fraction: float = Field(default=0.5, gt=0, lt=1, description="Probability of the high state.")

    def on(self, site: Site) -> Effect:
        """Return the detector's telegraph pixels."""
        size = site.detector.shape[0] * site.detector.shape[1]
        chosen = site.rng(self.name).choice(size, min(self.pixels, size), replace=False)
        return _Telegraph(self, np.sort(chosen), site.detector.shape[1])


@dataclass(frozen=True, eq=False)
class _Telegraph(Effect):
    parameters: TelegraphPixels
    pixels: NDArray[Any]
    columns: int

    def dark(self, expected_e: Plane, shot: Shot) -> Facts:
        draws = shot.rng(self.parameters.name).uniform(size=len(self.pixels))
        high = self.pixels[draws < self.parameters.high_fraction]
        expected_e.flat[high] += np.float32(self.parameters.step_e_per_s * shot.exposure.dark_time_s)
        return {"high": self._places(high)}

    def truth(self) -> Truth:
        return Truth(self.told(places=self._places(self.pixels)))

    def _places(self, pixels: NDArray[Any]) -> list[list[int]]:
        return [list(divmod(int(index), self.columns)) for index in pixels]
