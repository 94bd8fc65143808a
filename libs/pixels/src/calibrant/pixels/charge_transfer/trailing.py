"""Extended pixel edge response (EPER): the charge that arrives in the overscan, late.

It owns the estimate of one amplifier of one frame and its error; it must not know raw frames, or other levels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.ends import End
from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.decays import Decay
from calibrant.pixels.statistics import clipped_statistics

Values = NDArray[np.float64]

Normalisation = Literal["imaging + 1", "prescan + imaging"]

FEWEST_LINES: Final = 3

SIGNIFICANT: Final = 5.0
"""Standard deviations that a signal, or a rise between two overscan pixels, has to have."""


@dataclass(frozen=True)
class Trailing:
    """How trailing charge is measured.

    Parameters
    ----------
    pixels
        First overscan pixels that are summed; 2 as eo_pipe, 3 for CTI against flux.
    level_pixels
        Last overscan pixels of each line, whose mean is its pedestal.
    normalisation
        Transfers that the loss is divided by: "imaging + 1" (eo_pipe) or "prescan + imaging" (eotest).
    sigma
        Lines further from the mean than so many standard deviations are left out (cosmic rays).

    Raises
    ------
    ValueError
        When a value is unknown or makes no sense.
    """

    pixels: int = 2
    level_pixels: int = 5
    normalisation: Normalisation = "imaging + 1"
    sigma: float = 5.0

    def __post_init__(self) -> None:
        if self.normalisation not in get_args(Normalisation):
            known = ", ".join(map(repr, get_args(Normalisation)))
            raise ValueError(f"trailing normalisation: {self.normalisation!r}, must be one of {known}")
        for name in ("pixels", "level_pixels"):
            if getattr(self, name) < 1:
                raise ValueError(f"trailing {name}: {getattr(self, name)}, must be at least 1")
        if not self.sigma > 0:
            raise ValueError(f"trailing sigma: {self.sigma}, must be positive")

    def transfers(self, end: End) -> int:
        """Give the number that the loss is divided by."""
        return end.imaging + 1 if self.normalisation == "imaging + 1" else end.prescan + end.imaging


@dataclass(frozen=True)
class TrailingCharge:
    """What one amplifier leaves behind at one level.

    Parameters
    ----------
    signal, signal_error
        Of the last imaging pixels above their pedestal, and its standard deviation, in the unit of the frame.
    charge, charge_error
        Sum of the first overscan pixels above it, without the electronic offset; in the same unit.
    offset
        What of it was taken for electronic offset and subtracted.
    transfers
        That the loss is divided by.
    rises
        Whether an overscan pixel is significantly brighter than the one before it, which no trailing charge does:
        the electronics bounce, and without an offset subtracted `cti` is not one.
    """

    signal: float
    signal_error: float
    charge: float
    charge_error: float
    offset: float
    transfers: int
    rises: bool

    @property
    def cti(self) -> float:
        """Charge transfer inefficiency, of one transfer."""
        return self.charge / self.signal / self.transfers

    @property
    def cti_error(self) -> float:
        """Its standard deviation."""
        return math.hypot(self.charge_error, self.charge * self.signal_error / self.signal) / (
            self.signal * self.transfers
        )


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
    """

    signal: float
    values: Values
    errors: Values


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
    level = _pedestals(lines, settings, None)
    signal = _mean(lines.image[:, -1] - level, settings)[0]
    values = np.array([_mean(column, settings)[0] for column in (lines.overscan - level[:, None]).T])
    errors = _own_errors(lines.overscan, settings)
    if not (errors > 0).all():
        return Reason.NO_NOISE
    if baseline is not None:
        values, errors = values - baseline.values, np.hypot(errors, baseline.errors)
    return Profile(signal, values, errors)


def trailing_charge(
    end: End,
    settings: Trailing | None = None,
    *,
    level: float | None = None,
    offset: Decay | None = None,
    baseline: Profile | None = None,
) -> TrailingCharge | Reason:
    """Measure the charge that trails into the overscan.

    The charge of each line is the sum of its first overscan pixels less as many times its pedestal, which takes the
    noise that a line's pixels share away; means over the lines, clipped, and their standard errors follow.

    Parameters
    ----------
    end
        Of the amplifier, of a frame with an even illumination at its end.
    settings
        See :class:`Trailing`.
    level
        The pedestal, where it is known; None: measured in each line.
    offset
        The electronic offset, from :func:`fit_tail`; None: none is subtracted. Its error is part of `charge_error`.
    baseline
        :func:`overscan_profile` of bias frames, with the same settings, for what the overscan has without light (a
        level that settles after the image); None: nothing. Its error is part of `charge_error`.

    Returns
    -------
    TrailingCharge or Reason
        The reason where pixels, lines or signal are missing.

    Notes
    -----
    J. R. Janesick, "Scientific Charge-Coupled Devices" (SPIE 2001), section 5.2.3.
    """
    settings = settings or Trailing()
    lines = end.known()
    count = lines.overscan.shape[1]
    needed = settings.pixels + (settings.level_pixels if level is None else 0)
    if needed > count or not lines.image.shape[1] or (baseline and len(baseline.values) != count):
        return Reason.TOO_FEW_PIXELS
    if len(lines.image) < FEWEST_LINES:
        return Reason.TOO_FEW_LINES
    pedestals = _pedestals(lines, settings, level)
    signal, signal_error = _mean(lines.image[:, -1] - pedestals, settings)
    if not signal > SIGNIFICANT * signal_error:
        return Reason.NO_SIGNAL
    overscan = lines.overscan if baseline is None else lines.overscan - baseline.values
    late = overscan[:, : settings.pixels].sum(axis=1) - settings.pixels * pedestals
    charge, error = _mean(late, settings)
    if baseline is not None:
        error = math.hypot(error, *(_weights(lines, settings, None) * baseline.errors))
    electronic, its_error = 0.0, 0.0
    if offset is not None:
        weights = _weights(lines, settings, level)
        electronic, its_error = offset.summed(np.arange(1.0, len(weights) + 1), weights)
    return TrailingCharge(
        signal,
        signal_error,
        charge - electronic * signal,
        math.hypot(error, its_error * signal),
        electronic * signal,
        settings.transfers(end),
        _rises(overscan, settings),
    )


def measure_trailing(
    ends: Mapping[str, End | Reason], settings: Trailing | None = None
) -> dict[str, TrailingCharge | Reason]:
    """Measure every amplifier of a frame; a reason stays one."""
    return {
        name: end if isinstance(end, Reason) else trailing_charge(end, settings) for name, end in ends.items()
    }


def _pedestals(lines: End, settings: Trailing, level: float | None) -> Values:
    if level is not None:
        return np.full(len(lines.overscan), level)
    means: Values = lines.overscan[:, -settings.level_pixels :].mean(axis=1)
    return means


def _weights(lines: End, settings: Trailing, level: float | None) -> Values:
    """Give what each overscan pixel counts in the charge: the pedestal holds the end of the offset too."""
    weights = np.zeros(lines.overscan.shape[1])
    weights[: settings.pixels] = 1
    if level is None:
        weights[-settings.level_pixels :] -= settings.pixels / settings.level_pixels
    return weights


def _mean(values: Values, settings: Trailing) -> tuple[float, float]:
    """Give the clipped mean and its standard error."""
    kept = clipped_statistics(values, settings.sigma)
    return kept.mean, kept.std / math.sqrt(kept.count)


def _own_errors(overscan: Values, settings: Trailing) -> Values:
    """Give the standard error of each overscan pixel against all of its line."""
    count = overscan.shape[1]
    against = overscan - overscan.mean(axis=1, keepdims=True)
    errors = np.array([_mean(column, settings)[1] for column in against.T])
    own: Values = errors * math.sqrt(count / (count - 1))
    return own


def _rises(overscan: Values, settings: Trailing) -> bool:
    steps = np.diff(overscan, axis=1)
    return any(mean > SIGNIFICANT * error > 0 for mean, error in (_mean(step, settings) for step in steps.T))
