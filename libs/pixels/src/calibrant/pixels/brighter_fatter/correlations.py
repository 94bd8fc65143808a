"""What flats say about the change of pixels' areas: covariances over the square of the level, levels made one.

It owns the scaling, the checks of each level and their mean; it must not know kernels.
"""

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.brighter_fatter.quarters import copies, directions
from calibrant.pixels.convolving import Evenly

Matrix = NDArray[np.float64]

_ROUNDS = 20


ZeroSum = Literal["origin", "shared", "off"]


class LevelReason(enum.StrEnum):
    """What became of a level of flats."""

    USED = "used"
    NOT_FINITE = "a number is missing or not finite"
    OUT_OF_RANGE = "outside the range of levels that was asked for"
    NOISIER_THAN_POISSON = "the variance is above that of photons and read noise"
    UNBALANCED = "areas gained and lost do not balance"


@dataclass(frozen=True)
class CorrelationSettings:
    """How covariances of levels become one matrix.

    Parameters
    ----------
    lowest_e, highest_e
        Levels in between are used, in electrons; give the turnoff of the photon transfer curve as the highest.
    reject
        A level is left out where the sum of its matrix over the whole plane, over the sum of the absolute values, is
        larger: what pixels gain others have lost. 1 and above leave out none.
    zero_sum
        Makes the sum of the matrix over the whole plane 0. "origin": the variance's term becomes what the others
        leave; it then depends neither on the gain nor on the read noise, but has the noise of all others. "shared": all
        terms take part, each by its variance, so noisy ones give most; the better the gain, the less does the pixel's own. "off": as measured.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    lowest_e: float = 0.0
    highest_e: float = math.inf
    reject: float = 0.5
    zero_sum: ZeroSum = "origin"

    def __post_init__(self) -> None:
        if not 0 <= self.lowest_e < self.highest_e:
            raise ValueError(
                f"brighter-fatter: levels from {self.lowest_e} to {self.highest_e} electrons, must ascend from 0"
            )
        if not self.reject > 0:
            raise ValueError(f"brighter-fatter: reject is {self.reject}, must be positive")
        if self.zero_sum not in get_args(ZeroSum):
            raise ValueError(
                f"brighter-fatter: zero_sum is {self.zero_sum!r}, must be one of {', '.join(get_args(ZeroSum))}"
            )


@dataclass(frozen=True, eq=False)
class Correlations:
    """Change of pixels' areas by charge at the origin, for one amplifier.

    Parameters
    ----------
    areas
        (L, L), per electron: at ``[j, i]`` for the pixel j rows and i columns away, each of the four alike; NaN
        where no level was used.
    errors
        Of the same shape: standard errors, from the noise of the covariances.
    levels
        What became of each level.
    balance
        (levels,): the ratio that `CorrelationSettings.reject` is for; NaN where it was not computed.
    """

    areas: Matrix
    errors: Matrix
    levels: tuple[LevelReason, ...]
    balance: NDArray[np.float64]

    @property
    def found(self) -> bool:
        """Whether a level at least was used."""
        return LevelReason.USED in self.levels


def correlations(
    means: NDArray[np.float64],
    covariances: NDArray[np.float64],
    n_pairs: NDArray[np.float64],
    *,
    gain_e_per_adu: float,
    gain_error_e_per_adu: float = 0.0,
    read_noise_e: float = 0.0,
    settings: CorrelationSettings | None = None,
) -> Correlations:
    """Make one matrix of the covariances of flats at several levels.

    To first order a covariance is ``C = mu**2 a``, beside the photons' mu in the variance. What is of higher order in a
    mu (Astier 2019, eq. 20 with b = 0) is computed from the result and subtracted, until nothing changes; levels are
    averaged with the inverse squares of their errors as weights.

    Parameters
    ----------
    means
        (P,), levels, in ADU.
    covariances
        (P, L, L), in ADU squared, the variance at ``[0, 0]``: as :class:`calibrant.pixels.photon_transfer.Curve` has
        them.
    n_pairs
        (P, L, L), pairs of pixels in one direction.
    gain_e_per_adu, gain_error_e_per_adu
        In electrons per ADU; the photons' part of the variance is as uncertain as the gain.
    read_noise_e
        In electrons.
    settings
        How.

    Raises
    ------
    ValueError
        When shapes differ, or a gain or noise makes no sense.

    Notes
    -----
    W. R. Coulton et al. 2018 (AJ 155, 258), section 4; P. Astier et al. 2019 (A&A 629, A36). Of Rubin's cp_pipe is
    the check of the balance (xcorrCheckRejectLevel; its default of 2 never rejects) and the forced sum
    (forceZeroSum).
    """
    settings = CorrelationSettings() if settings is None else settings
    _check(means, covariances, n_pairs)
    _check_gain(gain_e_per_adu, gain_error_e_per_adu, read_noise_e)
    level, covariance = means * gain_e_per_adu, covariances * gain_e_per_adu**2
    photons = level + read_noise_e**2
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = covariance / level[:, None, None] ** 2
        scaled[:, 0, 0] -= photons / level**2
        errors = (
            covariance[:, :1, :1]
            / np.sqrt(n_pairs * directions(n_pairs.shape[-1]))
            / level[:, None, None] ** 2
        )
    told = [_judge(*one, settings) for one in zip(level, scaled, errors, strict=True)]
    used = np.array([reason is LevelReason.USED for reason, _ in told], dtype=bool)
    areas, error = np.full(scaled.shape[1:], np.nan), np.full(scaled.shape[1:], np.nan)
    if used.any():
        areas, error = _mean(level[used], scaled[used], errors[used])
        of_photons = gain_error_e_per_adu / gain_e_per_adu * _mean_of(1 / level[used], errors[used])
        error[0, 0] = math.hypot(error[0, 0], of_photons)
        areas, error = _balanced(areas, error, settings.zero_sum)
    return Correlations(areas, error, tuple(one for one, _ in told), np.array([one for _, one in told]))


def mean_areas(found: Iterable[Correlations]) -> tuple[Matrix, Matrix]:
    """Average the areas of the amplifiers of a detector, those that there are, with the inverse squares of their errors.

    Amplifiers share the silicon, so they share the effect.

    Returns
    -------
    areas, errors
        (L, L), per electron; NaN where no amplifier has any.

    Raises
    ------
    ValueError
        When there are no amplifiers, or their shapes differ.
    """
    given = list(found)
    if not given or len({one.areas.shape for one in given}) > 1:
        raise ValueError("brighter-fatter: give areas of one shape, of one amplifier at least")
    usable = [one for one in given if one.found]
    if not usable:
        return given[0].areas, given[0].errors
    weights = np.array([1 / one.errors**2 for one in usable])
    total = weights.sum(axis=0)
    areas = (weights * np.array([one.areas for one in usable])).sum(axis=0) / total
    return areas, 1 / np.sqrt(total)


def _check(means: Matrix, covariances: Matrix, n_pairs: Matrix) -> None:
    lags = covariances.shape[-1]
    if covariances.shape != (*means.shape, lags, lags) or n_pairs.shape != covariances.shape:
        raise ValueError(
            f"brighter-fatter: means {means.shape}, covariances {covariances.shape} and n_pairs {n_pairs.shape} do not "
            "go together; they must be (P,), (P, L, L) and (P, L, L)"
        )


def _check_gain(gain_e_per_adu: float, gain_error_e_per_adu: float, read_noise_e: float) -> None:
    if not (math.isfinite(gain_e_per_adu) and gain_e_per_adu > 0):
        raise ValueError(f"brighter-fatter: gain_e_per_adu is {gain_e_per_adu}, must be positive")
    for name, value in (("gain_error_e_per_adu", gain_error_e_per_adu), ("read_noise_e", read_noise_e)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"brighter-fatter: {name} is {value}, must not be negative")


def _judge(
    level: float, scaled: Matrix, errors: Matrix, settings: CorrelationSettings
) -> tuple[LevelReason, float]:
    """Say whether a level is used, and how well it is balanced."""
    if not (np.isfinite(scaled).all() and np.isfinite(errors).all() and (errors > 0).all()):
        return LevelReason.NOT_FINITE, math.nan
    whole = copies(scaled.shape[0])
    balance = float(abs((whole * scaled).sum()) / max((whole * np.abs(scaled)).sum(), math.ulp(0)))
    if not settings.lowest_e <= level <= settings.highest_e:
        return LevelReason.OUT_OF_RANGE, balance
    if scaled[0, 0] > 3 * errors[0, 0]:
        return LevelReason.NOISIER_THAN_POISSON, balance
    return LevelReason.UNBALANCED if balance > settings.reject else LevelReason.USED, balance


def _mean(level: Matrix, scaled: Matrix, errors: Matrix) -> tuple[Matrix, Matrix]:
    """Average levels, without what is of higher order, which makes the errors larger."""
    weights = 1 / errors**2
    total = weights.sum(axis=0)
    evenly = Evenly(scaled.shape[-1])
    plain = (weights * scaled).sum(axis=0) / total
    first, second = ((weights * level[:, None, None] ** k).sum(axis=0) / total for k in (1, 2))
    areas = plain
    for _ in range(_ROUNDS):
        spectrum = evenly.transform(areas)
        areas = plain - 2 / 3 * first * evenly.back(spectrum**2) - 1 / 3 * second * evenly.back(spectrum**3)
    lags = len(areas)
    slope = 1 + 4 / 3 * first[0, 0] * spectrum + second[0, 0] * spectrum**2
    each = (np.eye(lags * lags) / np.sqrt(total).ravel()).reshape(-1, lags, lags)
    return areas, np.sqrt((evenly.back(evenly.transform(each) / slope) ** 2).sum(axis=0))


def _mean_of(values: Matrix, errors: Matrix) -> float:
    """Average what each level has as its variance is averaged."""
    return float(np.average(values, weights=errors[:, 0, 0] ** -2))


def _balanced(areas: Matrix, errors: Matrix, zero_sum: ZeroSum) -> tuple[Matrix, Matrix]:
    """Make the sum over the plane 0: the smallest change, in terms of the variances of those that may change."""
    if zero_sum == "off":
        return areas, errors
    whole, free = copies(areas.shape[0]), errors**2
    if zero_sum == "origin":
        free = np.zeros_like(free)
        free[0, 0] = 1.0
    share = free * whole / (free * whole**2).sum()
    variance = errors**2 * (1 - 2 * share * whole) + share**2 * (whole**2 * errors**2).sum()
    return areas - share * (whole * areas).sum(), np.sqrt(variance)
