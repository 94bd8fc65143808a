"""Tables of what pairs say of changes of areas, and of the pairs that were corrected; it must not know boundaries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from calibrant.combine.recipes.brighter_fatter.areas import MeasuredAreas, found_in
from calibrant.combine.recipes.columns import texts
from calibrant.combine.recipes.photon_transfer.flat_pairs import MeasuredPair
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.brighter_fatter import Convergence, mean_areas
from calibrant.pixels.photon_transfer import Curve, PairStatistics


@dataclass(frozen=True, eq=False, slots=True)
class CorrectedPair:
    """A pair that was measured again with its charge moved back.

    Parameters
    ----------
    number : int
        Which of all pairs, from 0.
    again : MeasuredPair
        What it says now.
    convergence : Convergence
        How moving back ended, of the frame that needed more; the residual is in electrons.
    """

    number: int
    again: MeasuredPair
    convergence: Convergence


Checked = Mapping[str, CorrectedPair]
"""By amplifier."""

PER_ELECTRON: Final = "electron-1"
"""Unit of a change of area: a pixel's own is 1."""


def areas_table(areas: Mapping[str, MeasuredAreas]) -> ProductTable:
    """Return the table ``AREAS``: those of every amplifier that has some."""
    found = found_in(areas)
    return ProductTable(
        "AREAS",
        (
            TableColumn("AMPLIFIER", texts(found), "Name of the amplifier"),
            TableColumn(
                "A",
                np.array([one.areas for one in found.values()]),
                "Change of a pixel's area by charge so far away",
                PER_ELECTRON,
            ),
            TableColumn(
                "A_ERR",
                np.array([one.errors for one in found.values()]),
                "Standard errors of A",
                PER_ELECTRON,
            ),
        ),
    )


def detector_table(areas: Mapping[str, MeasuredAreas]) -> ProductTable:
    """Return the table ``DETECTOR``: the mean of the areas of its amplifiers."""
    found = found_in(areas)
    mean, errors = mean_areas(found.values())
    return ProductTable(
        "DETECTOR",
        (
            TableColumn("AMPLIFIERS", np.array([len(found)], np.int32), "Amplifiers that it is the mean of"),
            TableColumn("A", mean[None], "Change of a pixel's area by charge so far away", PER_ELECTRON),
            TableColumn("A_ERR", errors[None], "Standard errors of A", PER_ELECTRON),
        ),
    )


def levels_table(
    pairs: Sequence[MeasuredPair], curves: Mapping[str, Curve], areas: Mapping[str, MeasuredAreas]
) -> ProductTable:
    """Return the table ``LEVELS``: what became of every level; amplifiers whose areas were not looked for have no row."""
    rows = [
        (name, pairs[int(number)], float(mean), level, float(balance))
        for name, one in areas.items()
        if one.found is not None
        for number, mean, level, balance in zip(
            curves[name].pairs, curves[name].means, one.found.levels, one.found.balance, strict=True
        )
    ]
    return ProductTable(
        "LEVELS",
        (
            TableColumn("AMPLIFIER", texts(row[0] for row in rows), "Name of the amplifier"),
            *_frames([row[1].frames for row in rows]),
            TableColumn("MEAN", np.array([row[2] for row in rows]), "Mean level of both", "adu"),
            TableColumn("BALANCE", np.array([row[4] for row in rows]), "Size of the sum over sum of sizes"),
            TableColumn("BECAME", texts(row[3] for row in rows), "What became of it"),
        ),
    )


def corrected_table(pairs: Sequence[MeasuredPair], checked: Checked) -> ProductTable:
    """Return the table ``CORRECTED``: covariances of corrected pairs; those before are in ``PAIRS``."""
    found = {name: one for name, one in checked.items() if one.again.statistics[name].covariances is not None}
    after = [one.again.statistics[name] for name, one in found.items()]
    ends = [one.convergence for one in found.values()]
    return ProductTable(
        "CORRECTED",
        (
            TableColumn("AMPLIFIER", texts(found), "Name of the amplifier"),
            *_frames([pairs[one.number].frames for one in found.values()]),
            TableColumn("MEAN", np.array([one.mean for one in after]), "Mean level of both", "adu"),
            *_covariances(after),
            TableColumn(
                "ROUNDS", np.array([one.iterations for one in ends], np.int32), "Rounds of the correction"
            ),
            TableColumn(
                "RESIDUAL",
                np.array([one.residual for one in ends]),
                "Largest change of a pixel in the last",
                "electron",
            ),
        ),
    )


def _covariances(after: Sequence[PairStatistics]) -> tuple[TableColumn, ...]:
    return (
        TableColumn(
            "COV",
            np.array([one.covariances for one in after]),
            "Covariances by rows and columns apart",
            "adu2",
        ),
        TableColumn(
            "COV_COUNT", np.array([one.n_pairs for one in after]), "Pairs of pixels that each rests on"
        ),
    )


def _frames(frames: Iterable[tuple[int, int]]) -> tuple[TableColumn, ...]:
    numbers = np.array(list(frames), dtype=np.int32).reshape(-1, 2) + np.int32(1)
    return (
        TableColumn("FIRST", numbers[:, 0], "First frame: its row in PROVENANCE"),
        TableColumn("SECOND", numbers[:, 1], "Second frame: its row in PROVENANCE"),
    )
