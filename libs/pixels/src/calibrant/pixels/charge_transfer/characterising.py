"""All that the ends of evenly lit frames say of one amplifier's charge transfer in one direction.

It owns the order of the measurements; it must not know frames or other amplifiers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from calibrant.pixels.charge_transfer.ends import End
from calibrant.pixels.charge_transfer.levels import Loss, Turnoff, mean_inefficiency, solve_loss, turnoff
from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.charge_transfer.solving import SolvedTransfers, solve_transfers
from calibrant.pixels.charge_transfer.tails import fit_tail
from calibrant.pixels.charge_transfer.trailing import (
    Profile,
    Trailing,
    TrailingCharge,
    overscan_profile,
    trailing_charge,
)
from calibrant.pixels.decays import Decay

Offset = Literal["none", "decay", "bounce"]


@dataclass(frozen=True)
class Characterised:
    """One amplifier in one direction.

    Parameters
    ----------
    measured
        Of each frame, in their order.
    mean
        Weighted mean of the inefficiencies below the turnoff, and its standard deviation.
    loss
        Proportional and fixed part, below the turnoff.
    turnoff
        None: not reached.
    offset
        Electronic offset that was subtracted; None: none was asked for. A reason: none was found or subtracted.
    solved
        Transfers for the correction.
    """

    measured: tuple[TrailingCharge | Reason, ...]
    mean: tuple[float, float] | Reason
    loss: Loss | Reason
    turnoff: Turnoff | None
    offset: Decay | Reason | None
    solved: SolvedTransfers | Reason


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
    full_well
        Of traps, in the unit of the frames.
    settings
        See :class:`Trailing`.
    biases
        Ends of bias frames, for what overscans have without light.
    offset
        Which electronic offset is fitted and subtracted.
    limit
        Of the inefficiency, for the turnoff.
    highest
        Frames of more signal are measured, but nothing is fitted to them (cp_pipe's maxImageMean), in the unit of the
        frames.
    """
    settings = settings or Trailing()
    baseline = _baseline(biases, settings)
    profiles = [one if isinstance(one, Reason) else overscan_profile(one, settings, baseline) for one in ends]
    usable = [one for one in profiles if isinstance(one, Profile) and 0 < one.signal <= highest]
    tail = _tail(usable, offset)
    subtracted = tail if isinstance(tail, Decay) else None
    measured = tuple(
        one
        if isinstance(one, Reason)
        else trailing_charge(one, settings, offset=subtracted, baseline=baseline)
        for one in ends
    )
    end = turnoff(measured, limit)
    most = min(highest, np.inf if end is None else end.signal)
    within = [one for one in measured if isinstance(one, TrailingCharge) and one.signal <= most]
    return Characterised(
        measured,
        mean_inefficiency(within),
        solve_loss(within),
        end,
        tail,
        _solved(ends, [one for one in usable if one.signal <= most], full_well, subtracted),
    )


def _baseline(biases: Sequence[End | Reason], settings: Trailing) -> Profile | None:
    known = [one for one in biases if isinstance(one, End)]
    if not known:
        return None
    image = np.concatenate([one.image for one in known])
    overscan = np.concatenate([one.overscan for one in known])
    found = overscan_profile(End(image, overscan, known[0].imaging, known[0].prescan), settings)
    return None if isinstance(found, Reason) else found


def _tail(profiles: Sequence[Profile], offset: Offset) -> Decay | Reason | None:
    if offset == "none":
        return None
    if not profiles:
        return Reason.TOO_FEW_LEVELS
    values = np.array([one.values for one in profiles])
    errors = np.array([one.errors for one in profiles])
    return fit_tail(values, errors, np.array([one.signal for one in profiles]), bounce=offset == "bounce")


def _solved(
    ends: Sequence[End | Reason], profiles: Sequence[Profile], full_well: float, offset: Decay | None
) -> SolvedTransfers | Reason:
    known = [one for one in ends if isinstance(one, End)]
    if not known:
        return next((one for one in ends if isinstance(one, Reason)), Reason.TOO_FEW_LEVELS)
    last = min(13, known[0].overscan.shape[1])
    return solve_transfers(
        profiles,
        imaging=known[0].imaging,
        prescan=known[0].prescan,
        full_well=full_well,
        last=last,
        offset=offset,
    )
