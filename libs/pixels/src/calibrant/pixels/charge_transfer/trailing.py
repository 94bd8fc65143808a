"""Extended pixel edge response (EPER): the charge that arrives in the overscan, late.

It owns the estimate of one amplifier of one frame and its error; it must not know raw frames, or other levels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.ends import End
from calibrant.pixels.charge_transfer.profiles import FEWEST_LINES, Profile, mean, pedestals
from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.charge_transfer.trailing_settings import Trailing
from calibrant.pixels.decays import Decay

Values = NDArray[np.float64]

SIGNIFICANT: Final = 5.0
"""Standard deviations that a signal, or a rise between two overscan pixels, has to have."""


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
    baseline_error, offset_error
        What of `charge_error` is that of the baseline and of the electronic offset: all levels that were measured with
        the same ones have them in common, and no mean of them makes it smaller.
    """

    signal: float
    signal_error: float
    charge: float
    charge_error: float
    offset: float
    transfers: int
    rises: bool
    baseline_error: float = 0.0
    offset_error: float = 0.0

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

    @property
    def cti_shared_errors(self) -> tuple[float, float]:
        """What of `cti_error` is the baseline's and the offset's."""
        lost = self.signal * self.transfers
        return self.baseline_error / lost, self.offset_error / lost

    def without(self, offset: Decay, weights: Values) -> "TrailingCharge":
        """Subtract an electronic offset.

        Parameters
        ----------
        offset
            From :func:`fit_tail`.
        weights
            What each overscan pixel counts in the charge.
        """
        share, its_error = offset.summed(np.arange(1.0, len(weights) + 1), weights)
        return replace(
            self,
            charge=self.charge - share * self.signal,
            charge_error=math.hypot(self.charge_error, its_error * self.signal),
            offset=self.offset + share * self.signal,
            offset_error=its_error * self.signal,
        )


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
    reason = _too_few(lines, settings, baseline, level_known=level is not None)
    if reason is not None:
        return reason
    levels = pedestals(lines, settings) if level is None else np.full(len(lines.overscan), level)
    signal, signal_error = mean(lines.image[:, -1] - levels, settings)
    if not signal > SIGNIFICANT * signal_error:
        return Reason.NO_SIGNAL
    charge, error, of_baseline = _late(lines, levels, settings, baseline)
    rises = _rises(lines.overscan, settings, baseline)
    transfers = settings.transfers(end)
    found = TrailingCharge(signal, signal_error, charge, error, 0.0, transfers, rises, of_baseline)
    if offset is None:
        return found
    return found.without(offset, settings.weights(lines.overscan.shape[1], level_known=level is not None))


def measure_trailing(
    ends: Mapping[str, End | Reason], settings: Trailing | None = None
) -> dict[str, TrailingCharge | Reason]:
    """Measure every amplifier of a frame.

    Parameters
    ----------
    ends
        By the name of the amplifier, from :func:`end_of_image`; a reason stays one.
    settings
        See :class:`Trailing`.
    """
    return {
        name: end if isinstance(end, Reason) else trailing_charge(end, settings) for name, end in ends.items()
    }


def _too_few(lines: End, settings: Trailing, baseline: Profile | None, *, level_known: bool) -> Reason | None:
    count = lines.overscan.shape[1]
    needed = settings.pixels + (0 if level_known else settings.level_pixels)
    if needed > count or not lines.image.shape[1] or (baseline and len(baseline.values) != count):
        return Reason.TOO_FEW_PIXELS
    return Reason.TOO_FEW_LINES if len(lines.image) < FEWEST_LINES else None


def _late(
    lines: End, levels: Values, settings: Trailing, baseline: Profile | None
) -> tuple[float, float, float]:
    """Give the sum of the first overscan pixels above the pedestal, its standard error, and what of that is the baseline's."""
    charge, error = mean(
        lines.overscan[:, : settings.pixels].sum(axis=1) - settings.pixels * levels, settings
    )
    if baseline is None:
        return charge, error, 0.0
    of_baseline = math.hypot(*(settings.weights(lines.overscan.shape[1]) * baseline.errors))
    charge -= float(baseline.values[: settings.pixels].sum())
    return charge, math.hypot(error, of_baseline), of_baseline


def _rises(overscan: Values, settings: Trailing, baseline: Profile | None) -> bool:
    """Say whether a pixel is brighter than the one before it, beyond what both have without light."""
    steps = [mean(step, settings) for step in np.diff(overscan, axis=1).T]
    values, errors = np.array(steps).reshape(-1, 2).T
    if baseline is not None:
        values = values - np.diff(baseline.values)
        errors = np.hypot(errors, np.hypot(baseline.errors[1:], baseline.errors[:-1]))
    return bool(((values > SIGNIFICANT * errors) & (errors > 0)).any())
