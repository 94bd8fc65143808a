"""What leaks from one amplifier into another: coefficients, their errors, and why some are missing.

It owns the numbers, their units and which of them are significant; it must not know how they were measured.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.image import Unit


class Reason(enum.StrEnum):
    """Why there is, or is not, a coefficient for a victim and a source."""

    MEASURED = "measured"
    SAME_AMPLIFIER = "the amplifier itself"
    NO_BRIGHT_PIXELS = "no bright pixels in the source"
    SATURATED_SOURCES = "the bright pixels of the source are saturated"
    TOO_FEW_PIXELS = "too few pixels that are bright in the source and usable in the victim"
    INSEPARABLE = "the source cannot be told from others that are bright at the same time, or its terms apart"
    SOURCE_UNUSABLE = "less than half of the source can be used"
    VICTIM_UNUSABLE = "less than half of the victim can be used"
    VICTIM_DEAD = "the victim has no noise: it is dead, or its values are made up"
    VICTIM_UNEVEN = "the level of the victim is not smooth, so crosstalk cannot be told from its own light"
    TOO_LARGE = "larger than crosstalk can be, so it is light of the victim's own"
    EXPOSURES_DISAGREE = "the exposures disagree beyond their errors"


@dataclass(frozen=True, eq=False)
class CrosstalkMatrix:
    """What a victim v shows of the signal S of a source s: ``c0 S + c1 S**2``.

    Parameters
    ----------
    victims, sources
        Names of channels, in the order of the axes.
    coefficients
        float64, (victims, sources, terms): c0 (no unit) and, with two terms, c1 (per unit of the signal). NaN where
        there is none: `reasons` says why.
    covariance
        float64, (victims, sources, terms, terms), of the coefficients of one pair; NaN where there is none.
    count
        int64, (victims, sources): pixels that are bright in the source and were used.
    reasons
        For each victim and source; `Reason.MEASURED` exactly where there are coefficients.
    unit
        Of the signals, of source and victim.
    """

    victims: tuple[str, ...]
    sources: tuple[str, ...]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    count: NDArray[np.int64]
    reasons: tuple[tuple[Reason, ...], ...]
    unit: Unit = "electron"

    def __post_init__(self) -> None:
        pairs = (len(self.victims), len(self.sources))
        terms = self.coefficients.shape[-1] if self.coefficients.ndim == 3 else 0
        if self.coefficients.shape != (*pairs, terms) or terms not in {1, 2}:
            raise ValueError(
                f"crosstalk: coefficients have the shape {self.coefficients.shape}, must be {(*pairs, 1)} or {(*pairs, 2)}"
            )
        if self.covariance.shape != (*pairs, terms, terms) or self.count.shape != pairs:
            raise ValueError(
                f"crosstalk: covariance {self.covariance.shape} and count {self.count.shape} do not go with "
                f"coefficients of shape {self.coefficients.shape}"
            )
        found = np.array([[one is Reason.MEASURED for one in row] for row in self.reasons], dtype=bool)
        numbers = np.isfinite(self.coefficients).all(axis=-1)
        if found.shape != pairs or not np.array_equal(found, numbers):
            raise ValueError("crosstalk: reasons must say MEASURED exactly where coefficients are finite")

    @property
    def terms(self) -> int:
        """1: linear; 2: with a term of the signal's square."""
        return int(self.coefficients.shape[-1])

    @property
    def measured(self) -> NDArray[np.bool_]:
        """(victims, sources): where there are coefficients."""
        return np.asarray(np.isfinite(self.coefficients).all(axis=-1))

    @property
    def errors(self) -> NDArray[np.float64]:
        """Standard errors, shaped like the coefficients; NaN where there are none."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance, axis1=-2, axis2=-1)))

    def significant(self, sigma: float = 5.0) -> NDArray[np.bool_]:
        """(victims, sources): where any of a pair's coefficients is more than `sigma` errors from 0."""
        with np.errstate(invalid="ignore"):
            away = np.abs(self.coefficients) > sigma * self.errors
        return np.asarray(away.any(axis=-1)) & self.measured

    def filtered(self, sigma: float = 5.0) -> "CrosstalkMatrix":
        """Give the matrix with exact zeros where nothing significant was measured: nothing is subtracted there."""
        keep = self.significant(sigma) | ~self.measured
        return replace(
            self,
            coefficients=np.where(keep[..., None], self.coefficients, 0.0),
            covariance=np.where(keep[..., None, None], self.covariance, 0.0),
        )

    def of_sources(self, names: Sequence[str]) -> "CrosstalkMatrix":
        """Give the part that is of some of the sources, in the order of their names."""
        places = [self.sources.index(name) for name in names]
        return replace(
            self,
            sources=tuple(names),
            coefficients=self.coefficients[:, places],
            covariance=self.covariance[:, places],
            count=self.count[:, places],
            reasons=tuple(tuple(row[place] for place in places) for row in self.reasons),
        )

    def in_unit(self, unit: Unit, gains_e_per_adu: Mapping[str, float]) -> "CrosstalkMatrix":
        """Give the matrix for signals in another unit.

        A signal in electrons is its gain times the one in ADU, so ``c0`` goes as gain of the victim over gain of the
        source, and ``c1`` as gain of the victim over the square of that of the source.

        Parameters
        ----------
        unit
            "electron" or "adu".
        gains_e_per_adu
            By the name of the channel, for all victims and sources.

        Raises
        ------
        ValueError
            When a gain is missing or not positive.
        """
        if unit == self.unit:
            return self
        victim, source = _gains(self.victims, gains_e_per_adu), _gains(self.sources, gains_e_per_adu)
        if unit == "adu":
            victim, source = 1 / victim, 1 / source
        factors = victim[:, None, None] / source[None, :, None] ** np.arange(1, self.terms + 1)
        return replace(
            self,
            coefficients=self.coefficients * factors,
            covariance=self.covariance * factors[..., :, None] * factors[..., None, :],
            unit=unit,
        )


def known_matrix(
    names: tuple[str, ...], coefficients: NDArray[Any], unit: Unit = "electron"
) -> CrosstalkMatrix:
    """Give a matrix of numbers known from elsewhere, without errors.

    Parameters
    ----------
    names
        Channels, each a victim and a source.
    coefficients
        (victims, sources) or (victims, sources, terms); what an amplifier does to itself is left out.
    unit
        Of the signals.

    Raises
    ------
    ValueError
        When a shape does not fit or a number is not finite.
    """
    numbers = np.array(coefficients, dtype=np.float64)
    numbers = numbers[..., None] if numbers.ndim == 2 else numbers
    if not np.isfinite(numbers).all():
        raise ValueError("crosstalk: a known coefficient is not finite; give 0 where nothing leaks")
    pairs, terms = numbers.shape[:2], numbers.shape[-1]
    same = np.eye(len(names), dtype=bool) if pairs == (len(names),) * 2 else np.zeros(pairs, dtype=bool)
    numbers[same] = np.nan
    covariance = np.where(same[..., None, None], np.nan, np.zeros((*pairs, terms, terms)))
    reasons = tuple(tuple(Reason.SAME_AMPLIFIER if one else Reason.MEASURED for one in row) for row in same)
    return CrosstalkMatrix(names, names, numbers, covariance, np.zeros(pairs, dtype=np.int64), reasons, unit)


def _gains(names: tuple[str, ...], gains_e_per_adu: Mapping[str, float]) -> NDArray[np.float64]:
    for name in names:
        if not gains_e_per_adu.get(name, 0) > 0:
            raise ValueError(
                f"crosstalk: gain of {name!r} is {gains_e_per_adu.get(name)}, give a positive one in electrons per ADU"
            )
    return np.array([gains_e_per_adu[name] for name in names])
