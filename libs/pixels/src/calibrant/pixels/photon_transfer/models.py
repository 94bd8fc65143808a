"""How the variance of a flat depends on its mean: the models, and what they owe to each of their parameters.

Parameters are ``gain`` (e-/ADU), ``a00`` (1/e-, below zero where a full pixel repels charge) and ``noise2`` (e- squared);
means are in ADU, variances in ADU squared. Everything is evaluated for many amplifiers at once. It must not know how
parameters are found.
"""

import enum
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Evaluated = tuple[Numbers, Numbers]
"""(A, P) variances and (A, P, K) derivatives."""

Law = Callable[[Numbers, Numbers], Evaluated]
"""From means (A, P) and parameters (A, K)."""


class Model(enum.StrEnum):
    """Models of the photon transfer curve."""

    EXPONENTIAL = "exponential"
    """Astier et al. 2019 (A&A 629, A36), equation 16: EXPAPPROXIMATION."""
    FULL_COVARIANCE = "full-covariance"
    """Equation 20, with a, b and noise of every lag: FULLCOVARIANCE."""
    FULL_COVARIANCE_NO_B = "full-covariance-no-b"
    """Equation 20 with b = 0: FULLCOVARIANCE_NO_B."""
    POLYNOMIAL = "polynomial"
    """Of degree 2 or more in the mean."""


def exponential(means: Numbers, parameters: Numbers) -> Evaluated:
    """Give ``(exp(2 a00 gain m) - 1) / (2 a00 gain**2) + noise2 / gain**2`` for parameters (gain, a00, noise2).

    It is evaluated as ``m / gain`` times ``expm1(x) / x``, which is as good at a00 = 0 as elsewhere.
    """
    gain, a00, noise2 = (parameters[:, [k]] for k in range(3))
    x = np.clip(2 * a00 * gain * means, -50, 50)
    shape, slope = _relative(x)
    straight = means / gain
    values = straight * shape + noise2 / gain**2
    by_gain = straight / gain * (x * slope - shape) - 2 * noise2 / gain**3
    by_a00 = 2 * means**2 * slope
    return values, np.stack([by_gain, by_a00, np.broadcast_to(1 / gain**2, values.shape)], axis=-1)


def _relative(x: Numbers) -> Evaluated:
    """Give expm1(x) / x and its derivative, by their series where x is small."""
    small = np.abs(x) < 1e-3
    safe = np.where(small, 1.0, x)
    shape = np.where(small, 1 + x / 2 * (1 + x / 3), np.expm1(safe) / safe)
    slope = np.where(small, 1 / 2 + x / 3 + x**2 / 8, (np.exp(safe) * (safe - 1) + 1) / safe**2)
    return shape, slope


def polynomial(means: Numbers, parameters: Numbers) -> Evaluated:
    """Give ``m / gain + a00 m**2 + c3 m**3 + ... + noise2 / gain**2`` for parameters (gain, a00, noise2, c3, ...)."""
    gain, noise2 = parameters[:, [0]], parameters[:, [2]]
    powers = [means ** (k + 2) for k in range(parameters.shape[1] - 2)]
    higher = sum(
        parameters[:, [k]] * power
        for k, power in zip((1, *range(3, parameters.shape[1])), powers, strict=True)
    )
    values = means / gain + higher + noise2 / gain**2
    by_gain = -means / gain**2 - 2 * noise2 / gain**3
    by_noise2 = np.broadcast_to(1 / gain**2, means.shape)
    return values, np.stack([by_gain, powers[0], by_noise2, *powers[1:]], axis=-1)
