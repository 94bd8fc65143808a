"""From the overscans of many levels to the transfers that made them: inefficiency, and a species of traps or one trap.

It owns the joint fit of an amplifier; it must not know how profiles are measured or images corrected.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from calibrant.pixels.charge_transfer.deferring import Transfers, shares_behind
from calibrant.pixels.charge_transfer.profiles import Profile
from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.charge_transfer.register_trap import RegisterTrap
from calibrant.pixels.charge_transfer.tails import LENGTHS
from calibrant.pixels.charge_transfer.traps import Traps
from calibrant.pixels.decays import Decay, Pedestals, Values, closest
from calibrant.pixels.levenberg_marquardt import Solved

POWERS: Final = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

SIGNIFICANT: Final = 14.2
"""Decrease of chi square that three parameters (density, release, power) give by chance in 0.3 % of the cases."""

MOST: Final = 0.1
"""Inefficiency that no detector has: the bound of the fit."""

_FEWEST_LEVELS: Final = 2
"""Traps and inefficiency trail alike at one level."""

_REFINED: Final = 3
"""Powers, the best ones where the search begins, for which all parameters are fitted."""

_PROMISING: Final = 0.5
"""Of a significant decrease: a search that finds less finds no traps."""

_ALIKE: Final = 1e-9
"""Relative determinant below which a trail is no other than that of the inefficiency."""


@dataclass(frozen=True)
class SolvedTransfers:
    """What transfers do to an amplifier.

    Parameters
    ----------
    transfers
        For the image of the amplifier: with traps, or with a register trap where the same is lost at all levels, or
        without either where none is significant; with an inefficiency of 0 where it comes out below.
    inefficiency, inefficiency_error
        Of one transfer.
    density, density_error
        Traps per pixel, or the size of the register trap, in the unit of the profiles; 0 where there are none.
    release, release_error
        In times of one transfer; 0 where there are none. Errors hold for the power as it was found, and are larger
        where the residuals are larger than the profiles' errors; that of a baseline is in them as all profiles share it.
    chi2
        Of the residuals.
    free
        Degrees of freedom.
    """

    transfers: Transfers
    inefficiency: float
    inefficiency_error: float
    density: float
    density_error: float
    release: float
    release_error: float
    chi2: float
    free: int


def solve_transfers(
    profiles: Sequence[Profile | Reason],
    *,
    imaging: int,
    prescan: int = 0,
    full_well: float,
    last: int = 13,
    powers: Sequence[float] = POWERS,
    offset: Decay | None = None,
) -> SolvedTransfers | Reason:
    """Fit inefficiency and traps to the overscans of several levels.

    Overscan pixel k behind a signal s has ``s w_k(inefficiency) + transfers density volume(s) (exp(1 / release) - 1)
    exp(-k / release)``, and a pedestal of its level; w_k is the share that is late by k pixels or
    more. What the inefficiency leaves in the first overscan pixels is taken to fill no traps again.

    Parameters
    ----------
    profiles
        Of evenly lit frames of several levels, from :func:`overscan_profile`; reasons are left out.
    imaging, prescan
        Pixels of a line before the overscan: together the transfers.
    full_well
        Of the traps' volume, in the unit of the profiles.
    last
        Last overscan pixel that is used.
    powers
        Of the filling, of which that with the least chi square is taken; 0 is a register trap, full at all levels: its
        `fill` is the least that fills it at the lowest level.
    offset
        Electronic offset, subtracted before; its error is not in the errors here.

    Returns
    -------
    SolvedTransfers or Reason
        The reason where levels or pixels are missing, or nothing converges.

    Raises
    ------
    ValueError
        When numbers make no sense.
    """
    if not (0 < full_well < math.inf) or not powers or min(powers) < 0:
        raise ValueError(
            f"solve transfers: full_well {full_well} and powers {powers}, must be positive (powers: or 0)"
        )
    known = [one for one in profiles if isinstance(one, Profile)]
    if not known:
        return Reason.TOO_FEW_LEVELS
    if any(len(one.values) < last for one in known):
        return Reason.TOO_FEW_PIXELS
    problem = _Problem(known, imaging, prescan, full_well, last, offset)
    plain = problem.without_traps()
    if plain is None:
        return Reason.NOT_CONVERGED
    best = problem.best_traps(powers, plain)
    return problem.plain_of(plain) if best is None else problem.traps_of(*best)


def _of_baseline(profile: Profile) -> Values:
    return np.zeros(len(profile.values)) if profile.baseline_errors is None else profile.baseline_errors


class _Problem:
    def __init__(  # noqa: PLR0917 - the arguments of the one function that makes it
        self,
        profiles: Sequence[Profile],
        imaging: int,
        prescan: int,
        full_well: float,
        last: int,
        offset: Decay | None,
    ) -> None:
        self.transfers, self.prescan, self.full_well = imaging + prescan, prescan, full_well
        self.places = np.arange(1.0, last + 1)
        self.signals = np.array([one.signal for one in profiles])
        values = np.array([one.values[:last] for one in profiles])
        if offset is not None:
            values = values - self.signals[:, None] * offset.at(self.places)
        errors = np.array([one.errors[:last] for one in profiles])
        shared = np.array([_of_baseline(one)[:last] for one in profiles])
        self.pedestals = Pedestals(errors)
        self.own = 1 - (shared / errors).ravel() ** 2
        self.shared = self.pedestals.without(shared * np.eye(last)[:, None])
        self.wanted = self.pedestals.without(values)
        self.free = values.size - len(values)

    def _late(self, inefficiency: float) -> Values:
        """Give what the inefficiency alone leaves, without pedestal."""
        shares = np.zeros_like(self.places)
        shares[:3] = [share[0] for share in shares_behind(np.array([self.transfers]), inefficiency)[1:]]
        shares = shares[::-1].cumsum()[::-1]  # pixels before the last one are late by more
        return self.pedestals.without(self.signals[:, None] * shares)

    def _late_and_slope(self, inefficiency: float) -> tuple[Values, Values]:
        step = 1e-3 / self.transfers
        slope = (self._late(inefficiency + step) - self._late(inefficiency - step)) / (2 * step)
        return self._late(inefficiency), slope

    def without_traps(self) -> Solved | None:
        """Fit the inefficiency alone."""

        def law(_: Values, parameters: Values) -> tuple[Values, Values]:
            late, slope = self._late_and_slope(float(parameters[0, 0]))
            return late[None], slope[None, :, None]

        return closest(law, self.wanted, np.zeros(1), (np.array([-MOST]), np.array([MOST])))

    def best_traps(self, powers: Sequence[float], plain: Solved) -> tuple[Solved, float] | None:
        """Give the fit of the power with the least chi square; None: no better than that without traps."""
        if len(self.signals) < _FEWEST_LEVELS:
            return None
        chi2 = float(plain.chi2[0])
        starts = sorted((*self._start(power, float(plain.parameters[0, 0])), power) for power in powers)
        promising = [one for one in starts[:_REFINED] if chi2 - one[0] >= _PROMISING * SIGNIFICANT]
        found = [
            (solved, power)
            for _, start, power in promising
            if (solved := self.with_traps(power, start)) is not None
        ]
        if not found:
            return None
        best, power = min(found, key=lambda one: float(one[0].chi2[0]))
        least = SIGNIFICANT * self._scatter(best) ** 2
        significant = chi2 - float(best.chi2[0]) >= least and best.parameters[0, 1] > 0
        return (best, power) if significant else None

    def _scatter(self, solved: Solved) -> float:
        """Give by how much residuals are larger than their errors, at least 1: lines may have noise in common."""
        free = self.free - solved.parameters.shape[1]
        return math.sqrt(max(1.0, float(solved.chi2[0]) / free)) if free > 0 else 1.0

    def with_traps(self, power: float, start: tuple[float, float, float]) -> Solved | None:
        """Fit inefficiency, height and length of the trail, for one power of the filling."""

        def law(_: Values, parameters: Values) -> tuple[Values, Values]:
            late, slopes = self._trailing(power, parameters[0])
            return late[None], slopes[None]

        low, high = np.array([-MOST, -np.inf, 0.1]), np.array([MOST, np.inf, 10 * LENGTHS[-1]])
        return closest(law, self.wanted, np.clip(start, low, high), (low, high))

    def _trailing(self, power: float, parameters: Values) -> tuple[Values, Values]:
        """Give what inefficiency, height and length leave, and its derivatives after them, (values, parameters)."""
        inefficiency, height, length = parameters
        late, slope = self._late_and_slope(float(inefficiency))
        (trail,), (longer,) = self._trails(self._volume(power), np.array([length]))
        return late + height * trail, np.stack([slope, trail, height * longer], axis=1)

    def _covariance(self, solved: Solved, slopes: Values) -> Values:
        """Give the covariance of parameters: what values have of their own scatters, what all levels share does not."""
        gain = solved.covariance[0] @ slopes.T
        shared = gain @ self.shared.T
        covariance: Values = self._scatter(solved) ** 2 * (gain * self.own @ gain.T) + shared @ shared.T
        return covariance

    def _volume(self, power: float) -> Values:
        """Give the share of the traps that each level reaches, (levels, 1)."""
        if not power:
            return np.ones((len(self.signals), 1))
        return Traps(0, 1, self.full_well, power=power).volume(self.signals)[:, None]

    def _trails(self, volume: Values, lengths: Values) -> tuple[Values, Values]:
        """Give trails of height 1 and such lengths, (lengths, values), and their derivatives after the length."""
        lengths = lengths[:, None, None]
        fall = volume * np.exp(-self.places / lengths)
        return self.pedestals.without(fall), self.pedestals.without(fall * self.places / lengths**2)

    def _start(self, power: float, inefficiency: float) -> tuple[float, tuple[float, float, float]]:
        """Give the least chi square of many lengths, with what is linear solved for, and the parameters there."""
        lengths = np.array(LENGTHS)
        late, slope = self._late_and_slope(inefficiency)
        left, trails = self.wanted - late, self._trails(self._volume(power), lengths)[0]
        of_slope, both, of_trails = slope @ slope, trails @ slope, (trails**2).sum(axis=1)
        wanted, by_trails = left @ slope, trails @ left
        apart = of_slope * of_trails - both**2
        with np.errstate(divide="ignore", invalid="ignore"):
            heights = (of_slope * by_trails - both * wanted) / apart
            more = (of_trails * wanted - both * by_trails) / apart
        chi2 = left @ left - more * wanted - heights * by_trails
        usable = (apart > _ALIKE * of_slope * of_trails) & (heights > 0)
        best = int(np.argmin(np.where(usable, chi2, np.inf)))
        least = float(chi2[best]) if usable[best] else math.inf
        return least, (inefficiency + float(more[best]), float(heights[best]), float(lengths[best]))

    def plain_of(self, plain: Solved) -> SolvedTransfers:
        """Give the transfers of a fit without traps."""
        inefficiency = float(plain.parameters[0, 0])
        error = math.sqrt(self._covariance(plain, self._late_and_slope(inefficiency)[1][:, None])[0, 0])
        transfers = Transfers(inefficiency=max(inefficiency, 0.0), before=self.prescan)
        return SolvedTransfers(
            transfers, inefficiency, error, 0, 0, 0, 0, float(plain.chi2[0]), self.free - 1
        )

    def traps_of(self, best: Solved, power: float) -> SolvedTransfers:
        """Turn height and length of the trail into density and release time."""
        inefficiency, height, release = map(float, best.parameters[0])
        covariance = self._covariance(best, self._trailing(power, best.parameters[0])[1])
        growth = math.exp(1 / release)
        per_height = 1 / ((self.transfers if power else 1) * (growth - 1))
        slope = np.array([0, per_height, height * per_height * growth / (growth - 1) / release**2])
        density = height * per_height
        errors = np.sqrt(np.diag(covariance))
        traps = (Traps(density, release, self.full_well, power=power),) if power else ()
        trap = None if power else RegisterTrap(density, min(1.0, density / self.signals.min()), release)
        return SolvedTransfers(
            Transfers(traps, max(inefficiency, 0.0), before=self.prescan, register_trap=trap),
            inefficiency,
            float(errors[0]),
            density,
            math.sqrt(float(slope @ covariance @ slope)),
            release,
            float(errors[2]),
            float(best.chi2[0]),
            self.free - 4,
        )
