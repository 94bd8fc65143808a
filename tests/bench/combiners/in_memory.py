"""Who is compared with whom on the same frames, and what is asked: by std, by MAD, and the whole way from raw frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiners.data import Sizes
from combiners.field import Field
from combiners.goals import Goal
from combiners.rounds import MissingError, Times
from combiners.tables import Cells, seconds

OURS, OURS_MAD = "Calibrant std", "Calibrant MAD"
REUSED = "planes reused"
FLOORS = ("floor", "floor, new planes")
CLIPPED = ("imcombiners std", "CPL mean", "CPL median-mean", "astropy std", "ccdproc std")
CLIPPED_MAD = ("imcombiners MAD", "astropy MAD", "ccdproc MAD")
UNCLIPPED = ("bottleneck median",)
PROGRAMS = ("siril", "IRAF imcombine", "gnuastro sigclip-mean")
CHAIN, PEER_CHAIN = "Calibrant chain", "ccdproc chain"
SAME = 1e-5
"""Pixels count as identical within this fraction."""


@dataclass(frozen=True, slots=True)
class Group:
    """Contestants that take turns, and the one that sets the rule that the others' pixels are held against."""

    title: str
    rule: str
    names: Sequence[str]
    goals: Sequence[Goal]


def groups(sizes: Sizes) -> list[Group]:
    """Return who is compared with whom."""
    what = f"{sizes.frames} x {sizes.side}^2"
    std, mad = f"{what}: clipped mean, median/std", f"{what}: clipped mean, median/MAD"
    chain = f"{what}: overscan, bias, dark, flat, clipped mean"
    numpy, one, two, reused = (f"{OURS}, {how}" for how in ("numpy", "one thread", "two threads", REUSED))
    return [
        Group(
            std,
            OURS,
            (OURS, reused, numpy, one, two, *FLOORS, *CLIPPED, *UNCLIPPED, *PROGRAMS),
            (
                Goal(std, OURS, "ccdproc std", 60),
                Goal(std, OURS, CLIPPED, 12),
                Goal(f"{std}, {REUSED}", reused, "floor", 6, at_most=True),
                Goal(std, OURS, "floor, new planes", 6, at_most=True),
                Goal(f"{std}, NumPy backend", numpy, "ccdproc std", 10),
                Goal(f"{std}, two threads", two, one, 1.8),
            ),
        ),
        Group(
            mad,
            OURS_MAD,
            (OURS_MAD, f"{OURS_MAD}, {REUSED}", f"{OURS_MAD}, numpy", *FLOORS, *CLIPPED_MAD),
            (
                Goal(mad, OURS_MAD, "ccdproc MAD", 30),
                Goal(f"{mad}, {REUSED}", f"{OURS_MAD}, {REUSED}", "floor", 24, at_most=True),
                Goal(mad, OURS_MAD, "floor, new planes", 24, at_most=True),
            ),
        ),
        Group(chain, CHAIN, (CHAIN, PEER_CHAIN), (Goal(chain, CHAIN, PEER_CHAIN, 60),)),
    ]


def same_work(field: Field, group: Group) -> dict[str, Cells]:
    """Let each combine once; tell how many pixels it makes the same of as the one that sets the rule."""
    rule = _image(field, group.rule)
    found: dict[str, Cells] = {}
    for name in group.names:
        image = rule if name == group.rule else _image(field, name)
        if rule is None or image is None or name in FLOORS:
            found[name] = ("", "")
        else:
            found[name] = _same(image, rule)
    return found


def rows(group: Group, measured: Times, same: Mapping[str, Cells], sizes: Sizes) -> list[Cells]:
    """Tell of each how quick it is, and what `same_work` found."""
    samples = sizes.frames * sizes.side**2
    found: list[Cells] = []
    for name in group.names:
        if name in measured.missing:
            found.append((name, f"missing: {measured.missing[name]}", "", "", "", ""))
            continue
        taken = (measured.median(name), measured.least(name))
        rate = f"{samples / taken[0] / 1e6:,.0f}"
        found.append((name, rate, *map(seconds, taken), *same[name]))
    return found


def _image(field: Field, name: str) -> NDArray[np.float64] | None:
    try:
        return field.image(name)
    except MissingError:
        return None


def _same(image: NDArray[np.float64], rule: NDArray[np.float64]) -> Cells:
    difference = np.abs(image.reshape(rule.shape) - rule)
    same = np.count_nonzero(difference <= SAME * np.abs(rule)) / rule.size
    return f"{100 * same:.2f} %", f"{difference.max():.3g}"
