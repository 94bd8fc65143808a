"""The table of the amplifiers of a brighter-fatter kernel: gain, area and what a correction leaves, or why not.

It must not know how boundaries were found. What could not be had is NaN, and REASON says why.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.brighter_fatter.areas import MeasuredAreas, used_pairs
from calibrant.combine.recipes.brighter_fatter.boundaries import Boundaries
from calibrant.combine.recipes.brighter_fatter.level_tables import (
    PER_ELECTRON,
    Checked,
)
from calibrant.combine.recipes.columns import texts
from calibrant.combine.recipes.photon_transfer.flat_pairs import MeasuredPairs
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.brighter_fatter import Remainder, remainder
from calibrant.pixels.photon_transfer import Curve


@dataclass(frozen=True, eq=False, slots=True)
class _Row:
    """An amplifier in the table ``AMPLIFIERS``."""

    areas: MeasuredAreas
    used: int
    measured: int
    left: Remainder | None
    reason: str

    @property
    def a00(self) -> tuple[float, float]:
        found = self.areas.found
        return (
            (math.nan, math.nan) if found is None else (float(found.areas[0, 0]), float(found.errors[0, 0]))
        )


def amplifiers_table(
    pairs: MeasuredPairs,
    curves: Mapping[str, Curve],
    areas: Mapping[str, MeasuredAreas],
    own: Mapping[str, Boundaries | str],
    checked: Checked,
) -> ProductTable:
    """Return the table ``AMPLIFIERS``.

    Parameters
    ----------
    pairs : MeasuredPairs
        All that were measured.
    curves, areas : mapping
        What they say together, by amplifier.
    own : mapping
        Boundaries of amplifiers of their own, or why there are none; empty where they were not asked for.
    checked : mapping
        Corrected pairs.
    """
    rows = []
    for name, one in areas.items():
        left, why = _left(name, one, pairs, checked)
        mine = own.get(name)
        reason = one.reason or (mine if isinstance(mine, str) else "") or why
        rows.append(_Row(one, len(used_pairs(curves[name], one)), len(curves[name].means), left, reason))

    def of(get: Callable[[_Row], Any], kind: type = float) -> NDArray[Any]:
        return np.array([get(row) for row in rows], dtype=kind)

    def of_left(name: str) -> NDArray[Any]:
        return of(lambda row: math.nan if row.left is None else getattr(row.left, name))

    return ProductTable(
        "AMPLIFIERS",
        (
            TableColumn("AMPLIFIER", texts(areas), "Name of the amplifier"),
            TableColumn("GAIN", of(lambda row: row.areas.known.gain), "Gain", "electron/adu"),
            TableColumn(
                "GAIN_ERR",
                of(lambda row: row.areas.known.gain_error),
                "Standard error of GAIN",
                "electron/adu",
            ),
            TableColumn("NOISE", of(lambda row: row.areas.known.noise_e), "Read noise", "electron"),
            TableColumn("GAIN_FROM", texts(row.areas.known.origin for row in rows), "Curve that GAIN is of"),
            TableColumn("TURNOFF", of(lambda row: row.areas.known.turnoff_adu), "Its highest level", "adu"),
            TableColumn("MEASURED", of(lambda row: row.measured, np.int32), "Pairs that could be measured"),
            TableColumn("USED", of(lambda row: row.used, np.int32), "Pairs whose level was used"),
            TableColumn(
                "A00", of(lambda row: row.a00[0]), "Change of a pixel's area by its charge", PER_ELECTRON
            ),
            TableColumn("A00_ERR", of(lambda row: row.a00[1]), "Standard error of A00", PER_ELECTRON),
            TableColumn("LEFT", of_left("neighbours"), "Neighbours' covariances left of those before"),
            TableColumn("LEFT_ERR", of_left("neighbours_error"), "Standard error of LEFT"),
            TableColumn("VARIANCE", of_left("variance"), "Corrected variance over that of photons and noise"),
            TableColumn("VARIANCE_ERR", of_left("variance_error"), "Standard error of VARIANCE"),
            TableColumn("CHI2", of_left("chi2"), "Chi squared of corrected covariances beside 0"),
            TableColumn(
                "DOF",
                of(lambda row: 0 if row.left is None else row.left.degrees_of_freedom, np.int32),
                "How many",
            ),
            TableColumn("REASON", texts(row.reason for row in rows), "Why there is no number"),
        ),
    )


def _left(
    name: str, areas: MeasuredAreas, pairs: MeasuredPairs, checked: Checked
) -> tuple[Remainder | None, str]:
    """Return what the correction leaves of an amplifier's covariances; or why that is not known."""
    if name not in checked:
        return None, ""
    one = checked[name]
    before, after = pairs.measured[one.number].statistics[name], one.again.statistics[name]
    if before.covariances is None or after.covariances is None or after.n_pairs is None:
        return None, f"its corrected pair: {after.reason}"
    known = areas.known
    photons = after.mean / known.gain
    expected, error = photons + (known.noise_e / known.gain) ** 2, photons * known.gain_error / known.gain
    return remainder(before.covariances, after.covariances, after.n_pairs, expected, error), ""
