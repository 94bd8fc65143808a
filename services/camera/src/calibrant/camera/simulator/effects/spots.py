"""Bright spots that a projector throws on the detectors in exposures of type SPOT. Must not know what is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Light, Parameters, Plane, Shot, Site
from calibrant.frames.instrument import Section

_REACH: Final = 6
"""Standard deviations from its centre beyond which a spot has no light."""


class Spots(Parameters):
    """Round Gaussian spots, in other places in each exposure; each amplifier has as many."""

    name: ClassVar[str] = "spots"
    per_amplifier: int = Field(default=20, ge=1, le=10_000, description="Spots on each amplifier.")
    peak_e_per_s: float = Field(
        default=10_000.0, gt=0, description="Unit: electron/s. Mean light of a spot's centre; each has 0.5 to 1.5 of it."
    )  # fmt: skip
    sigma_px: float = Field(
        default=2.0, ge=0.5, le=50, description="Unit: pixels. Standard deviation of a spot."
    )
    background_e_per_s: float = Field(default=10.0, ge=0, description="Unit: electron/s. Light between them.")

    def on(self, site: Site) -> Effect:
        """Return the projector in front of a detector."""
        return _Projector(self, site.detector.shape, tuple(site.detector.placements().values()))


@dataclass(frozen=True, eq=False)
class _Projector(Effect):
    parameters: Spots
    shape: tuple[int, int]
    placements: tuple[Section, ...]

    def light(self, light: Light, shot: Shot) -> Facts:
        if not shot.exposure.projected:
            return {}
        rng, spots = shot.rng(self.parameters.name), []
        light.scene = np.full(self.shape, self.parameters.background_e_per_s, np.float32)
        for placed in self.placements:
            for _ in range(self.parameters.per_amplifier):
                row, column = rng.uniform((placed.y0, placed.x0), (placed.y1, placed.x1)) - 0.5
                peak = self.parameters.peak_e_per_s * rng.uniform(0.5, 1.5)
                _add(light.scene, row, column, peak, self.parameters.sigma_px)
                spots.append([float(row), float(column), float(peak)])
        return {"spots": spots}


def _add(scene: Plane, row: float, column: float, peak: float, sigma: float) -> None:
    """Add a spot; (row, column) of a pixel are those of its centre."""
    (rows, down), (columns, across) = (
        _profile(place, extent, sigma) for place, extent in zip((row, column), scene.shape, strict=True)
    )
    scene[rows, columns] += np.float32(peak) * np.outer(down, across)


def _profile(place: float, extent: int, sigma: float) -> tuple[slice, Plane]:
    """Return the pixels of an axis that a spot falls on, and how bright it is there."""
    reach = round(_REACH * sigma)
    pixels = slice(max(round(place) - reach, 0), min(round(place) + reach + 1, extent))
    away = (np.arange(pixels.start, pixels.stop) - place) / sigma
    return pixels, np.exp(-(away**2) / 2).astype(np.float32)
