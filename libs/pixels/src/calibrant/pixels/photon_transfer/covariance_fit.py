"""The covariance model, equation 20 of Astier et al. 2019 (A&A 629, A36), for all lags and amplifiers at once.

It owns the model and its solution; which points are used, and a first gain, a00 and noise, come from the variance's
fit. With * for a convolution, c = a b, m the mean in ADU and g the gain::

    C = m delta / g + a m^2 + 2/3 (a*a + c) g m^3 + (1/3 a*a*a + 5/6 a*c) g^2 m^4 + n / g^2

which is a polynomial in the mean. So all points of a lag reduce to its five coefficients and their weights, and the
work does not grow with the number of pairs. Each lag is stepped by itself, with what the others add to the
convolutions taken from the step before: those depend on each other so weakly that a few steps suffice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.convolving import Evenly
from calibrant.pixels.photon_transfer.curves import Curve
from calibrant.pixels.photon_transfer.points import Points
from calibrant.pixels.photon_transfer.results import CovarianceTerms
from calibrant.pixels.photon_transfer.selecting import Selected

Numbers = NDArray[np.float64]

STEPS: Final = 60
SMALL: Final = 1e-4
"""A step, in standard errors, after which a fit has arrived."""
CHUNK: Final = 256
"""Amplifiers that are solved side by side: bounds the memory."""


@dataclass(frozen=True, eq=False)
class CovarianceSolved:
    """What was found for each of A amplifiers.

    Parameters
    ----------
    parameters, covariance
        (A, 3) and (A, 3, 3): of gain, a00 and noise2.
    chi2, degrees_of_freedom, converged
        (A,).
    terms
        One for each amplifier.
    """

    parameters: Numbers
    covariance: Numbers
    chi2: Numbers
    degrees_of_freedom: NDArray[np.intp]
    converged: NDArray[np.bool_]
    terms: Sequence[CovarianceTerms]


def fit_covariances(
    curves: Sequence[Curve], found: Points, selected: Selected, *, with_b: bool
) -> CovarianceSolved:
    """Fit the covariance model to the points that the variance's fit kept.

    Parameters
    ----------
    curves, found, selected
        Of the same amplifiers; every curve has covariances of the same lags.
    with_b
        False: b is zero.
    """
    parts = []
    for begin in range(0, len(curves), CHUNK):
        rows = np.arange(begin, min(begin + CHUNK, len(curves)))
        parts.append(_Chunk(curves[begin : begin + CHUNK], found, selected, rows, with_b=with_b).solve())
    return CovarianceSolved(
        np.concatenate([part.parameters for part in parts]),
        np.concatenate([part.covariance for part in parts]),
        np.concatenate([part.chi2 for part in parts]),
        np.concatenate([part.degrees_of_freedom for part in parts]),
        np.concatenate([part.converged for part in parts]),
        [terms for part in parts for terms in part.terms],
    )


@dataclass(eq=False)
class _State:
    """Parameters without dimension, for means over the highest: of A amplifiers and L x L lags.

    `scale` (A,) is 1 / gain; `a` is a x gain x highest, `c` is c x (gain x highest)**2, `noise` is n / (gain**2 x
    highest), each (A, L, L).
    """

    scale: Numbers
    a: Numbers
    c: Numbers
    noise: Numbers


class _Chunk:
    def __init__(
        self,
        curves: Sequence[Curve],
        found: Points,
        selected: Selected,
        rows: NDArray[np.intp],
        *,
        with_b: bool,
    ) -> None:
        part = found.take(rows)
        kept, errors = selected.kept[rows], selected.errors[rows]
        data, counts = _rectangles(curves, part)
        lags = data.shape[-1]
        self.with_b, self.even = with_b, Evenly(lags)
        self.highest = np.where(kept, part.means, 0).max(axis=1)
        self.highest[self.highest == 0] = 1  # nothing is kept, and nothing comes of it
        weights = _weights(part, kept, errors, counts) * self.highest[:, None, None, None] ** 2
        self.data = _Reduced(
            np.where(kept, part.means / self.highest[:, None], 0),
            data / self.highest[:, None, None, None],
            weights,
        )
        self.degrees = np.count_nonzero(weights, axis=(1, 2, 3)) - lags**2 * (3 if with_b else 2) - 1
        self.state = self._start(selected.solved.parameters[rows], lags)

    def _start(self, parameters: Numbers, lags: int) -> _State:
        gain, a00, noise2 = parameters[:, :3].T
        a, c, noise = np.zeros((3, len(gain), lags, lags))
        a[:, 0, 0] = a00 * gain * self.highest
        noise[:, 0, 0] = noise2 / gain**2 / self.highest
        return _State(1 / gain, a, c, noise)

    def solve(self) -> CovarianceSolved:
        """Step until every step of an amplifier is small beside its error, or the steps are used up."""
        active: NDArray[np.bool_] = np.ones(len(self.highest), bool)
        with np.errstate(
            over="ignore", invalid="ignore", divide="ignore"
        ):  # one that finds nothing may go far
            for _ in range(STEPS):
                step, inverse = self._step()
                self._move(np.where(active[:, None, None, None], step, 0))
                errors = np.sqrt(np.maximum(np.diagonal(inverse, axis1=-2, axis2=-1), 0))
                active &= np.any(~(np.abs(step) <= SMALL * errors), axis=(1, 2, 3))
                if not active.any():
                    break
            return self._result(~active, inverse)

    def _step(self) -> tuple[Numbers, Numbers]:
        """Give the step of each lag's (scale, a, c, noise), and their covariance."""
        coefficients, derivatives = self._model()
        transposed = derivatives.swapaxes(-1, -2)
        inverse = _inverse(transposed @ self.data.matrix @ derivatives)
        return (inverse @ (transposed @ self.data.slope(coefficients)[..., None]))[..., 0], inverse

    def _model(self) -> tuple[Numbers, Numbers]:
        """Give the five coefficients of each lag, and what they owe to its own (scale, a, c, noise)."""
        now, even = self.state, self.even
        a, c = even.transform(now.a), even.transform(now.c)
        twice, thrice, mixed = even.back(a * a), even.back(a**3), even.back(a * c)
        third, fourth = 2 / 3 * (twice + now.c), thrice / 3 + 5 / 6 * mixed
        scale = now.scale[:, None, None]
        shape = now.a.shape
        poisson = np.zeros(shape)
        poisson[:, 0, 0] = 1
        unit = np.stack([np.zeros(shape), poisson, now.a, third, fourth], axis=-1)
        coefficients = unit * scale[..., None]
        coefficients[..., 0] = now.noise
        derivatives = np.zeros((*shape, 5, 4))
        derivatives[:, 0, 0, :, 0] = unit[:, 0, 0]
        middle, twice_middle, c_middle = (plane[:, :1, :1] for plane in (now.a, twice, now.c))
        derivatives[..., 2, 1] = scale
        derivatives[..., 3, 1] = scale * 4 / 3 * middle
        derivatives[..., 4, 1] = scale * (twice_middle + 5 / 6 * c_middle)
        if self.with_b:
            derivatives[..., 3, 2] = scale * 2 / 3
            derivatives[..., 4, 2] = scale * 5 / 6 * middle
        derivatives[..., 0, 3] = 1
        return coefficients, derivatives

    def _move(self, step: Numbers) -> None:
        """Go a step, but no further than to half or twice the gain."""
        now = self.state
        now.scale = np.clip(now.scale + step[:, 0, 0, 0], now.scale / 2, now.scale * 2)
        now.a += step[..., 1]
        now.c += step[..., 2]
        now.noise += step[..., 3]

    def _result(self, converged: NDArray[np.bool_], inverse: Numbers) -> CovarianceSolved:
        now = self.state
        gain, full = 1 / now.scale, self.highest / now.scale
        a, noise = now.a[:, 0, 0] / full, now.noise[:, 0, 0] * self.highest * gain**2
        turn = np.zeros((len(gain), 3, 4))
        turn[:, 0, 0], turn[:, 1, 0], turn[:, 1, 1] = -(gain**2), a * gain, 1 / full
        turn[:, 2, 0], turn[:, 2, 3] = -2 * noise * gain, self.highest * gain**2
        middle = inverse[:, 0, 0]
        return CovarianceSolved(
            np.stack([gain, a, noise], axis=-1),
            turn @ middle @ turn.swapaxes(-1, -2),
            self.data.chi2(self._model()[0]),
            self.degrees,
            converged & np.isfinite(now.a).all(axis=(1, 2)),
            [self._terms(row, inverse[row]) for row in range(len(gain))],
        )

    def _terms(self, row: int, inverse: Numbers) -> CovarianceTerms:
        now, gain = self.state, 1 / self.state.scale[row]
        full = gain * self.highest[row]
        of_noise = self.highest[row] * gain**2
        errors = np.sqrt(np.maximum(np.diagonal(inverse, axis1=-2, axis2=-1), 0))
        a, c = now.a[row], now.c[row]
        b = c / a if self.with_b else c
        variance = errors[..., 2] ** 2 - 2 * b * inverse[..., 1, 2] + (b * errors[..., 1]) ** 2
        b_errors = np.sqrt(np.maximum(variance, 0)) / np.abs(a)
        return CovarianceTerms(
            a / full,
            errors[..., 1] / full,
            b / full,
            b_errors / full if self.with_b else np.zeros_like(a),
            c / full**2,
            errors[..., 2] / full**2,
            now.noise[row] * of_noise,
            errors[..., 3] * of_noise,
        )


class _Reduced:
    """Points of each lag as the weighted sums that a polynomial of degree 4 needs: memory and work of no points at all."""

    def __init__(self, means: Numbers, data: Numbers, weights: Numbers) -> None:
        amplifiers, points, lags, _ = data.shape
        powers = means[..., None] ** np.arange(9)
        flat = weights.reshape(amplifiers, points, -1).swapaxes(-1, -2)
        values = data.reshape(amplifiers, points, -1).swapaxes(-1, -2)
        sums = (flat @ powers).reshape(amplifiers, lags, lags, 9)
        self.matrix = sums[..., np.add.outer(np.arange(5), np.arange(5))]
        self._right = ((flat * values) @ powers[..., :5]).reshape(amplifiers, lags, lags, 5)
        self._squares = (flat * values**2).sum(axis=(1, 2))

    def slope(self, coefficients: Numbers) -> Numbers:
        """Give half the change of chi squared with each coefficient, towards less."""
        result: Numbers = self._right - (self.matrix @ coefficients[..., None])[..., 0]
        return result

    def chi2(self, coefficients: Numbers) -> Numbers:
        """Give the weighted sum of squares of each amplifier."""
        inner = (coefficients * (self._right + self.slope(coefficients))).sum(axis=(1, 2, 3))
        result: Numbers = np.maximum(self._squares - inner, 0)
        return result


def _rectangles(curves: Sequence[Curve], part: Points) -> tuple[Numbers, Numbers]:
    """Give covariances and counts, (A, P, L, L), in the order of the points."""
    shapes = (curve.covariances.shape[1:] for curve in curves if curve.covariances is not None)
    data, counts = np.zeros((2, *part.means.shape, *next(shapes)))
    for row, curve in enumerate(curves):
        assert curve.covariances is not None
        assert curve.n_pairs is not None
        taken = np.flatnonzero(part.usable[row])
        own = part.order[row][taken]
        data[row, taken] = curve.covariances[own]
        counts[row, taken] = curve.n_pairs[own]
    return data, counts


def _weights(part: Points, kept: NDArray[np.bool_], errors: Numbers, counts: Numbers) -> Numbers:
    """Give one over the variances: a covariance scatters by the variance over the root of the pairs, in both directions."""
    directions = np.full(counts.shape[-2:], 2.0)
    directions[0, :] = directions[:, 0] = 1
    directions[0, 0] = 0.5  # a variance scatters by the root of 2 more
    relative = counts * directions / (part.n_pixels / 2)[..., None, None]
    result: Numbers = np.where(kept, 1 / errors**2, 0.0)[..., None, None] * relative
    return result


def _inverse(matrix: Numbers) -> Numbers:
    """Invert the blocks; what no point says anything about stays where it is, without an error."""
    diagonal = np.diagonal(matrix, axis1=-2, axis2=-1)
    scale: Numbers = np.where(diagonal > 0, 1 / np.sqrt(diagonal), 0.0)
    scaled = np.nan_to_num(matrix * scale[..., None] * scale[..., None, :])
    index = np.arange(matrix.shape[-1])
    scaled[..., index, index] = 1 + 1e-12  # never singular
    result: Numbers = np.linalg.inv(scaled) * scale[..., None] * scale[..., None, :]
    return result
