"""Amplifiers whose signal is not proportional to the charge. Owns the curve; must not know levels or noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Plane, Shot, Site, Truth
from calibrant.camera.simulator.effects.streams import Stream

_STEPS = 4
"""Newton's steps from the signal itself: beyond float32 within the bounds below."""


class NonLinearity(Parameters):
    """What is read, m, belongs to the signal ``m + c2 m**2 + c3 m**3``, in ADU: c2 and c3 are what corrects it."""

    name: ClassVar[str] = "non-linearity"
    c2_per_adu: float = Field(default=5e-7, ge=-1.5e-6, le=1.5e-6, description="Unit: 1/adu. Of the square.")
    c3_per_adu2: float = Field(default=0.0, ge=-5e-12, le=5e-12, description="Unit: 1/adu^2. Of the cube.")
    spread: float = Field(
        default=0.2, ge=0, le=0.5, description="Amplifiers have factors of 1 - spread to 1 + spread, evenly."
    )

    def on(self, site: Site) -> Effect:
        """Return the amplifiers of a detector."""
        rng = site.rng(self.name)
        factors = rng.uniform(1 - self.spread, 1 + self.spread, len(site.detector.amplifiers))
        curves = {
            amplifier.name: (self.c2_per_adu * float(factor), self.c3_per_adu2 * float(factor))
            for amplifier, factor in zip(site.detector.amplifiers, factors, strict=True)
        }
        return _Amplifiers(self, curves)


@dataclass(frozen=True, eq=False)
class _Amplifiers(Effect):
    parameters: NonLinearity
    curves: Mapping[str, tuple[float, float]]

    def read(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:  # noqa: ARG002
        for name, stream in streams.items():
            _bend(stream.signal, *self.curves[name])
        return {}

    def truth(self) -> Truth:
        curves = {name: {"c2_per_adu": c2, "c3_per_adu2": c3} for name, (c2, c3) in self.curves.items()}
        return Truth(self.told(amplifiers=curves))


def _bend(signal: Plane, c2: float, c3: float) -> None:
    """Replace a signal by what is read for it: the root of the cubic nearest to it."""
    for part in np.array_split(signal, max(1, signal.size // 2**18)):  # stays in the cache
        read = part.astype(np.float64)
        for _ in range(_STEPS):
            excess = read * (1 + read * (c2 + read * c3)) - part
            read -= excess / (1 + read * (2 * c2 + read * 3 * c3))
        part[...] = read
