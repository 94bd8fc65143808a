"""The tables of correlations: amplifiers, pairs of amplifiers, and frames that are in no pair. Knows no pixels."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from calibrant.combine.recipes.analyses.shared import AMPLIFIERS
from calibrant.combine.recipes.columns import Column, rows_table
from calibrant.combine.recipes.photon_transfer.pair_tables import leftovers_table
from calibrant.frames.writing import ProductTable
from calibrant.pixels.analyses import Correlations, Reason


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredPair:
    """A pair of frames: its type, their numbers from 0, and what was found."""

    type: str
    frames: tuple[int, int]
    found: Correlations


@dataclass(frozen=True, slots=True)
class _Two:
    """What two amplifiers have in common, over the pairs of frames of a type."""

    type: str
    one: str
    other: str
    value: float
    error: float
    pairs: int


@dataclass(frozen=True, slots=True)
class _Amplifier:
    """An amplifier in the frames of a type, and with which other it has most in common; or why nothing is known."""

    type: str
    name: str
    most: _Two | Reason


def tables_of(
    measured: Sequence[MeasuredPair], names: Sequence[str], leftovers: Mapping[int, str]
) -> tuple[ProductTable, ...]:
    """Return the tables of correlations.

    Parameters
    ----------
    measured : sequence of MeasuredPair
        At least one.
    names : sequence of str
        All amplifiers.
    leftovers : mapping of int to str
        Frames in no pair, by number from 0, and why.
    """
    types = dict.fromkeys(pair.type for pair in measured)
    both = {of: _joined(of, [pair for pair in measured if pair.type == of], names) for of in types}
    amplifiers = [
        _Amplifier(of, name, _most(name, both[of], [p for p in measured if p.type == of]))
        for of in types
        for name in names
    ]
    return (
        rows_table(AMPLIFIERS, amplifiers, _OF_AMPLIFIERS),
        rows_table("CORRELATIONS", [two for found in both.values() for two in found], _OF_TWO),
        leftovers_table(leftovers),
    )


def _joined(of: str, pairs: Sequence[MeasuredPair], names: Sequence[str]) -> list[_Two]:
    """Return the means over pairs of frames; errors are those of the pairs, which are independent."""
    values: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for pair in pairs:
        for (i, one), (j, other) in combinations(enumerate(pair.found.names), 2):
            value, error = float(pair.found.matrix[i, j]), float(pair.found.errors[i, j])
            if math.isfinite(value) and math.isfinite(error):
                values[one, other].append((value, error))
    return [
        _Two(
            of,
            one,
            other,
            float(np.mean([value for value, _ in found])) if found else math.nan,
            float(np.sqrt(np.sum([error**2 for _, error in found])) / len(found)) if found else math.nan,
            len(found),
        )
        for one, other in combinations(names, 2)
        for found in [values[one, other]]
    ]


def _most(name: str, found: Sequence[_Two], pairs: Sequence[MeasuredPair]) -> _Two | Reason:
    mine = [two for two in found if name in (two.one, two.other) and two.pairs]
    if mine:
        return max(mine, key=lambda two: abs(two.value))
    reasons = [pair.found.reasons[name] for pair in pairs if name in pair.found.reasons]
    return reasons[0] if reasons else Reason.NO_PARTNER


def _two(row: _Amplifier) -> _Two:
    if isinstance(row.most, Reason):
        return _Two(row.type, "", "", math.nan, math.nan, 0)
    return row.most


def _partner(row: _Amplifier) -> str:
    two = _two(row)
    return two.other if two.one == row.name else two.one


_OF_AMPLIFIERS: Final[tuple[Column[_Amplifier], ...]] = (
    Column("AMPLIFIER", "Name of the amplifier", lambda r: r.name, of=str),
    Column("TYPE", "Type of the frames", lambda r: r.type, of=str),
    Column("CORR", "Its largest correlation", lambda r: _two(r).value),
    Column("CORR_ERR", "Standard error of CORR", lambda r: _two(r).error),
    Column("WITH", "With which amplifier", _partner, of=str),
    Column("PAIRS", "Pairs of frames measured", lambda r: _two(r).pairs, of=int),
    Column("REASON", "Why not measured", lambda r: str(r.most) if isinstance(r.most, Reason) else "", of=str),
)

_OF_TWO: Final[tuple[Column[_Two], ...]] = (
    Column("TYPE", "Type of the frames", lambda t: t.type, of=str),
    Column("FIRST", "One amplifier", lambda t: t.one, of=str),
    Column("SECOND", "The other", lambda t: t.other, of=str),
    Column("CORR", "Pearson's correlation", lambda t: t.value),
    Column("CORR_ERR", "Standard error of CORR", lambda t: t.error),
    Column("PAIRS", "Pairs of frames measured", lambda t: t.pairs, of=int),
    Column("REASON", "Why not measured", lambda t: "" if t.pairs else str(Reason.NO_PARTNER), of=str),
)
