"""Brighter-fatter kernels: what their tables say of an amplifier. Must not know limits or files.

======================== =====================================================================================
A00, A00_ERROR           change of a pixel's area by its own charge, and its standard error [1/electron]
LEFT_COVARIANCE          neighbours' covariances of a corrected pair, over those before; LEFT_COVARIANCE_ERROR
CORRECTED_VARIANCE       variance of that pair over that of photons and read noise; CORRECTED_VARIANCE_ERROR
CHI2_RATIO               chi squared of its covariances beside 0, over how many they are
LEVELS_USED, MEASURED    pairs whose level was used, and pairs that could be measured
======================== =====================================================================================
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry
from calibrant.verify.measuring.amplifiers import Values
from calibrant.verify.measuring.telling import Telling, row_of, rows_of, series_of
from calibrant.verify.reports import SeriesRecord

_COLUMNS: Final = {
    "A00": "A00",
    "A00_ERROR": "A00_ERR",
    "LEFT_COVARIANCE": "LEFT",
    "LEFT_COVARIANCE_ERROR": "LEFT_ERR",
    "CORRECTED_VARIANCE": "VARIANCE",
    "CORRECTED_VARIANCE_ERROR": "VARIANCE_ERR",
    "LEVELS_USED": "USED",
    "MEASURED": "MEASURED",
}


def _of_amplifier(amplifier: Amplifier, verified: ProductTables) -> tuple[Values, str]:
    """Return an amplifier's numbers, NaN where they could not be had; and why."""
    table, row = row_of(verified, amplifier.name)
    values = {name: float(table[column][row]) for name, column in _COLUMNS.items()}
    values["CHI2_RATIO"] = float(table["CHI2"][row]) / max(int(table["DOF"][row]), 1)
    return values, str(table["REASON"][row])


def _series(geometry: Geometry, verified: ProductTables) -> tuple[SeriesRecord, ...]:
    found = (_of_pair(one.name, verified) for one in geometry.amplifiers)
    return tuple(one for one in found if one is not None)


def _of_pair(amplifier: str, verified: ProductTables) -> SeriesRecord | None:
    """Return areas, and covariances of a pair before and after its correction, by the distance of the pixels."""
    areas, corrected = (rows_of(verified, name, amplifier) for name in ("AREAS", "CORRECTED"))
    if not (areas["A"].size and corrected["COV"].size):
        return None
    after = corrected["COV"][0]
    before = _before(rows_of(verified, "PAIRS", amplifier), corrected)
    away = np.hypot(*np.indices(after.shape))
    order = np.argsort(away.ravel(), kind="stable")[1:]
    return series_of(
        amplifier,
        distance_px=away.ravel()[order],
        area_per_e=areas["A"][0].ravel()[order],
        before=before.ravel()[order] / before[0, 0],
        after=after.ravel()[order] / after[0, 0],
    )


def _before(pairs: Mapping[str, NDArray[Any]], corrected: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the covariances of the pair that was corrected, as it was measured."""
    same = (pairs["FIRST"] == corrected["FIRST"][0]) & (pairs["SECOND"] == corrected["SECOND"][0])
    found: NDArray[Any] = pairs["COV"][same][0]
    return found


BFK: Final = Telling(
    _of_amplifier,
    _series,
    units={
        **dict.fromkeys(("A00", "A00_ERROR"), "1/electron"),
        **dict.fromkeys(set(_COLUMNS) - {"A00", "A00_ERROR"}, "1"),
        "CHI2_RATIO": "1",
    },
)
