"""A lamp that grows brighter or fainter over the night, and is never quite the same. Must not know detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Light, Parameters, Shot, Site


class LampDrift(Parameters):
    """The light is multiplied by ``1 + per_exposure (n - 1) + jitter z``: n-th exposure of the night, z normal."""

    name: ClassVar[str] = "lamp-drift"
    per_exposure: float = Field(
        default=0.001, ge=-0.1, le=0.1, description="Relative change from exposure to exposure."
    )
    jitter: float = Field(
        default=0.002, ge=0, le=0.5, description="Standard deviation of what is left, relative; same for all "
        "detectors."
    )  # fmt: skip

    def on(self, site: Site) -> Effect:  # noqa: ARG002
        """Return the drifting lamp, which shines on every detector alike."""
        return _Lamp(self)


@dataclass(frozen=True, eq=False)
class _Lamp(Effect):
    parameters: LampDrift

    def light(self, light: Light, shot: Shot) -> Facts:
        if not light.e_per_s:
            return {}
        parameters = self.parameters
        factor = 1 + parameters.per_exposure * (shot.exposure.number - 1)
        factor += parameters.jitter * float(shot.lamp_rng(parameters.name).standard_normal())
        factor = max(factor, 0.0)
        light.e_per_s *= factor
        return {"factor": factor}
