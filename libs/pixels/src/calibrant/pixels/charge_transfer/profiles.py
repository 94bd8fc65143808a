"""The overscan behind an image, averaged over its lines, and the clipped means that all measurements of lines take.

It owns the average and its errors; it must not know what trails into the overscan, or other levels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.ends import End
from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.charge_transfer.trailing_settings import Trailing
from calibrant.pixels.statistics import clipped_statistics

Values = NDArray[np.float64]

FEWEST_LINES: Final = 3


@dataclass(frozen=True, eq=False)
class Profile:
    """Mean overscan behind an image, above the pedestal.

    Parameters
    ----------
    signal
        Of the last imaging pixels.
    values, errors
        Of each overscan pixel, and the standard deviation that is its own: that of the pedestal, which all share, is
        not in it.
    baseline_errors
        What of the errors is the baseline's: all profiles above the same one have it in common. None: nothing.
    """

    signal: float
    values: Values
    errors: Values
    baseline_errors: Values | None = None


def overscan_profile(
    end: End, settings: Trailing | None = None, baseline: Profile | None = None
) -> Profile | Reason:
    """Average the overscan over the lines, above the pedestal of each, for :func:`fit_tail`.

    Parameters
    ----------
    end
        Of the amplifier.
    settings
        The pedestal and the clip; `pixels` is not used.
    baseline
        The same of bias frames, which is subtracted; None: nothing is.
    """
    settings = settings or Trailing()
    lines = end.known()
    count = lines.overscan.shape[1]
    if settings.level_pixels >= count or (baseline and len(baseline.values) != count):
        return Reason.TOO_FEW_PIXELS
    if len(lines.overscan) < FEWEST_LINES:
        return Reason.TOO_FEW_LINES
    level = pedestals(lines, settings)
    values = np.array([mean(column, settings)[0] for column in (lines.overscan - level[:, None]).T])
    errors = _own_errors(lines.overscan, settings)
    if not (errors > 0).all():
        return Reason.NO_NOISE
    signal, _ = mean(lines.image[:, -1] - level, settings)
    if baseline is None:
        return Profile(signal, values, errors)
    return Profile(signal, values - baseline.values, np.hypot(errors, baseline.errors), baseline.errors)


def mean_profile(profiles: Sequence[Profile | Reason]) -> Profile | None:
    """Give the weighted mean of some profiles: what overscans of bias frames have, as a baseline.

    Parameters
    ----------
    profiles
        Of one amplifier in one direction; reasons are left out.

    Returns
    -------
    Profile or None
        None: there is none.
    """
    known = [one for one in profiles if isinstance(one, Profile)]
    if not known:
        return None
    weights = np.array([one.errors for one in known]) ** -2.0
    values = (weights * [one.values for one in known]).sum(axis=0) / weights.sum(axis=0)
    signal = sum(one.signal for one in known) / len(known)
    return Profile(signal, values, weights.sum(axis=0) ** -0.5)


def pedestals(lines: End, settings: Trailing) -> Values:
    """Give the mean of the last overscan pixels of each line."""
    means: Values = lines.overscan[:, -settings.level_pixels :].mean(axis=1)
    return means


def mean(values: Values, settings: Trailing) -> tuple[float, float]:
    """Give the clipped mean and its standard error."""
    kept = clipped_statistics(values, settings.sigma)
    return kept.mean, kept.std / math.sqrt(kept.count)


def _own_errors(overscan: Values, settings: Trailing) -> Values:
    """Give the standard error of each overscan pixel against all of its line."""
    count = overscan.shape[1]
    against = overscan - overscan.mean(axis=1, keepdims=True)
    errors = np.array([mean(column, settings)[1] for column in against.T])
    own: Values = errors * math.sqrt(count / (count - 1))
    return own
