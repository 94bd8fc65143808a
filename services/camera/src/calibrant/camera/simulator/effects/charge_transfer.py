"""Charge that is left behind on its way to the amplifier: by each transfer, and by a trap at the register's end.

Owns how it trails. Must not know amplifiers' gains or levels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Plane, Shot, Site
from calibrant.camera.simulator.effects.streams import Stream

_LEFT_OUT = 1e-9
"""Trails end where less than this part of the charge would come later; the rest goes with the last pixel."""
_LONGEST = 64


class ChargeTransfer(Parameters):
    """Each transfer leaves a part of the charge behind, which joins the next pixel; a trap takes some and releases it.

    The pixel in column x of an amplifier's stream (prescan included) and row y is transferred x + 1 and y + 1 times.
    """

    name: ClassVar[str] = "charge-transfer"
    serial_cti: float = Field(
        default=5e-6, ge=0, le=1e-2, description="Part of the charge left behind by a serial transfer."
    )
    parallel_cti: float = Field(
        default=3e-6, ge=0, le=1e-2, description="Part of the charge left behind by a parallel transfer."
    )
    trap_e: float = Field(
        default=0.0,
        ge=0,
        description="Unit: electron. What the trap of each amplifier's register can hold; 0: none.",
    )
    trap_fill: float = Field(
        default=0.1, gt=0, le=1, description="A charge Q fills the trap up to trap_fill Q, at most trap_e."
    )
    trap_decay_px: float = Field(
        default=1.5,
        gt=0,
        le=1000,
        description="Unit: pixel. Transfers in which the trap's charge falls to 1/e.",
    )

    def on(self, site: Site) -> Effect:  # noqa: ARG002
        """Return the registers, the same for every amplifier."""
        return _Registers(self)


@dataclass(frozen=True, eq=False)
class _Registers(Effect):
    parameters: ChargeTransfer

    def transfer(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:  # noqa: ARG002
        for stream in streams.values():
            _trail(stream.signal, self.parameters.parallel_cti)
            sideways = np.ascontiguousarray(stream.signal.T)
            _trail(sideways, self.parameters.serial_cti)
            if self.parameters.trap_e > 0:
                self._trap(sideways)
            stream.signal[...] = sideways.T
        return {}

    def _trap(self, columns: Plane) -> None:
        """Let the pixels of each row, one after the other, pass the trap."""
        fill, most = np.float32(self.parameters.trap_fill), np.float32(self.parameters.trap_e)
        freed = np.float32(-math.expm1(-1 / self.parameters.trap_decay_px))
        held = np.zeros(columns.shape[1], np.float32)
        for charge in columns:
            released = held * freed
            held -= released
            np.add(charge, released, out=charge)
            captured = np.maximum(np.minimum(fill * charge, most) - held, 0)
            held += captured
            np.subtract(charge, captured, out=charge)


def _trail(lines: Plane, cti: float) -> None:
    """Transfer lines of pixels, the first one first, in place; what comes after the last one is lost.

    After n transfers the part ``C(n + j - 1, j) cti**j (1 - cti)**n`` comes j pixels late.
    """
    if cti == 0:
        return
    arrived = np.zeros_like(lines)
    for late, part in enumerate(_late_parts(len(lines), cti)):
        arrived[late:] += lines[: len(lines) - late] * part[: len(lines) - late, None]
    lines[...] = arrived


def _late_parts(lines: int, cti: float) -> list[NDArray[np.float32]]:
    """Return which part of each line comes 0, 1, 2, … pixels late; together they are 1."""
    transfers = np.arange(1, lines + 1, dtype=np.float64)
    part = np.exp(transfers * math.log1p(-cti))
    left, parts = 1 - part, [part]
    while left[-1] > _LEFT_OUT and len(parts) < min(_LONGEST, lines):
        late = len(parts)
        part = part * cti * (transfers + late - 1) / late
        left = left - part
        parts.append(part)
    parts[-1] = parts[-1] + left
    return [part.astype(np.float32) for part in parts]
