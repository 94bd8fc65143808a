"""Charge of earlier exposures that comes out late. Owns what is trapped and when it is released."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Plane, Shot, Site

_MEMORY = 10.0
"""After so many decay times nothing is felt any more: 0.005 % is left."""


class Persistence(Parameters):
    """Of a charge Q of light, ``fraction max(Q - threshold_e, 0)`` is trapped, and decays with ``exp(-t / decay_s)``."""

    name: ClassVar[str] = "persistence"
    fraction: float = Field(
        default=0.001, gt=0, le=0.1, description="Part of the charge above the threshold."
    )
    threshold_e: float = Field(default=0.0, ge=0, description="Unit: electron. Less charge leaves nothing.")
    decay_s: float = Field(default=60.0, gt=0, description="Unit: s. Time in which it falls to 1/e.")

    @property
    def memory_s(self) -> float:
        """How long an exposure is felt by those after it, in seconds."""
        return _MEMORY * self.decay_s

    def on(self, site: Site) -> Effect:  # noqa: ARG002
        """Return the traps, the same on every detector."""
        return _Traps(self)


@dataclass(frozen=True, eq=False)
class _Traps(Effect):
    parameters: Persistence

    def dark(self, expected_e: Plane, shot: Shot) -> Facts:
        released = []
        for earlier in shot.exposure.earlier:
            part = self._released(earlier.gap_s, shot.exposure.dark_time_s)
            above = shot.collected(earlier.exposure)
            above -= np.float32(self.parameters.threshold_e)
            latent = np.maximum(above, 0, out=above)
            latent *= np.float32(self.parameters.fraction * part)
            expected_e += latent
            released.append({"exposure_id": earlier.exposure.exposure_id, "mean_e": float(latent.mean())})
        return {"released": released}

    def _released(self, gap_s: float, seconds: float) -> float:
        """Return which part of the trapped charge comes out within `seconds`, `gap_s` after it was trapped."""
        decay_s = self.parameters.decay_s
        return -math.exp(-max(gap_s, 0.0) / decay_s) * math.expm1(-seconds / decay_s)
