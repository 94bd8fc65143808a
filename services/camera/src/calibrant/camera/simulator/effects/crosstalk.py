"""Amplifiers that hear one another: what one reads adds to what another reads at the same time.

Owns the matrix of a detector, and that of the amplifiers of others that it hears. Must not know what those read.
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

Heard = dict[tuple[int, str], NDArray[np.float64]]
"""By detector and amplifier of an aggressor, the c of each victim."""


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
    between: float = Field(
        default=0.0, ge=0, le=0.1, description="Mean size of c of the amplifiers of the other detectors of its "
        "crosstalk group, ADU per ADU. Each has 0.5 to 1.5 of it."
    )  # fmt: skip

    @property
    def between_detectors(self) -> bool:
        """Whether other detectors are heard."""
        return self.between > 0

    def on(self, site: Site) -> Effect:
        """Return the amplifiers of a detector."""
        names = tuple(amplifier.name for amplifier in site.detector.amplifiers)
        rng = site.rng(self.name)
        shape = (len(names), len(names))
        sizes = self.coefficient * rng.uniform(0.5, 1.5, shape)
        signs = np.where(rng.uniform(size=shape) < self.negative_fraction, -1.0, 1.0)
        distance = np.abs(np.subtract.outer(np.arange(len(names)), np.arange(len(names))))
        matrix = np.divide(sizes * signs, distance, out=np.zeros(shape), where=distance > 0)
        return _Coupled(self, names, matrix, self._between(site))

    def _between(self, site: Site) -> Heard:
        """Return what each amplifier hears of those of the detectors beside."""
        rng, shape = site.rng(f"{self.name} between"), (len(site.detector.amplifiers),)
        found: Heard = {}
        for one in site.beside if self.between else ():
            for amplifier in one.amplifiers:
                signs = np.where(rng.uniform(size=shape) < self.negative_fraction, -1.0, 1.0)
                found[one.id, amplifier.name] = self.between * rng.uniform(0.5, 1.5, shape) * signs
        return found


@dataclass(frozen=True, eq=False)
class _Coupled(Effect):
    parameters: Crosstalk
    names: tuple[str, ...]
    matrix: NDArray[Any]
    between: Heard

    def read(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:
        heard = {name: self._heard(streams[name].signal) for name in self.names}
        for victim, row in zip(self.names, self.matrix, strict=True):
            for aggressor, factor in zip(self.names, row, strict=True):
                if factor:
                    _hear(streams[victim].signal, heard[aggressor], factor)
        beside = shot.beside() if self.between else {}
        for (detector, aggressor), factors in self.between.items():
            signal = self._heard(beside[detector][aggressor].signal)
            for victim, factor in zip(self.names, factors, strict=True):
                _hear(streams[victim].signal, signal, factor)
        return {}

    def _heard(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a signal as the others hear it, before each one's factor; a copy."""
        if not self.parameters.nonlinear_per_adu:
            return signal.copy()
        return signal * (1 + np.float32(self.parameters.nonlinear_per_adu) * signal)

    def truth(self) -> Truth:
        told = self.told(amplifiers=list(self.names), matrix_victim_aggressor=self.matrix.tolist())
        if self.between:
            told["between"] = [
                {"detector": detector, "aggressor": name, "c_by_victim": factors.tolist()}
                for (detector, name), factors in self.between.items()
            ]
        return Truth(told)


def _hear(victim: NDArray[np.float32], aggressor: NDArray[np.float32], factor: float) -> None:
    rows, columns = np.minimum(victim.shape, aggressor.shape)
    victim[:rows, :columns] += np.float32(factor) * aggressor[:rows, :columns]
