"""Which points of a ramp can be fitted, and why those of an amplifier cannot.

It owns the range, the flux levels and the checks before and after a fit; it must not know curves.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.nonlinearity.ramp import Ramp, Values
from calibrant.pixels.nonlinearity.reasons import Reason
from calibrant.pixels.nonlinearity.rules import FitRules

LEVEL_WIDTH: Final = 0.05
"""Lights that differ by less, as a fraction, are one flux level."""

_LEAST_RISE: Final = 0.1
"""Of the step that the light makes: what rises by less does not follow it."""

_SURE: Final = 5.0
"""Standard deviations by which a step has to lack."""


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a ramp under the rules of a fit.

    Parameters
    ----------
    ramp
        The signals.
    rules
        Their range.
    """

    ramp: Ramp
    rules: FitRules

    @cached_property
    def lit(self) -> NDArray[np.bool_]:
        """(exposures,): there is a reading of the light."""
        known = np.isfinite(self.ramp.light) & np.isfinite(self.ramp.light_sigma)
        return known & (np.where(known, self.ramp.light, 0) > 0)

    @cached_property
    def within(self) -> NDArray[np.bool_]:
        """(amplifiers, exposures): there is a signal, and it is in the range."""
        signal = np.where(np.isfinite(self.ramp.error), self.ramp.signal, np.nan)
        return (signal >= self.rules.lowest) & (signal > 0) & (signal <= self.rules.highest)

    @cached_property
    def brightest(self) -> float:
        """The most light of all exposures, and its unit in a fit."""
        return float(self.ramp.light[self.lit].max(initial=0))

    @cached_property
    def levels(self) -> NDArray[np.intp]:
        """(exposures,): number of the flux level, which rises with the light of each filter."""
        found = np.zeros(len(self.ramp.light), np.intp)
        level, begun, before = 0, 0.0, -1
        for one in np.lexsort((self.ramp.light, self.ramp.groups)):
            light, group = self.ramp.light[one], self.ramp.groups[one]
            if self.lit[one] and (group != before or light > begun * (1 + LEVEL_WIDTH)):
                level, begun, before = level + 1, light, group
            found[one] = level
        return found

    def lacking(self, amplifier: int, kept: NDArray[np.bool_], parameters: int) -> Reason | None:
        """Say why the points that are kept cannot be fitted, if so."""
        levels, groups = np.unique(self.levels[kept]), np.unique(self.ramp.groups[kept])
        if self.within[amplifier].sum() > parameters >= kept.sum() and not self.lit.all():
            return Reason.NO_READING
        if levels.size and levels.size == groups.size:
            return Reason.ONE_LEVEL
        if kept.sum() <= parameters:
            return Reason.TOO_FEW_POINTS
        signal = self.ramp.signal[amplifier]
        return (
            None
            if _overlap([signal[kept & (self.ramp.groups == one)] for one in groups])
            else Reason.NO_OVERLAP
        )

    def stalls(self, amplifier: int, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say of each step from one flux level to the next whether the signal fails to follow the light."""
        steps = [
            self._fails(amplifier, kept & (self.ramp.groups == one)) for one in np.unique(self.ramp.groups)
        ]
        return np.concatenate(steps)

    def _fails(self, amplifier: int, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the levels of one filter."""
        _, level, count = np.unique(self.levels[kept], return_inverse=True, return_counts=True)
        if count.size < 2:
            return np.zeros(0, np.bool_)
        light, signal, variance = (
            np.bincount(level, weights) / count
            for weights in (
                self.ramp.light[kept],
                self.ramp.signal[amplifier, kept],
                self.ramp.error[amplifier, kept] ** 2,
            )
        )
        noise = np.sqrt((variance / count)[1:] + (variance / count)[:-1])
        due = np.diff(light) * np.median(signal / light)
        return (np.diff(signal) < _LEAST_RISE * due) & ((1 - _LEAST_RISE) * due > _SURE * noise)


def _overlap(signals: list[Values]) -> bool:
    """Say whether ranges of signals make one."""
    ranges = sorted((one.min(), one.max()) for one in signals)
    reached = np.maximum.accumulate([end for _, end in ranges])
    return all(begin <= end for (begin, _), end in zip(ranges[1:], reached, strict=False))


def is_flat(stalls: NDArray[np.bool_]) -> bool:
    """Say whether two steps in turn fail: one alone is an outlier."""
    return bool((stalls[1:] & stalls[:-1]).any())
