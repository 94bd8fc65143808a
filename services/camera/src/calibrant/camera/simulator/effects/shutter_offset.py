"""A shutter that is open longer than it was told, here more and there less. Must not know what shines through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Light, Parameters, Shot, Site


class ShutterOffset(Parameters):
    """Light falls for ``t + offset_s + travel_s (y / (rows - 1) - 1/2)`` seconds on row y, never less than none."""

    name: ClassVar[str] = "shutter-offset"
    offset_s: float = Field(
        default=0.02, ge=-10, le=10, description="Unit: s. Open so much longer, on the average of the rows."
    )
    travel_s: float = Field(
        default=0.0, ge=-10, le=10, description="Unit: s. The last row's time less the first row's."
    )

    def on(self, site: Site) -> Effect:
        """Return the shutter in front of a detector."""
        rows = site.detector.shape[0]
        along = np.arange(rows)[:, None] / max(rows - 1, 1) - 0.5
        return _Shutter(self, self.offset_s + self.travel_s * along)


@dataclass(frozen=True, eq=False)
class _Shutter(Effect):
    parameters: ShutterOffset
    offsets_s: np.ndarray[tuple[int, ...], np.dtype[np.float64]]

    def light(self, light: Light, shot: Shot) -> Facts:  # noqa: ARG002
        light.seconds = np.maximum(light.seconds + self.offsets_s, 0.0)
        return {}
