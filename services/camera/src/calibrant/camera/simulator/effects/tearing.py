"""Tearing at the borders of amplifiers: the outermost columns lose light to their neighbours, or win it.

Owns the pattern of columns. Must not know exposures: it is the same in all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from calibrant.camera.simulator.effects.effect import (
    Effect,
    Facts,
    Light,
    Parameters,
    Plane,
    Shot,
    Site,
    Truth,
)


class Tearing(Parameters):
    """On either side of a border the last column answers by ``1 - a``, the one beside it by ``1 + a``."""

    name: ClassVar[str] = "tearing"
    amplitude: float = Field(
        default=0.01,
        gt=0,
        le=0.5,
        description="Mean size of a; each border has 0.5 to 1.5 of it, of either sign.",
    )

    def on(self, site: Site) -> Effect:
        """Return the torn detector; one without borders between amplifiers of a row is whole."""
        rng = site.rng(self.name)
        response = np.ones(site.detector.shape, np.float32)
        borders: list[Facts] = []
        for left, right, rows, column in _borders(site):
            size = self.amplitude * rng.uniform(0.5, 1.5) * rng.choice([-1.0, 1.0])
            response[rows, [column - 1, column]] = 1 - size
            response[rows, [column - 2, column + 1]] = 1 + size
            borders.append({"left": left, "right": right, "column": column, "a": float(size)})
        return _Torn(self, response, borders)


def _borders(site: Site) -> Iterator[tuple[str, str, np.ndarray[Any, Any], int]]:
    """Give amplifiers that touch: names, the rows that they share as a column of indices, the right one's first column."""
    placed = site.detector.placements()
    for left, right in itertools.permutations(placed, 2):
        one, other = placed[left], placed[right]
        first, end = max(one.y0, other.y0), min(one.y1, other.y1)
        if one.x1 == other.x0 and first < end and min(one.shape[1], other.shape[1]) > 1:
            yield left, right, np.arange(first, end)[:, None], one.x1


@dataclass(frozen=True, eq=False)
class _Torn(Effect):
    parameters: Tearing
    response: Plane
    borders: list[Facts]

    def light(self, light: Light, shot: Shot) -> Facts:  # noqa: ARG002
        light.response = light.response * self.response
        return {}

    def truth(self) -> Truth:
        return Truth(self.told(borders=self.borders), {"TEARING": (self.response, "")})
