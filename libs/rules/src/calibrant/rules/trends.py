"""Whether a number lies where it used to: the median and spread of its history, and how far off it is. Pure.

Owns the statistics. Knows neither where history is kept nor which of it counts.
"""

import math
from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

from pydantic import Field

from calibrant.rules.model import Frozen

SIGMA_PER_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

OVERSCAN = ("OVERSCAN_NOISE", "OVERSCAN_LEVEL_ADU")


class TrendRules(Frozen):
    """When a number is out of family.

    Parameters
    ----------
    limit : float
        Largest distance from the history's median, in robust standard deviations.
    least : int
        Points of history below which nothing is said.
    floor : float
        Least robust standard deviation, as a fraction of the median: a history of equal numbers has none.
    length : int
        Exposures of history looked at, the latest ones.
    metrics : mapping of str to tuple of str
        By kind, the numbers of amplifiers that are looked at.
    version : str
        Kept with every report.
    """

    limit: float = Field(default=5.0, gt=0)
    least: int = Field(default=10, ge=3)
    floor: float = Field(default=0.005, gt=0)
    length: int = Field(default=100, ge=3)
    metrics: Mapping[str, tuple[str, ...]] = Field(
        default_factory=lambda: {
            "bias": ("NOISE_RATIO", *OVERSCAN),
            "dark": ("NOISE_RATIO", *OVERSCAN),
            "flat": ("NOISE_RATIO", *OVERSCAN),
            "crosstalk": ("CROSSTALK_LARGEST",),
            "ptc": ("GAIN", "PTC_NOISE"),
            "gain": ("GAIN",),
            "bfk": ("A00",),
            "linearity": ("NONLINEARITY_PERCENT",),
            "cti": ("SERIAL_CTI", "PARALLEL_CTI"),
            "dark-current": ("DARK_CURRENT", "GLOW"),
            "bias-stability": ("LEVEL_CHANGE", "NOISE_CHANGE"),
            "tearing": ("TEARING",),
            "correlations": ("BIAS_CORRELATION",),
            "persistence": ("LATENT",),
        }
    )
    version: str = "trends-4"


class History(Frozen):
    """What a number used to be.

    Parameters
    ----------
    points : int
        How many there are.
    median, mad : float
        Median, and median absolute deviation from it; in the number's unit.
    """

    points: int
    median: float
    mad: float

    def sigma(self, rules: TrendRules) -> float:
        """Return the robust standard deviation, never below the floor; 0 for a history of zeros alone."""
        return max(SIGMA_PER_MAD * self.mad, rules.floor * abs(self.median))


class Place(NamedTuple):
    """How far a number lies from its history, in robust standard deviations, and whether that is too far."""

    z: float | None
    out: bool
    because: str


def history_of(values: Iterable[float | None]) -> History | None:
    """Summarise a history; None for one without a single number.

    Examples
    --------
    >>> history_of([5.0, 5.2, None, 4.9, 5.1])
    History(points=4, median=5.05, mad=0.1)
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None
    middle = median(known)
    mad = median(abs(value - middle) for value in known)
    return History(points=len(known), median=middle, mad=round(mad, 12))


def place_of(value: float | None, history: History | None, rules: TrendRules) -> Place:
    """Say how far a number lies from its history.

    Parameters
    ----------
    value : float or None
        The number; None could not be had.
    history : History or None
        What it used to be; None: there is nothing.
    rules : TrendRules
        When it is out of family.

    Returns
    -------
    Place
        Without ``z`` where nothing can be said, which ``because`` explains, or where it is out beyond any number.
    """
    points = 0 if history is None else history.points
    if history is None or points < rules.least:
        return Place(None, out=False, because=f"{points} points of history, {rules.least} are needed")
    if value is None or not math.isfinite(value):
        return Place(None, out=False, because="no number to compare with its history")
    sigma = history.sigma(rules)
    if not sigma:  # a history of zeros: any other number is new
        if value == history.median:
            return Place(0.0, out=False, because=f"0, as in all of {points} earlier exposures")
        return Place(None, out=True, because=f"{value:.4g} after 0 in all of {points} earlier exposures")
    z = (value - history.median) / sigma
    return Place(
        z,
        out=abs(z) > rules.limit,
        because=f"{value:.4g} is {z:+.1f} sigma from {history.median:.4g} ± {sigma:.2g} of {points} earlier exposures",
    )
