"""A reference voltage that swings when the signal changes from pixel to pixel. Owns how far and for how long.

It moves no charge. Must not know the detector's pixels.
"""

from __future__ import annotations

import cmath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Plane, Shot, Site
from calibrant.camera.simulator.effects.streams import Stream


class PixelBounce(Parameters):
    """Every step of the signal along a row sets off a damped oscillation; it is over when the next row begins.

    A step of -S, as at the end of the image, adds ``scale S cos(wave k) exp(-k / length_px)`` to the k-th pixel from there.
    """

    name: ClassVar[str] = "pixel-bounce"
    scale: float = Field(default=1e-3, ge=-0.1, le=0.1, description="Part of a step that comes back.")
    length_px: float = Field(
        default=3.0, gt=0, le=100, description="Unit: pixel. Pixels in which the oscillation falls to 1/e."
    )
    wave: float = Field(
        default=1.2, gt=0, lt=3.1416, description="Unit: radian. Its phase from pixel to pixel."
    )

    def on(self, site: Site) -> Effect:  # noqa: ARG002
        """Return the electronics, the same for every amplifier."""
        return _Swinging(self)


@dataclass(frozen=True, eq=False)
class _Swinging(Effect):
    parameters: PixelBounce

    def read(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:  # noqa: ARG002
        for stream in streams.values():
            self._swing(np.ascontiguousarray(stream.signal.T), stream.signal.T)
        return {}

    def _swing(self, steps: Plane, signal: Plane) -> None:
        """Add the oscillation to signals, (columns, rows), in place; both are the same at first."""
        steps[1:] -= steps[:-1].copy()
        turn = np.complex64(cmath.exp(complex(-1 / self.parameters.length_px, self.parameters.wave)))
        swing = np.zeros(steps.shape[1], np.complex64)
        for step, column in zip(steps, signal, strict=True):
            swing = turn * (swing + step)
            np.subtract(column, np.float32(self.parameters.scale) * swing.real, out=column)
