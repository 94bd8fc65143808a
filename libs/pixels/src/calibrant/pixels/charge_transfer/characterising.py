"""All that the ends of evenly lit frames say of one amplifier's charge transfer in one direction.

It owns the order of the measurements; it must not know frames or other amplifiers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from calibrant.pixels.charge_transfer.ends import End
from calibrant.pixels.charge_transfer.levels import Loss, Turnoff, mean_inefficiency, solve_loss, turnoff
from calibrant.pixels.charge_transfer.profiles import Profile, mean_profile, overscan_profile
from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.charge_transfer.solving import POWERS, SolvedTransfers, solve_transfers
from calibrant.pixels.charge_transfer.tails import fit_tail
from calibrant.pixels.charge_transfer.trailing import TrailingCharge, trailing_charge
from calibrant.pixels.charge_transfer.trailing_settings import Trailing
from calibrant.pixels.decays import Decay

Offset = Literal["auto", "none", "decay", "bounce"]

LAST: Final = 13
"""Last overscan pixel that transfers are solved from."""

_RISING: Final = 2
"""Levels whose overscan has to rise, if there are as many, before a bounce is looked for."""

_MISFIT: Final = 5.0
"""Chi square over degrees of freedom beyond which what rises is no bounce."""


@dataclass(frozen=True, eq=False)
class MeasuredEnd:
    """One frame's end of an amplifier's image, measured: what is kept of it.

    Parameters
    ----------
    profile
        Its overscan.
    charge
        What trails into it, the electronic offset included.
    imaging, prescan
        Pixels of a whole line before the overscan.
    """

    profile: Profile | Reason
    charge: TrailingCharge | Reason
    imaging: int = 0
    prescan: int = 0


@dataclass(frozen=True)
class Characterised:
    """One amplifier in one direction.

    Parameters
    ----------
    measured
        Of each frame, in their order.
    used
        Of each frame: whether it counts in what follows.
    mean
        Weighted mean of the inefficiencies below the turnoff, and its standard deviation.
    loss
        Proportional and fixed part, below the turnoff.
    turnoff
        None: not reached.
    offset
        Electronic offset that was subtracted; None: none was looked for. A reason: none was found or subtracted.
    solved
        Transfers for the correction.
    """

    measured: tuple[TrailingCharge | Reason, ...]
    used: tuple[bool, ...]
    mean: tuple[float, float] | Reason
    loss: Loss | Reason
    turnoff: Turnoff | None
    offset: Decay | Reason | None
    solved: SolvedTransfers | Reason


def measure_end(
    end: End | Reason, settings: Trailing | None = None, baseline: Profile | None = None
) -> MeasuredEnd:
    """Measure the end of an image, so that its pixels need not be kept.

    Parameters
    ----------
    end
        Of an evenly lit frame; a reason stays one.
    settings
        See :class:`Trailing`.
    baseline
        What overscans have without light; None: nothing.
    """
    if isinstance(end, Reason):
        return MeasuredEnd(end, end)
    profile = overscan_profile(end, settings, baseline)
    return MeasuredEnd(profile, trailing_charge(end, settings, baseline=baseline), end.imaging, end.prescan)


def characterise(
    ends: Sequence[End | Reason],
    *,
    full_well: float,
    settings: Trailing | None = None,
    biases: Sequence[End | Reason] = (),
    offset: Offset = "none",
    limit: float = 1e-5,
    highest: float = 150_000.0,
) -> Characterised:
    """Measure the charge transfer of an amplifier.

    Parameters
    ----------
    ends
        Of evenly lit frames, of several levels for all but the inefficiency of each.
    biases
        Ends of bias frames, for what overscans have without light.
    full_well, settings, offset, limit, highest
        See :func:`characterise_measured`.
    """
    without_light = [overscan_profile(one, settings) for one in biases if isinstance(one, End)]
    baseline = mean_profile(without_light)
    return characterise_measured(
        [measure_end(one, settings, baseline) for one in ends],
        full_well=full_well,
        settings=settings,
        offset=offset,
        limit=limit,
        highest=highest,
    )


def characterise_measured(
    ends: Sequence[MeasuredEnd],
    *,
    full_well: float,
    settings: Trailing | None = None,
    offset: Offset = "none",
    limit: float = 1e-5,
    highest: float = 150_000.0,
    powers: Sequence[float] = POWERS,
) -> Characterised:
    """Join what the frames say of an amplifier.

    Parameters
    ----------
    ends
        Of frames of several levels, all measured with the same settings.
    full_well
        Of traps, in the unit of the frames.
    settings
        See :class:`Trailing`.
    offset
        Which electronic offset is fitted and subtracted. "auto": a bounce, where two levels have an overscan that rises;
        if none fits, nothing is concluded from these overscans.
    limit
        By which the inefficiency exceeds that of the other levels beyond the turnoff.
    highest
        Frames of more signal are measured, but nothing is fitted to them (cp_pipe's maxImageMean), in the unit of the
        frames.
    powers
        See :func:`solve_transfers`.
    """
    settings = settings or Trailing()
    usable = [_signal(one) <= highest for one in ends]
    tail = _tail([one for one, good in zip(ends, usable, strict=True) if good], offset)
    measured = [_without(one, tail, settings) for one in ends]
    end = turnoff(measured, limit + _usual(measured))
    reached = min(highest, np.inf if end is None or not end.signal else end.signal)
    used = [isinstance(one, TrailingCharge) and one.signal <= reached for one in measured]
    within = [one for one, good in zip(measured, used, strict=True) if good]
    if tail is Reason.BOUNCES:
        return Characterised(tuple(measured), (False,) * len(used), tail, tail, end, tail, tail)
    solved = _solved([one for one, good in zip(ends, used, strict=True) if good], full_well, tail, powers)
    if isinstance(solved, Reason) and not within:
        solved = _first_reason(measured)
    return Characterised(
        tuple(measured), tuple(used), _mean(measured, within), solve_loss(within), end, tail, solved
    )


def _signal(end: MeasuredEnd) -> float:
    return end.charge.signal if isinstance(end.charge, TrailingCharge) else np.inf


def _without(end: MeasuredEnd, tail: Decay | Reason | None, settings: Trailing) -> TrailingCharge | Reason:
    """Subtract the electronic offset, if one was found, from what was measured."""
    if isinstance(end.charge, Reason) or isinstance(end.profile, Reason) or not isinstance(tail, Decay):
        return end.charge
    return end.charge.without(tail, settings.weights(len(end.profile.values)))


def _usual(measured: Sequence[TrailingCharge | Reason]) -> float:
    """Give the lower quartile of the inefficiencies, not below 0: a bad amplifier has them at all levels."""
    known = [one.cti for one in measured if isinstance(one, TrailingCharge)]
    return max(0.0, float(np.percentile(known, 25))) if known else 0.0


def _tail(ends: Sequence[MeasuredEnd], offset: Offset) -> Decay | Reason | None:
    rising = [isinstance(one.charge, TrailingCharge) and one.charge.rises for one in ends]
    if offset == "none" or (offset == "auto" and sum(rising) < min(_RISING, max(len(rising), 1))):
        return None
    profiles = [one.profile for one in ends if isinstance(one.profile, Profile)]
    if not profiles:
        return Reason.TOO_FEW_LEVELS
    values = np.array([one.values for one in profiles])
    errors = np.array([one.errors for one in profiles])
    signals = np.array([one.signal for one in profiles])
    found = fit_tail(values, errors, signals, bounce=offset != "decay")
    if offset == "auto" and (isinstance(found, Reason) or found.chi2 > _MISFIT * found.free):
        return Reason.BOUNCES
    return found


def _mean(
    measured: Sequence[TrailingCharge | Reason], within: Sequence[TrailingCharge | Reason]
) -> tuple[float, float] | Reason:
    """Average the inefficiencies; the reason is that of the first frame where no frame could be measured."""
    found = mean_inefficiency(within)
    return _first_reason(measured) if isinstance(found, Reason) else found


def _solved(
    ends: Sequence[MeasuredEnd], full_well: float, tail: Decay | Reason | None, powers: Sequence[float]
) -> SolvedTransfers | Reason:
    known = [one.profile for one in ends if isinstance(one.profile, Profile)]
    if not known:
        return Reason.TOO_FEW_LEVELS
    return solve_transfers(
        known,
        imaging=ends[0].imaging,
        prescan=ends[0].prescan,
        full_well=full_well,
        last=min(LAST, len(known[0].values)),
        powers=powers,
        offset=tail if isinstance(tail, Decay) else None,
    )


def _first_reason(measured: Sequence[TrailingCharge | Reason]) -> Reason:
    return next((one for one in measured if isinstance(one, Reason)), Reason.TOO_FEW_LEVELS)
