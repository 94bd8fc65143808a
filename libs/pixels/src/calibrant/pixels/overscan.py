"""How the level of an overscan is modelled: one number, one a line, or a curve along its lines.

It owns the models; it must not know where an overscan lies, nor gains or images. A line is what is read out one
after the other: a row of a serial overscan, a column of a parallel one.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.ordered import Ordered
from calibrant.pixels.splines import evaluate, natural_cubic
from calibrant.pixels.statistics import clip

OverscanMethod = Literal["none", "median", "clipped-mean", "median-per-row", "polynomial", "spline"]

Levels1D = NDArray[np.float64]

OF_ONE_LEVEL: Final = ("median", "clipped-mean")


@dataclass(frozen=True)
class Overscan:
    """How an overscan is measured.

    Parameters
    ----------
    method
        "median" or "clipped-mean": one level for the region. "median-per-row": one for each line. "polynomial" or
        "spline": a curve along the lines, through their medians. "none": nothing is measured or subtracted.
    degree
        Of the polynomial.
    knots
        Of the natural cubic spline: the lines are cut into so many groups of equal size, and it goes through the
        median of each group's medians at its mean line.
    sigma, iterations
        Of the clipped mean (see :func:`calibrant.pixels.clipped_statistics`); of the polynomial: lines further off
        than `sigma` standard deviations of the residuals are left out, and it is fitted again, at most so often.
    leading_skip, trailing_skip
        Pixels of each line that are left out: next to the image (deferred charge), and at the far end.

    Raises
    ------
    ValueError
        When a value is unknown or makes no sense.
    """

    method: OverscanMethod = "median"
    degree: int = 3
    knots: int = 8
    sigma: float = 3.0
    iterations: int = 3
    leading_skip: int = 0
    trailing_skip: int = 0

    def __post_init__(self) -> None:
        known = get_args(OverscanMethod)
        if self.method not in known:
            raise ValueError(f"overscan: {self.method!r}, must be one of {', '.join(known)}")
        if not (math.isfinite(self.sigma) and self.sigma > 0):
            raise ValueError(
                f"overscan sigma: {self.sigma}, must be a positive number of standard deviations"
            )
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"overscan {name}: {getattr(self, name)}, must be at least {least}")

    @property
    def by_line(self) -> bool:
        """Whether each line has its own level."""
        return self.method not in {"none", *OF_ONE_LEVEL}

    def used(self, name: str, first: int, last: int, *, after: bool) -> tuple[int, int]:
        """Give the part of ``[first, last)`` that is left by the skips; `after`: it lies behind the image."""
        low, high = self.leading_skip, self.trailing_skip
        if not after:
            low, high = high, low
        if first + low >= last - high:
            raise ValueError(
                f"amplifier {name!r}: leading_skip {self.leading_skip} and trailing_skip {self.trailing_skip} leave "
                f"nothing of the {last - first} lines of its overscan; skip fewer"
            )
        return first + low, last - high

    def level(self, pixels: Ordered, name: str) -> float:
        """Give the one level of a region.

        Parameters
        ----------
        pixels
            All of them.
        name
            The amplifier's, for messages.

        Raises
        ------
        ValueError
            When no pixel is finite.
        """
        if not len(pixels):
            raise ValueError(f"amplifier {name!r}: no finite pixel in its overscan; check the frame")
        return pixels.pivot if self.method == "median" else clip(pixels, self.sigma, self.iterations).mean

    def levels(self, lines: NDArray[Any], name: str, first: int) -> Levels1D:
        """Give the level of each line, by a method that has one for each.

        Parameters
        ----------
        lines
            (lines, pixels); what is not finite is left out.
        name
            The amplifier's, for messages.
        first
            Number of the first line, for messages.

        Raises
        ------
        ValueError
            When there is no finite pixel where one is needed; the message says where.
        """
        medians = line_medians(lines)
        if self.method == "median-per-row":
            return _complete(medians, name, first)
        number, known = np.arange(len(lines), dtype=np.float64), np.isfinite(medians)
        fewest = self.degree + 1 if self.method == "polynomial" else self.knots
        if np.count_nonzero(known) < fewest:
            raise ValueError(
                f"amplifier {name!r}: {np.count_nonzero(known)} lines of its overscan have a finite pixel, but a "
                f"{self.method} needs {fewest}; use a simpler method"
            )
        fit = self._polynomial if self.method == "polynomial" else self._spline
        return fit(number, number[known], medians[known])

    def _polynomial(self, wanted: Levels1D, number: Levels1D, medians: Levels1D) -> Levels1D:
        kept = np.ones(len(number), dtype=bool)
        for iteration in range(self.iterations + 1):
            curve = np.polynomial.Chebyshev.fit(
                number[kept], medians[kept], self.degree, domain=[wanted[0], wanted[-1]]
            )
            residual = medians - curve(number)
            within = np.abs(residual) <= self.sigma * max(residual[kept].std(), _ROUNDING * np.ptp(medians))
            if iteration == self.iterations or (within == kept).all() or within.sum() <= self.degree:
                break
            kept = within
        found: Levels1D = curve(wanted)
        return found

    def _spline(self, wanted: Levels1D, number: Levels1D, medians: Levels1D) -> Levels1D:
        groups = np.array_split(np.arange(len(number)), self.knots)
        knots = np.array([number[group].mean() for group in groups])
        values = np.array([np.median(medians[group]) for group in groups])
        found: Levels1D = evaluate(knots, natural_cubic(knots, values), wanted)
        return found


_LEAST: Final = {"degree": 0, "knots": 2, "iterations": 0, "leading_skip": 0, "trailing_skip": 0}

_ROUNDING: Final = 1e-12


def line_medians(lines: NDArray[Any]) -> Levels1D:
    """Give the median of the finite pixels of each line, in float64; NaN where there is none."""
    finite = np.isfinite(lines)
    if finite.all():
        ordered, count = np.sort(lines, axis=1), lines.shape[1]  # ten times as fast as np.median here
        middle = ordered[:, (count - 1) // 2].astype(np.float64) + ordered[:, count // 2]
        whole: Levels1D = 0.5 * middle
        return whole
    found = np.full(len(lines), np.nan)
    for index in np.flatnonzero(finite.any(axis=1)):
        found[index] = np.median(lines[index][finite[index]])
    return found


def _complete(medians: Levels1D, name: str, first: int) -> Levels1D:
    empty = np.isnan(medians)
    if empty.any():
        row = first + int(np.argmax(empty))
        raise ValueError(f"amplifier {name!r}: no finite pixel in its overscan of row {row}; check the frame")
    return medians
