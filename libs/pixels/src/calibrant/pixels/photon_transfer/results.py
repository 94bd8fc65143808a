"""What a photon transfer curve says about its amplifier. It must not know how it was found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.photon_transfer.models import Model
from calibrant.pixels.photon_transfer.reasons import Reason

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CovarianceTerms:
    """The matrices of the covariance model, (L, L) each; ``[j, i]`` belongs to pixels j rows and i columns apart.

    Parameters
    ----------
    a, a_errors
        Change of a pixel's area by a charge so far away, in 1/e-; below zero at ``[0, 0]``.
    b, b_errors
        Relative change of `a` with the charge, in 1/e-: c / a, which says little where `a` is small beside its error.
        Zero, without errors, where the model has none.
    c, c_errors
        What is fitted for it, a b, in 1/e- squared.
    noise, noise_errors
        Covariance without light, in e- squared.
    """

    a: Numbers
    a_errors: Numbers
    b: Numbers
    b_errors: Numbers
    c: Numbers
    c_errors: Numbers
    noise: Numbers
    noise_errors: Numbers


@dataclass(frozen=True, eq=False)
class TransferFit:
    """What was found for one amplifier; NaN where `reason` is given.

    Parameters
    ----------
    model
        That was fitted.
    gain, gain_error
        In e-/ADU.
    noise_e, noise_error_e
        Read noise in electrons; zero, with an error of NaN, where the fit lies on that bound.
    a00, a00_error
        In 1/e-, below zero where pixels repel charge.
    parameters, parameter_covariance
        (K,) and (K, K), of (gain, a00, noise squared, higher coefficients).
    kept
        (P,), the points of the curve that were used.
    turnoff, turnoff_sampling_error
        Highest mean that was kept, and half the distance to the next level; ADU.
    full_well_e, full_well_is_lower_limit
        Turnoff in electrons; a lower limit where no pair above it lies off the curve.
    chi2, degrees_of_freedom
        Of the kept points.
    terms
        Of the covariance models, else None.
    on_bound
        Names of parameters that lie on a bound: they have no error.
    reason
        Why there is nothing, or None.
    """

    model: Model
    gain: float
    gain_error: float
    noise_e: float
    noise_error_e: float
    a00: float
    a00_error: float
    parameters: Numbers
    parameter_covariance: Numbers
    kept: NDArray[np.bool_]
    turnoff: float
    turnoff_sampling_error: float
    full_well_e: float
    full_well_is_lower_limit: bool
    chi2: float
    degrees_of_freedom: int
    terms: CovarianceTerms | None = None
    on_bound: Sequence[str] = ()
    reason: Reason | None = None


def nothing(model: Model, points: int, reason: Reason) -> TransferFit:
    """Say that there is no result, and why."""
    nan = float("nan")
    return TransferFit(
        model=model,
        gain=nan,
        gain_error=nan,
        noise_e=nan,
        noise_error_e=nan,
        a00=nan,
        a00_error=nan,
        parameters=np.full(3, nan),
        parameter_covariance=np.full((3, 3), nan),
        kept=np.zeros(points, bool),
        turnoff=nan,
        turnoff_sampling_error=nan,
        full_well_e=nan,
        full_well_is_lower_limit=False,
        chi2=nan,
        degrees_of_freedom=0,
        reason=reason,
    )
