"""Weighted least squares of many systems at once. It owns the solution; it must not know what the numbers mean."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.nonlinearity.ramp import Values

_SINGULAR: Final = 1e-10
"""Of a column, next to the part of it that is a combination of the others: what is less is rounding."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Of a number of systems.

    Parameters
    ----------
    values
        (systems, parameters).
    covariance
        (systems, parameters, parameters).
    leverage
        (systems, points): how much of a point's own error its residual has lost.
    singular
        (systems,): the points do not determine the parameters; its numbers mean nothing.
    """

    values: Values
    covariance: Values
    leverage: Values
    singular: NDArray[np.bool_]

    @property
    def errors(self) -> Values:
        """(systems, parameters): standard deviations."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))


def least_squares(design: Values, target: Values, weight: Values) -> Solution:
    """Solve ``design @ values = target``, by QR of the columns scaled to length one.

    Parameters
    ----------
    design
        (systems, points, parameters).
    target
        (systems, points).
    weight
        (systems, points): one over the standard deviation; 0 leaves a point out.
    """
    weighted = design * weight[..., None]
    length = np.linalg.norm(weighted, axis=1)
    singular = (length == 0).any(axis=1)
    length = np.where(length == 0, 1, length)
    basis, triangle = np.linalg.qr(weighted / length[:, None])
    singular |= ~(np.abs(np.diagonal(triangle, axis1=1, axis2=2)) >= _SINGULAR).all(axis=1)
    triangle = np.where(singular[:, None, None], np.eye(design.shape[2]), triangle)
    inverse = np.linalg.inv(triangle) / length[..., None]
    values = inverse @ (basis.swapaxes(1, 2) @ (target * weight)[..., None])
    return Solution(values[..., 0], inverse @ inverse.swapaxes(1, 2), (basis**2).sum(axis=2), singular)
