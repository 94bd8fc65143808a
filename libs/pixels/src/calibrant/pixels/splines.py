"""Natural cubic splines through knots, as one cubic per interval.

It owns the curve and its coefficients; it must not know what is fitted, or what a value beyond the knots means.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def natural_cubic(knots: Values, values: Values) -> Values:
    """Give the cubics of the natural spline, the smoothest curve through the values (de Boor 1978, chapter IV).

    Parameters
    ----------
    knots
        (K,), strictly ascending, two or more.
    values
        (K,), of the curve there.

    Returns
    -------
    ndarray
        (K - 1, 4): of interval k, with ``t = x - knots[k]``, the curve is ``c0 + c1 t + c2 t**2 + c3 t**3``. The
        second derivative is zero at both ends; two knots give the straight line.
    """
    width, slope = np.diff(knots), np.diff(values) / np.diff(knots)
    curvature = np.zeros(len(knots))
    if len(knots) > 2:
        system = np.diag(2 * (width[:-1] + width[1:])) + np.diag(width[1:-1], 1) + np.diag(width[1:-1], -1)
        curvature[1:-1] = np.linalg.solve(system, 6 * np.diff(slope))
    left, right = curvature[:-1], curvature[1:]
    return np.stack(
        [values[:-1], slope - width * (2 * left + right) / 6, left / 2, (right - left) / (6 * width)], axis=1
    )


def intervals(knots: NDArray[Any], x: NDArray[Any]) -> NDArray[np.intp]:
    """Give the interval of each x; what lies beyond the knots, and NaN, belongs to the interval at that end."""
    found: NDArray[np.intp] = np.searchsorted(knots, x, side="right") - 1
    return np.clip(found, 0, len(knots) - 2)


def evaluate(knots: NDArray[Any], cubics: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Evaluate a spline by Horner's rule, one operation after another in the type of the arguments."""
    index = intervals(knots, x)
    offset = x - knots[index]
    curve: NDArray[Any] = cubics[index, 3]
    for power in (2, 1, 0):
        curve = curve * offset + cubics[index, power]
    return curve
