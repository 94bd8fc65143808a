"""Charge transfer inefficiency against the signal: what is proportional, what is fixed, and where it gets worse.

It owns what many levels of one amplifier say together; it must not know how one of them is measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.charge_transfer.trailing import TrailingCharge

FEWEST: Final = 3
ONE_LEVEL: Final = 0.1
"""Signals whose range is no more of their mean are of one level: what grows with them is not told from what does not."""


@dataclass(frozen=True)
class Loss:
    """``charge = inefficiency * transfers * signal + fixed``, by weighted least squares.

    Parameters
    ----------
    inefficiency, inefficiency_error
        The proportional loss of one transfer.
    fixed, fixed_error
        What is lost at any level, for instance in a trap of the serial register; in the unit of the frames.
    chi2
        Of the residuals.
    free
        Degrees of freedom.
    """

    inefficiency: float
    inefficiency_error: float
    fixed: float
    fixed_error: float
    chi2: float
    free: int


@dataclass(frozen=True)
class Turnoff:
    """Where the inefficiency leaves its limit.

    Parameters
    ----------
    signal
        Highest signal before it does, in the unit of the frames.
    sampling_error
        Distance to the next one that was measured; it lies between.
    """

    signal: float
    sampling_error: float


def solve_loss(measured: Sequence[TrailingCharge | Reason]) -> Loss | Reason:
    """Split the trailing charge of an amplifier into a proportional and a fixed part.

    Parameters
    ----------
    measured
        At several levels, below the turnoff; reasons are left out.

    Returns
    -------
    Loss or Reason
        The reason where fewer than three levels remain, or all are within a tenth of each other.

    Notes
    -----
    Snyder et al. 2021 (JATIS 7, 048002). Errors are those that the errors of the charges give, those that all levels share
    included.
    """
    known = [one for one in measured if isinstance(one, TrailingCharge)]
    signals = np.array([one.signal for one in known])
    if len(known) < FEWEST:
        return Reason.TOO_FEW_LEVELS
    if not np.ptp(signals) > ONE_LEVEL * np.abs(signals.mean()):
        return Reason.ONE_LEVEL
    errors = np.array([one.charge_error for one in known])
    if not (errors > 0).all():
        return Reason.TOO_FEW_LEVELS
    transfers = np.array([one.transfers for one in known])
    design = np.stack([transfers * signals, np.ones(len(known))], axis=1) / errors[:, None]
    wanted = np.array([one.charge for one in known]) / errors
    shared = np.array([(one.baseline_error, one.offset_error) for one in known]) / errors[:, None]
    gain = np.linalg.inv(design.T @ design) @ design.T
    inefficiency, fixed = gain @ wanted
    covariance = gain * _own(shared) @ gain.T + (gain @ shared) @ (gain @ shared).T
    chi2 = float(((wanted - design @ [inefficiency, fixed]) ** 2).sum())
    own, of_fixed = np.sqrt(np.diag(covariance))
    return Loss(float(inefficiency), float(own), float(fixed), float(of_fixed), chi2, len(known) - 2)


def turnoff(
    measured: Sequence[TrailingCharge | Reason], limit: float = 1e-5, sigma: float = 3.0
) -> Turnoff | None:
    """Find the signal above which the inefficiency exceeds a limit.

    Parameters
    ----------
    measured
        Of one amplifier, in any order; reasons are left out.
    limit
        Of the inefficiency.
    sigma
        Standard deviations by which it has to be exceeded. The first such level with no later one below it counts, so
        one bad frame is no turnoff.

    Returns
    -------
    Turnoff or None
        None: it is never exceeded up to the highest level. A signal of 0 says that it is from the lowest on.
    """
    known = sorted((one for one in measured if isinstance(one, TrailingCharge)), key=lambda one: one.signal)
    above = [one.cti - sigma * one.cti_error > limit for one in known]
    first = len(known)
    while first and above[first - 1]:
        first -= 1
    if first == len(known):
        return None
    below = known[first - 1].signal if first else 0.0
    return Turnoff(below, known[first].signal - below)


def mean_inefficiency(measured: Sequence[TrailingCharge | Reason]) -> tuple[float, float] | Reason:
    """Give the weighted mean of the inefficiencies of an amplifier, and its standard deviation.

    Parameters
    ----------
    measured
        At any levels; reasons are left out. Where they scatter more than their errors say, as where what is lost is not
        proportional to the signal, the standard deviation is larger by as much. Errors that they share stay in it.
    """
    known = [one for one in measured if isinstance(one, TrailingCharge) and one.cti_error > 0]
    if not known:
        return Reason.TOO_FEW_LEVELS
    return weighted_mean(
        np.array([one.cti for one in known]),
        np.array([one.cti_error for one in known]),
        np.array([one.cti_shared_errors for one in known]),
    )


def weighted_mean(
    values: NDArray[np.float64], errors: NDArray[np.float64], shared: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Give the weighted mean of some numbers and its standard deviation, larger where they scatter more.

    Parameters
    ----------
    values, errors
        (n,), at least one; errors above zero.
    shared
        (n, causes): what of the errors all have in common, of each cause by itself; None: nothing.
    """
    weights = errors**-2.0
    mean = float(weights @ values / weights.sum())
    scatter = float(weights @ (values - mean) ** 2) / max(len(values) - 1, 1)
    common = np.zeros((len(values), 1)) if shared is None else shared
    own = weights @ _own(common / errors[:, None])
    variance = max(1.0, scatter) * own + ((weights @ common) ** 2).sum()
    return mean, math.sqrt(float(variance)) / float(weights.sum())


def _own(shared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the part of each variance, in its own unit, that is not shared: (n, causes) to (n,)."""
    own: NDArray[np.float64] = np.maximum(1 - (shared**2).sum(axis=1), 0)
    return own
