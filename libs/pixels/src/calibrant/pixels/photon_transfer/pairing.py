"""Which exposures make a pair. It must not know pixels."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from calibrant.pixels.photon_transfer.reasons import Reason

PairBy = Literal["time", "flux", "id"]

TIME_TOLERANCE_S: Final = 5e-3
"""Seconds by which the exposure times of a pair may differ."""
FLUX_TOLERANCE: Final = 0.01
"""By which the fluxes of a pair may differ, relative to the lower."""


@dataclass(frozen=True)
class FlatExposure:
    """A flat that may be paired.

    Parameters
    ----------
    exposure_id
        Unique.
    time_s
        Exposure time in seconds.
    flux
        What a monitor says about the light, in any unit; None: it says nothing.
    """

    exposure_id: str
    time_s: float
    flux: float | None = None


@dataclass(frozen=True)
class Pairing:
    """What was paired.

    Parameters
    ----------
    pairs
        Ids, the one taken first first, in the order of the levels.
    leftovers
        By id, why it is in no pair.
    """

    pairs: tuple[tuple[str, str], ...]
    leftovers: dict[str, Reason]


def pair_exposures(
    exposures: Sequence[FlatExposure], by: PairBy = "time", tolerance: float | None = None
) -> Pairing:
    """Pair flats of the same level.

    Parameters
    ----------
    exposures
        In the order in which they were taken.
    by
        "time": those of equal exposure time, each with the next one taken. "flux": those of equal monitored flux.
        "id": the first two, the next two, and so on, whatever they are.
    tolerance
        By which a pair may differ: in seconds for "time", relative for "flux". None: 0.005 s and 0.01.

    Returns
    -------
    Pairing
        An exposure that finds no partner is named.

    Raises
    ------
    ValueError
        When an id is there twice, the tolerance is negative, or `by` is none of the three.
    """
    if len({one.exposure_id for one in exposures}) < len(exposures):
        raise ValueError("exposures: an id is there twice; ids must be unique")
    if tolerance is not None and tolerance < 0:
        raise ValueError(f"tolerance: {tolerance}, must not be negative")
    if by == "id":
        return _joined([list(exposures)])
    if by == "time":
        slack = TIME_TOLERANCE_S if tolerance is None else tolerance
        return _alike(exposures, lambda one: one.time_s, lambda value: value + slack)
    if by == "flux":
        share = FLUX_TOLERANCE if tolerance is None else tolerance
        return _alike(
            exposures,
            lambda one: math.nan if one.flux is None else one.flux,
            lambda value: value + share * abs(value),
        )
    raise ValueError(f"by: {by!r}, must be 'time', 'flux' or 'id'")


def _alike(
    exposures: Sequence[FlatExposure],
    level: Callable[[FlatExposure], float],
    highest: Callable[[float], float],
) -> Pairing:
    """Pair those of one level; an exposure whose level nobody knows is left over."""
    known = [one for one in exposures if math.isfinite(level(one))]
    found = _joined(_groups(known, level, highest))
    unknown = {one.exposure_id: Reason.UNPAIRED for one in exposures if not math.isfinite(level(one))}
    return Pairing(found.pairs, found.leftovers | unknown)


def _groups(
    exposures: Sequence[FlatExposure],
    level: Callable[[FlatExposure], float],
    highest: Callable[[float], float],
) -> list[list[FlatExposure]]:
    """Put together those whose level is within reach of the lowest of them, each group in the order given."""
    place = {one.exposure_id: number for number, one in enumerate(exposures)}
    groups: list[list[FlatExposure]] = []
    for one in sorted(exposures, key=level):
        if groups and level(one) <= highest(level(groups[-1][0])):
            groups[-1].append(one)
        else:
            groups.append([one])
    return [sorted(group, key=lambda one: place[one.exposure_id]) for group in groups]


def _joined(groups: Sequence[Sequence[FlatExposure]]) -> Pairing:
    pairs: list[tuple[str, str]] = []
    leftovers: dict[str, Reason] = {}
    for group in groups:
        ids = [one.exposure_id for one in group]
        pairs += zip(ids[::2], ids[1::2], strict=False)
        if len(ids) % 2:
            leftovers[ids[-1]] = Reason.UNPAIRED
    return Pairing(tuple(pairs), leftovers)
