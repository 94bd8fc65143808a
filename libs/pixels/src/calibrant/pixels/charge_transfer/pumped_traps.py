"""Release times of single traps from the amplitudes of their dipoles against the pumping time.

It owns the two laws and their fit for many dipoles at once; it must not know images.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.levenberg_marquardt import Observed, least_squares

Values = NDArray[np.float64]

Pumping = Literal["parallel", "serial"]

LOG_CAPTURE: Final = {"parallel": (-7.0, -2.0), "serial": (-7.0, -1.0)}
"""Bounds of log10 of the capture probability."""

FEWEST: Final = 3

STARTS: Final = 40


@dataclass(frozen=True, eq=False)
class PumpedTraps:
    """What dipoles say of their traps; NaN, but for chi square, where `converged` is False.

    Parameters
    ----------
    capture, capture_error
        (n,): probability of capture in a cycle.
    release, release_error
        (n,): time constant, in the unit of the pumping times.
    chi2
        (n,): of the residuals.
    converged
        (n,): False where fewer than three amplitudes are known, or the best fit lies at a bound or is not found.
    """

    capture: Values
    capture_error: Values
    release: Values
    release_error: Values
    chi2: Values
    converged: NDArray[np.bool_]


def amplitude(times: Values, release: Values, pumping: Pumping) -> Values:
    """Give the law of a dipole, of one cycle and a capture probability of 1.

    ``exp(-t / release) - exp(-2 t / release)`` for parallel pumping, which is 1/4 at most, at ``t = release ln 2``;
    ``1 - exp(-t / release)`` for serial pumping.
    """
    decay = np.exp(-times / release)
    return decay - decay**2 if pumping == "parallel" else 1 - decay


def fit_pumping(
    times: Values, amplitudes: Values, errors: Values, *, cycles: int, pumping: Pumping = "parallel"
) -> PumpedTraps:
    """Fit capture probability and release time of every dipole.

    Parameters
    ----------
    times
        (times,): dwell in a clock phase (serial: with the time that is added to it), in any unit.
    amplitudes, errors
        (n, times), as :func:`dipole_amplitudes` has them; what is not finite is left out.
    cycles
        Of pumping.
    pumping
        Direction.

    Notes
    -----
    Hall et al. 2014 (IEEE TNS 61, 1826); bounds as vison has them: the release time from a tenth of the shortest to ten
    times the longest pumping time.
    """
    if not len(amplitudes):
        none = np.zeros(0)
        return PumpedTraps(none, none, none, none, none, np.zeros(0, dtype=bool))
    known = np.isfinite(amplitudes) & np.isfinite(errors)
    weights = np.where(known, 1 / np.where(known, errors, 1) ** 2, 0.0)
    data = Observed(np.broadcast_to(times, weights.shape), np.where(known, amplitudes, 0.0), weights)
    log_low, log_high = LOG_CAPTURE[pumping]
    low = np.array([log_low, np.log(times.min() / 10)])
    high = np.array([log_high, np.log(times.max() * 10)])

    def law(x: Values, parameters: Values) -> tuple[Values, Values]:
        release = np.exp(parameters[:, 1])[:, None]
        height = cycles * 10 ** parameters[:, :1]
        values, decay = height * amplitude(x, release, pumping), np.exp(-x / release)
        longer = (decay - 2 * decay**2 if pumping == "parallel" else -decay) * x / release
        return values, np.stack([values * np.log(10), height * longer], axis=-1)

    solved = least_squares(law, data, _starts(data, cycles, pumping, low, high), (low, high))
    log_capture, log_release = solved.parameters.T
    inside = ((low < solved.parameters) & (solved.parameters < high)).all(axis=1)
    good = solved.converged & inside & (known.sum(axis=1) >= FEWEST)
    of_capture, of_release = np.sqrt(np.diagonal(solved.covariance, axis1=1, axis2=2)).T
    capture, release = 10**log_capture, np.exp(log_release)
    capture_error, release_error = capture * np.log(10) * of_capture, release * of_release
    unknown = ~good
    for result in (capture, capture_error, release, release_error):
        result[unknown] = np.nan
    return PumpedTraps(capture, capture_error, release, release_error, solved.chi2, good)


def _starts(data: Observed, cycles: int, pumping: Pumping, low: Values, high: Values) -> Values:
    """Give the best of some release times, each with the capture probability that suits it best."""
    tried = np.linspace(low[1], high[1], STARTS + 2)[1:-1]
    curves = cycles * amplitude(data.x[:1], np.exp(tried)[:, None], pumping)
    across = (data.weights * data.y) @ curves.T
    along = data.weights @ (curves**2).T
    with np.errstate(invalid="ignore", divide="ignore"):
        capture = np.where(along > 0, across / along, 0)
        gain = np.where(capture > 0, across * capture, -1)
    best = gain.argmax(axis=1)
    height = np.maximum(capture[np.arange(len(best)), best], 10 ** low[0])
    return np.stack([np.log10(height), tried[best]], axis=1)
