"""The brighter-fatter effect: charge in a pixel drives the charge that comes later to its neighbours.

Owns the kernel and how charge moves by it; charge is conserved. Must not know where the charge came from.

Sources: P. Antilogus et al., JINST 9 (2014) C03048 (borders shifted by charge); W. Coulton et al., AJ 155 (2018) 258
(shifts as the gradient of a potential, the charge convolved with one kernel); P. Astier et al., A&A 629 (2019) A36,
equation 20 (covariances of a flat, to third order).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from calibrant.camera.simulator.effects.effect import Effect, Facts, Parameters, Plane, Shot, Site, Truth

_BAND = 64
"""Rows that are worked on at once: they stay in the cache."""
_NEXT_ROW = (slice(None, -1), slice(None)), (slice(1, None), slice(None))
_NEXT_COLUMN = (slice(None), slice(None, -1)), (slice(None), slice(1, None))


class BrighterFatter(Parameters):
    """A kernel ``K_ij = A u_x**|i| u_y**|j|`` up to `reach_px` pixels; its discrete Laplacian is a_ij."""

    name: ClassVar[str] = "brighter-fatter"
    a00_per_e: float = Field(
        default=-2e-6,
        lt=0,
        ge=-1e-4,
        description="Unit: 1/electron. Relative change of a pixel's area by its charge.",
    )
    u_x: float = Field(default=0.15, ge=0, le=0.5, description="How the kernel falls from column to column.")
    u_y: float = Field(default=0.25, ge=0, le=0.5, description="How the kernel falls from row to row.")
    reach_px: int = Field(default=4, ge=1, le=16, description="Unit: pixel. Where the kernel ends.")

    def on(self, site: Site) -> Effect:  # noqa: ARG002
        """Return the effect, the same on every detector."""
        return _Repulsion(self)

    @property
    def scale_per_e(self) -> float:
        """The kernel's middle, A, in 1/electron."""
        return self.a00_per_e / (2 * self.u_x + 2 * self.u_y - 4)

    def kernel(self) -> NDArray[np.float64]:
        """Return K in 1/electron, (2 reach + 1, 2 reach + 1), its middle at lag (0, 0)."""
        away = np.abs(np.arange(-self.reach_px, self.reach_px + 1))
        return self.scale_per_e * np.multiply.outer(self.u_y**away, self.u_x**away)

    def area_change(self) -> NDArray[np.float64]:
        """Return a in 1/electron, (2 reach + 3, 2 reach + 3): the Laplacian of K; its sum is 0."""
        k = np.pad(self.kernel(), 2)
        inner = slice(1, -1)
        a: NDArray[np.float64] = (
            k[:-2, inner] + k[2:, inner] + k[inner, :-2] + k[inner, 2:] - 4 * k[inner, inner]
        )
        return a


@dataclass(frozen=True, eq=False)
class _Repulsion(Effect):
    parameters: BrighterFatter

    def charge(self, electrons: Plane, expected_e: Plane, shot: Shot) -> Facts:  # noqa: ARG002
        """Move charge, a band of rows after the other; what is moved depends on `halo` rows on either side."""
        halo, rows = 3 * (self.parameters.reach_px + 1), len(electrons)
        before = electrons.copy()
        for first in range(0, rows, _BAND):
            end = min(first + _BAND, rows)
            low, high = max(first - halo, 0), min(end + halo, rows)
            moved = self._moved(before[low:high], expected_e[low:high])
            electrons[first:end] += moved[first - low : end - low]
        return {}

    def _moved(self, charge: Plane, flux: Plane) -> Plane:
        """Return what each pixel wins in all, collected at an even rate.

        With T, what a charge drives away from the flux, means follow ``(exp(T) - 1) / T = 1 + T/2 + T T/6 + T T T/24``,
        and fluctuations ``sqrt((exp(2 T) - 1) / (2 T)) = 1 + T/2 + 5/24 T T + T T T/16``.
        """
        change = self._driven((3 * charge - flux) / np.float32(48), flux)
        change += (5 * charge - flux) / np.float32(24)
        change = self._driven(change, flux)
        change += charge / np.float32(2)
        return self._driven(change, flux)

    def _driven(self, charge: Plane, flux: Plane) -> Plane:
        """Return what each pixel wins where a charge drives a flux over the pixels' borders."""
        parameters = self.parameters
        potential = _spread(charge, 0, parameters.u_y, parameters.reach_px)
        potential = _spread(potential, 1, parameters.u_x, parameters.reach_px)
        potential *= np.float32(parameters.scale_per_e / 2)
        won = np.zeros_like(flux)
        for one, other in (_NEXT_ROW, _NEXT_COLUMN):
            over = (potential[one] - potential[other]) * (flux[one] + flux[other])
            won[one] -= over
            won[other] += over
        return won

    def truth(self) -> Truth:
        parameters = self.parameters
        planes = {
            "BF_KERNEL": (parameters.kernel().astype(np.float32), "1/electron"),
            "BF_AREA": (parameters.area_change().astype(np.float32), "1/electron"),
        }
        return Truth(self.told(scale_per_e=parameters.scale_per_e), planes)


def _spread(field: Plane, axis: int, u: float, reach: int) -> Plane:
    """Convolve along an axis with ``u**|i|`` to its reach; beyond the edges is what is at the edges."""
    length = field.shape[axis]
    wide = np.pad(field, [(reach, reach) if a == axis else (0, 0) for a in range(2)], mode="edge")

    def shifted(by: int) -> Plane:
        along = slice(reach + by, reach + by + length)
        return wide[along] if axis == 0 else wide[:, along]

    spread = field.copy()
    for away in range(1, reach + 1):
        pair = shifted(-away) + shifted(away)
        pair *= np.float32(u**away)
        spread += pair
    return spread
