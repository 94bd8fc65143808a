"""What part each of several samples of unequal noise has in their combination: closed forms. Must not know pixels or limits.

For small deviations x a combination is a sum over its samples of a function of each: x itself for a mean, its sign for a
median, x within bounds for a clipped mean, x up to bounds for one without extremes. Of normal samples, whose deviations
are s, it has a share of each in two senses: how much of the sample's variance it has in common with the sample, and how
much of it it has as its own variance. Both are 1 / N and 1 / N**2 for a mean, whatever s.
"""

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA, ClipRule
from calibrant.pixels.expectations import combined_variance
from calibrant.pixels.plan import Statistic

_HALVINGS: Final = 60
"""Of the interval in which a bound is looked for: down to the last digit."""
_MOST_ROUNDS: Final = 30
"""Of a clip to convergence."""
_QUANTILES: Final = np.array([NormalDist().inv_cdf((i + 0.5) / 16) for i in range(16)])
"""Of a normal distribution: what is averaged over them is averaged over the distribution."""
_LEAST: Final = 1e-9
"""Of a sample's variance that passes: none is shut out for sure."""
_ERF: Final = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0)
"""Of the error function: Abramowitz and Stegun, 7.1.26."""


@dataclass(frozen=True, slots=True)
class Combining:
    """How samples were combined.

    Parameters
    ----------
    statistic
        As of :func:`calibrant.pixels.combine`.
    rule
        That of a clipped mean; the mean of its two bounds counts.
    rejected
        Samples that a mean without extremes leaves out, at both ends together.
    weights
        Of a weighted mean, one for each sample.
    """

    statistic: Statistic = "mean"
    rule: ClipRule = field(default_factory=ClipRule)
    rejected: int = 2
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Shares:
    """Shares of the samples in a combination.

    Parameters
    ----------
    common
        (N,) covariance of each sample with the combination, over the variance of the sample.
    squared
        (N,) what each brings into the variance of the combination, over the variance of the sample.
    """

    common: NDArray[np.float64]
    squared: NDArray[np.float64]


def shares(deviations: NDArray[Any], how: Combining) -> Shares:
    """Give the share that each sample has in a combination.

    Parameters
    ----------
    deviations
        (N,) standard deviations of the samples, above zero, in any unit.
    how
        How they were combined. Where all deviations are the same, clipped means and means without extremes share as
        means do, and medians as :func:`combined_variance` says.

    Notes
    -----
    A median has 1 / s over the sum of 1 / s in common with a sample.
    What passes a clip of a sample's variance is ``erf(u / sqrt 2) - 2 u phi(u)``, with u the bound in s. A clip of
    standard deviations has its bounds from the squares of the samples themselves: of the one that is judged, and of
    the others as far as they passed the round before, whose sum is taken as log-normal.
    """
    s = np.asarray(deviations, dtype=np.float64)
    if how.statistic == "weighted-mean" and len(how.weights) == len(s):
        return _weighted(np.asarray(how.weights, dtype=np.float64))
    if how.statistic == "median" and len(s) > 2:
        common = _weighted(1 / s).common
        return Shares(common, common**2 * len(s) * combined_variance(len(s), "median"))
    if how.statistic == "clipped-mean":
        passed = _passed(s, how.rule)
        return _shared(passed, passed)
    if how.statistic == "minmax-mean":
        return _without_extremes(s, min(how.rejected, len(s) - 1))
    return _weighted(np.ones(len(s)))


def _weighted(weights: NDArray[np.float64]) -> Shares:
    common = weights / weights.sum()
    return Shares(common, common**2)


def _shared(common: NDArray[np.float64], squared: NDArray[np.float64]) -> Shares:
    """Give shares relative to the sample that is left most alone: equal samples share as in a mean."""
    whole = (common / common.max()).sum()
    return Shares(common / common.sum(), squared / squared.max() / whole**2)


def _without_extremes(s: NDArray[np.float64], rejected: int) -> Shares:
    if rejected < 1:
        return _weighted(np.ones(len(s)))
    bounds = _bound(s, rejected) / s
    inside = _inside(bounds)
    return _shared(inside, _variance_inside(bounds) + bounds**2 * (1 - inside))


def _passed(s: NDArray[np.float64], rule: ClipRule) -> NDArray[np.float64]:
    """Give the part of each sample's variance that passes a clip."""
    sigma = (rule.sigma_low + rule.sigma_high) / 2
    if len(s) < 2:
        return np.ones(len(s))
    if rule.spread == "mad":
        return _variance_inside(sigma * MAD_TO_SIGMA * _bound(s, len(s) / 2) / s)
    passed, count = np.ones(len(s)), float(len(s))
    for _ in range(rule.iterations or _MOST_ROUNDS):
        room = 1 - sigma**2 * (count - 1) / count**2
        if room <= 0:  # so few that none can lie outside the spread it makes itself
            return np.ones(len(s))
        bounds = sigma * np.sqrt(_squares_of_others(s, passed) / count / room) / s
        passed, count = _variance_inside(bounds).mean(axis=0), _inside(bounds).mean(axis=0).sum()
    return passed


def _squares_of_others(s: NDArray[np.float64], passed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give (quantiles, N) the sum of squares of the samples beside each one: of few noisy ones it is mostly small."""
    others = 1 - np.eye(len(s))
    mean, variance = others @ (passed * s**2), 2 * others @ (passed * s**4)
    width = np.log1p(variance / mean**2)
    return np.asarray(mean * np.exp(_QUANTILES[:, None] * np.sqrt(width) - width / 2))


def _bound(s: NDArray[np.float64], outside: float) -> float:
    """Give the bound beyond which, to either side, lie as many samples as are wanted."""
    low, high = 0.0, 10 * float(s.max())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 - _inside(middle / s)).sum() > outside else (low, middle)
    return middle


def _inside(bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the chance of a normal sample to lie within bounds, in its standard deviations (to 2e-7)."""
    u = bounds / math.sqrt(2)
    return np.asarray(1 - np.polyval(_ERF, 1 / (1 + 0.3275911 * u)) * np.exp(-(u**2)), dtype=np.float64)


def _variance_inside(bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    density = np.exp(-(bounds**2) / 2) / math.sqrt(2 * math.pi)
    return np.asarray(np.maximum(_inside(bounds) - 2 * bounds * density, _LEAST))
