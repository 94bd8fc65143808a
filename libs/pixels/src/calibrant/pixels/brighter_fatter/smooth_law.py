"""A smooth law for the shifts of boundaries: how they fall with distance, and how they point.

It owns the law of Guyonnet et al. 2015 and its fit to changes of area; it must not know measured shifts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

SCALES: Final = (0.3, 30.0)
"""Range of scale lengths that are tried, in pixels."""

_TRIED: Final = 41
_ROUNDS: Final = 6
_TERMS: Final = 40


@dataclass(frozen=True)
class SmoothLaw:
    """A boundary is moved by ``-strength * E1(distance / scale) * cosine``, away from its pixel's outside.

    The distance is that of its middle from the charge, in pixels, the cosine that of the angle between the way there
    and the boundary's normal; E1 is the exponential integral.

    Parameters
    ----------
    strength
        In pixels per electron; positive where charge repels charge.
    scale
        In pixels.
    """

    strength: float
    scale: float

    def columns(self, lags: int) -> Matrix:
        """Give the shifts (L, L) of the boundaries beyond column i in row j, at ``[j, i]``; rows are its transpose."""
        return -self.strength * _pull(lags, self.scale)


def area_matrix(lags: int) -> Matrix:
    """Give the matrix that makes changes of areas out of shifts, (L * L, 2 * L * L).

    A pixel loses with the boundary on its near side what it gains on its far side; on an axis both sides are the far one.
    """
    index = np.arange(lags * lags).reshape(lags, lags)
    matrix = np.zeros((lags * lags, 2, lags * lags))
    for axis, cells in enumerate((index, index.T)):
        for line in cells:
            matrix[line, axis, line] += 1
            matrix[line[1:], axis, line[:-1]] -= 1
            matrix[line[0], axis, line[0]] += 1
    return matrix.reshape(lags * lags, -1)


def fit_law(areas: Matrix, errors: Matrix | None = None) -> SmoothLaw:
    """Fit the law to changes of areas, all but the origin's own, by least squares.

    A law that attracts is not tried: where none that repels does better than nothing, the strength is 0.

    Parameters
    ----------
    areas
        (L, L), per electron.
    errors
        Standard errors, or None: all alike.
    """
    lags = len(areas)
    used = np.arange(lags * lags) > 0
    weights = np.ones(lags * lags) if errors is None else 1 / errors.ravel()
    to_areas, wanted = (area_matrix(lags) * weights[:, None])[used], (areas.ravel() * weights)[used]
    scales = np.geomspace(*SCALES, _TRIED)
    for _ in range(_ROUNDS):  # each looks closer around the best of the last
        pull = _pull(lags, scales)
        shifts = np.concatenate([pull.reshape(-1, lags * lags), pull.mT.reshape(-1, lags * lags)], axis=1)
        models = -shifts @ to_areas.T
        strengths = np.maximum(models @ wanted / (models * models).sum(axis=1), 0)
        best = int(np.argmin(((wanted - strengths[:, None] * models) ** 2).sum(axis=1)))
        law = SmoothLaw(float(strengths[best]), float(scales[best]))
        scales = np.geomspace(scales[max(best - 1, 0)], scales[min(best + 1, scales.size - 1)], _TRIED)
    return law


def _pull(lags: int, scale: float | Matrix) -> Matrix:
    """Give ``E1(distance / scale) * cosine`` for the boundaries beyond column i in row j, for each scale."""
    along, across = np.meshgrid(np.arange(lags) + 0.5, np.arange(lags))
    distance = np.hypot(along, across)
    pull: Matrix = exponential_integral(distance / np.asarray(scale)[..., None, None]) * along / distance
    return pull


def exponential_integral(values: Matrix) -> Matrix:
    """Give E1, the integral of exp(-t) / t from each value, above 0, to infinity: a series, beyond 2 a fraction.

    Notes
    -----
    M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 5.1.11 and 5.1.22.
    """
    small, large = np.minimum(values, 2.0), np.maximum(values, 2.0)
    series, term = -np.euler_gamma - np.log(small), np.ones_like(small)
    for k in range(1, _TERMS):
        term = -term * small / k
        series -= term / k
    fraction = np.zeros_like(large)
    for k in range(_TERMS, 0, -1):
        fraction = k * k / (large + 2 * k + 1 - fraction)
    return np.where(values <= 2.0, series, np.exp(-large) / (large + 1 - fraction))
