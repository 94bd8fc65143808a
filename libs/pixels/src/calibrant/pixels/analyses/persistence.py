"""Persistence: the signal that stays in pixels after a flood of light, and how it decays.

It owns the levels above a reference and the decay; it must not know which frames were taken when.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.analyses.reasons import Reason
from calibrant.pixels.decays import Decay, Unfitted, fit_decay
from calibrant.pixels.statistics import clipped_statistics

Values = NDArray[np.float64]

FEWEST_PIXELS: Final = 10

LENGTHS: Final = 40
"""Decay times at which the search begins, from half of the shortest interval to three times the whole."""

LATEST: Final = 300.0
"""Decay times after the flood from which no amplitude at time 0 can be told: squared, it would be beyond all numbers."""

REASONS: Final = {
    Unfitted.TOO_FEW: Reason.TOO_FEW_FRAMES,
    Unfitted.INSIGNIFICANT: Reason.NO_DECAY,
    Unfitted.NOT_CONVERGED: Reason.NOT_CONVERGED,
}


@dataclass(frozen=True, eq=False)
class Latent:
    """The signal of the flooded pixels after the flood, in the unit of the frames.

    Parameters
    ----------
    levels
        (frames,): above the mean of the references; NaN where too few pixels are known.
    errors
        (frames,): standard deviations, without what all share: by the scatter of the pixels, or that of the references' means
        where it is larger, since what is subtracted from whole rows moves all of their pixels.
    reference, reference_error
        Mean of the references, and how far it may be off: all levels together.
    pixels
        Flooded ones.
    """

    levels: Values
    errors: Values
    reference: float
    reference_error: float
    pixels: int


@dataclass(frozen=True)
class Fading:
    """``floor + amplitude exp(-t / time_s)``.

    Parameters
    ----------
    amplitude, amplitude_error
        At time 0, in the unit of the frames.
    time_s, time_error_s
        In which it falls to 1/e.
    chi2
        Of the residuals.
    free
        Degrees of freedom.
    """

    amplitude: float
    amplitude_error: float
    time_s: float
    time_error_s: float
    chi2: float
    free: int


def latent_signal(
    frames: Sequence[NDArray[Any]],
    references: Sequence[NDArray[Any]],
    flooded: NDArray[np.bool_],
    *,
    sigma: float = 5.0,
) -> Latent | Reason:
    """Measure what is left in the flooded pixels.

    Parameters
    ----------
    frames
        Of one amplifier, dark, after the flood.
    references
        The same before it, one at least; of the same exposure time.
    flooded
        Pixels that were saturated, defects left out.
    sigma
        Clip, three times.

    Returns
    -------
    Latent or Reason
        The reason where fewer than ten pixels are flooded or known, or there is no reference.

    Notes
    -----
    vison's PERSIST01 and eo_pipe's persistence. The difference of each pixel to its own mean of the references is
    averaged, so that the pattern of the bias and of the dark current drops out.
    """
    if not references:
        return Reason.TOO_FEW_FRAMES
    before = np.stack([one[flooded] for one in references]).astype(np.float64)
    own = before.mean(axis=0)
    if np.isfinite(own).sum() < FEWEST_PIXELS:
        return Reason.TOO_FEW_PIXELS
    means = np.array([clipped_statistics(one, sigma).mean for one in before])
    found = [clipped_statistics(one[flooded] - own, sigma) for one in frames]
    enough = [one.count >= FEWEST_PIXELS for one in found]
    levels = np.array([one.mean if known else np.nan for one, known in zip(found, enough, strict=True)])
    alone = math.sqrt(len(before) / (len(before) + 1))  # of the scatter: the rest is that of the references
    errors = np.array(
        [
            alone * one.std / math.sqrt(one.count) if known else np.nan
            for one, known in zip(found, enough, strict=True)
        ]
    )
    spread = np.append(means.std(ddof=1), 0) if len(means) > 1 else errors[np.isfinite(errors)]
    if len(means) > 1:
        errors = np.maximum(errors, means.std(ddof=1))
    shared = float(spread.max(initial=0)) / math.sqrt(len(means))
    return Latent(levels, errors, float(means.mean()), shared, int(flooded.sum()))


def fit_fading(times_s: Values, levels: Values, errors: Values) -> Fading | Reason:
    """Fit the decay of a latent signal.

    Parameters
    ----------
    times_s
        (frames,), of the middle of each exposure after the flood, in s.
    levels, errors
        Of a :class:`Latent`; what is not finite is left out.

    Returns
    -------
    Fading or Reason
        The reason where fewer than four frames are left, the signal does not decay significantly, or it was over so
        long before the first frame that there is no amplitude. Errors are those that `errors` give, or more where the levels
        scatter more (times the root of chi square by degree of freedom).
    """
    known = np.isfinite(levels) & np.isfinite(errors) & (errors > 0) & np.isfinite(times_s)
    times, values = times_s[known], levels[known]
    apart = np.diff(np.unique(times))
    if not apart.size:
        return Reason.TOO_FEW_FRAMES
    lengths = tuple(np.geomspace(apart.min() / 2, 3 * np.ptp(times), LENGTHS))
    first = times.min()  # at time 0 a short decay may have had more than a number can say
    found = fit_decay(values[None], errors[None, known], np.ones(1), times - first, lengths=lengths)
    if isinstance(found, Unfitted):
        return REASONS[found]
    return _since_the_flood(found, float(first))


def _since_the_flood(decay: Decay, first: float) -> Fading | Reason:
    """Give the amplitude at time 0 and its error, which knows that of the decay time."""
    if first > LATEST * decay.length:
        return Reason.NOT_CONVERGED
    growth = math.exp(first / decay.length)
    slope = np.array([growth, -decay.scale * growth * first / decay.length**2])
    wider = math.sqrt(max(1.0, decay.chi2 / decay.free)) if decay.free else 1.0
    amplitude_error = math.sqrt(float(slope @ decay.covariance @ slope))
    return Fading(
        decay.scale * growth,
        wider * amplitude_error,
        decay.length,
        wider * float(decay.errors[1]),
        decay.chi2,
        decay.free,
    )
