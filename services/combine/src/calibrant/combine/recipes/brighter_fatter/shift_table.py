"""The table of the boundaries that a detector is corrected by; it must not know how they were found."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from calibrant.combine.recipes.brighter_fatter.areas import MeasuredAreas
from calibrant.combine.recipes.brighter_fatter.boundaries import DETECTOR, Boundaries
from calibrant.combine.recipes.columns import texts
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels import Geometry

_SHIFT: Final = "pixel electron-1"
_POTENTIAL: Final = "pixel2 electron-1"


def shifts_table(
    geometry: Geometry,
    areas: Mapping[str, MeasuredAreas],
    shared: Boundaries,
    own: Mapping[str, Boundaries | str],
) -> ProductTable:
    """Return the table ``SHIFTS``: the boundaries that every amplifier of a detector is corrected by.

    Parameters
    ----------
    geometry : Geometry
        The detector.
    areas : mapping
        Which hold the gain of each amplifier.
    shared : Boundaries
        Of the detector.
    own : mapping
        Of amplifiers of their own, which come first.
    """
    applied = {
        one.name: mine if isinstance(mine := own.get(one.name), Boundaries) else shared
        for one in geometry.amplifiers
    }
    gains = [_gain_of(areas[one.name], one.gain_e_per_adu) for one in geometry.amplifiers]
    return ProductTable(
        "SHIFTS",
        (
            TableColumn("AMPLIFIER", texts(applied), "Name of the amplifier"),
            TableColumn(
                "FROM",
                texts(DETECTOR if one is shared else "amplifier" for one in applied.values()),
                "Whose areas they are of",
            ),
            TableColumn("GAIN", np.array(gains), "Gain that counts the electrons", "electron/adu"),
            TableColumn(
                "COLUMNS",
                np.array([one.columns for one in applied.values()]),
                "Shift of the boundary beyond a column",
                _SHIFT,
            ),
            TableColumn(
                "ROWS",
                np.array([one.rows for one in applied.values()]),
                "Shift of the boundary beyond a row",
                _SHIFT,
            ),
            *_of_method(list(applied.values())),
        ),
    )


def _of_method(applied: Sequence[Boundaries]) -> tuple[TableColumn, ...]:
    """Return the columns of a kernel, or of a smooth law."""
    kernels = [one.kernel for one in applied if one.kernel is not None]
    if kernels:
        ends = [one.convergence for one in kernels if one.convergence is not None]
        return (
            TableColumn(
                "KERNEL", np.array([one.values for one in kernels]), "Whose slope they are", _POTENTIAL
            ),
            TableColumn(
                "KERNEL_ERR",
                np.array([one.errors for one in kernels]),
                "Standard errors of KERNEL",
                _POTENTIAL,
            ),
            TableColumn(
                "ROUNDS", np.array([one.iterations for one in ends], np.int32), "Rounds of its relaxation"
            ),
            TableColumn("RESIDUAL", np.array([one.residual for one in ends]), "What they left, relative"),
        )
    solved = [one.solved for one in applied if one.solved is not None]
    laws = [one.law for one in solved if one.law is not None]
    return (
        TableColumn(
            "COLUMNS_ERR",
            np.array([one.columns_error for one in solved]),
            "Standard errors of COLUMNS",
            _SHIFT,
        ),
        TableColumn(
            "ROWS_ERR", np.array([one.rows_error for one in solved]), "Standard errors of ROWS", _SHIFT
        ),
        TableColumn("STRENGTH", np.array([one.strength for one in laws]), "Of the smooth law", _SHIFT),
        TableColumn("SCALE", np.array([one.scale for one in laws]), "Of the smooth law", "pixel"),
    )


def _gain_of(areas: MeasuredAreas, nominal: float) -> float:
    return areas.known.gain if math.isfinite(areas.known.gain) else nominal
