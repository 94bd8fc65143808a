"""Amplifiers that hear one another: what one reads adds to what another reads at the same time.

Owns the matrix of a detector. Must not know other detectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Shot, Site, Truth
from calibrant.camera.simulator.effects.streams import Stream


class Crosstalk(Parameters):
    """Victim v reads ``c_va (s + nonlinear_per_adu s**2)`` more for each aggressor a whose signal is s, in ADU."""

    name: ClassVar[str] = "crosstalk"
    coefficient: float = Field(
        default=1e-4, gt=0, le=0.1, description="Mean size of c between neighbours in the list of amplifiers, "
        "ADU per ADU. Each has 0.5 to 1.5 of it, divided by the distance in the list."
    )  # fmt: skip
    negative_fraction: float = Field(default=0.25, ge=0, le=1, description="Part of them that is negative.")
    nonlinear_per_adu: float = Field(
        default=0.0, ge=-1e-5, le=1e-5, description="Unit: 1/adu. How c grows with the aggressor's signal."
    )

    def on(self, site: Site) -> Effect:
        """Return the amplifiers of a detector."""
        names = tuple(amplifier.name for amplifier in site.detector.amplifiers)
        rng = site.rng(self.name)
        shape = (len(names), len(names))
        sizes = self.coefficient * rng.uniform(0.5, 1.5, shape)
        signs = np.where(rng.uniform(size=shape) < self.negative_fraction, -1.0, 1.0)
        distance = np.abs(np.subtract.outer(np.arange(len(names)), np.arange(len(names))))
        matrix = np.divide(sizes * signs, distance, out=np.zeros(shape), where=distance > 0)
        return _Coupled(self, names, matrix)


@dataclass(frozen=True, eq=False)
class _Coupled(Effect):
    parameters: Crosstalk
    names: tuple[str, ...]
    matrix: NDArray[Any]

    def read(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:  # noqa: ARG002
        heard = {name: self._heard(streams[name].signal) for name in self.names}
        for victim, row in zip(self.names, self.matrix, strict=True):
            for aggressor, factor in zip(self.names, row, strict=True):
                if factor:
                    _hear(streams[victim].signal, heard[aggressor], factor)
        return {}

    def _heard(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a signal as the others hear it, before each one's factor; a copy."""
        if not self.parameters.nonlinear_per_adu:
            return signal.copy()
        return signal * (1 + np.float32(self.parameters.nonlinear_per_adu) * signal)

    def truth(self) -> Truth:
        return Truth(self.told(amplifiers=list(self.names), matrix_victim_aggressor=self.matrix.tolist()))


def _hear(victim: NDArray[np.float32], aggressor: NDArray[np.float32], factor: float) -> None:
    rows, columns = np.minimum(victim.shape, aggressor.shape)
    victim[:rows, :columns] += np.float32(factor) * aggressor[:rows, :columns]
