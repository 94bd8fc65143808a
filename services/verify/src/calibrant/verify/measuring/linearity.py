"""Linearities: what their tables say of an amplifier. Must not know limits or files.

==================== ==================================================================================
NONLINEARITY_PERCENT largest deviation of the signals as they are read, with its sign
DEVIATION_PERCENT    largest residual of the points fitted, once they are corrected
RESIDUAL             correction that exposures kept out of the fit still want, over the limit of its curve; absent where too
                     few, NaN where a half of them cannot be fitted
RESIDUAL_PERCENT     what that correction changes at most
HIGHEST              highest signal fitted [adu]
OFFSET               what the shutter adds to each exposure [s]; absent where it was not fitted, and of a monitor
LAMP_PERCENT         scatter of the exposures that follow the lamp; absent where none do
POINTS, MEASURED     points fitted, and points that could be
CHI2_RATIO           chi squared over degrees of freedom; absent where there are none
==================== ==================================================================================
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry
from calibrant.pixels.nonlinearity import Reason
from calibrant.verify.measuring.amplifiers import Values
from calibrant.verify.measuring.telling import Telling, row_of, rows_of, series_of
from calibrant.verify.reports import SeriesRecord

_COLUMNS: Final = {
    "NONLINEARITY_PERCENT": "MAX_NL",
    "DEVIATION_PERCENT": "DEVIATION",
    "HIGHEST": "HIGHEST",
    "POINTS": "POINTS",
    "MEASURED": "MEASURED",
}
_OF_HALVES: Final = {"RESIDUAL": "RESIDUAL", "RESIDUAL_PERCENT": "RES_NL"}
_OPTIONAL: Final = {**_OF_HALVES, "LAMP_PERCENT": "LAMP"}

_FAILED: Final = (Reason.NOT_RISING.value, Reason.NO_CONVERGENCE.value)
"""Why a half was tried and has no fit, though it has points enough for one."""

_UNITS: Final = {
    **dict.fromkeys(("NONLINEARITY_PERCENT", "DEVIATION_PERCENT", "RESIDUAL_PERCENT", "LAMP_PERCENT"), "%"),
    **dict.fromkeys(("RESIDUAL", "POINTS", "MEASURED", "CHI2_RATIO"), "1"),
    "HIGHEST": "adu",
    "OFFSET": "s",
}


def _of_amplifier(amplifier: Amplifier, verified: ProductTables) -> tuple[Values, str]:
    """Return an amplifier's numbers, NaN where they could not be had; and why."""
    table, row = row_of(verified, amplifier.name)
    reason, freedom = str(table["REASON"][row]), int(table["DOF"][row])
    values = {name: float(table[column][row]) for name, column in _COLUMNS.items()}
    optional = {name: float(table[column][row]) for name, column in _OPTIONAL.items()}
    optional["CHI2_RATIO"] = float(table["CHI2"][row]) / freedom if freedom > 0 else math.nan
    if verified.table("EXPOSURES")["SOURCE"][0] == "time":
        optional["OFFSET"] = float(table["OFFSET"][row])
    why_no_residual = str(table["RES_WHY"][row])
    tried = set(_OF_HALVES if why_no_residual in _FAILED else ()) | set(optional if reason else ())
    had = {name: one for name, one in optional.items() if name in tried or math.isfinite(one)}
    return values | had, reason or why_no_residual


def _points(geometry: Geometry, verified: ProductTables) -> tuple[SeriesRecord, ...]:
    """Return the points of each amplifier, the lowest signal first: what they deviate by before and after correction."""
    exposures = verified.table("EXPOSURES")
    filters = {name: place for place, name in enumerate(dict.fromkeys(exposures["FILTER"].tolist()))}
    groups = np.array([filters[name] for name in exposures["FILTER"].tolist()], np.intp)
    return tuple(_series(one.name, verified, exposures["LIGHT"], groups) for one in geometry.amplifiers)


def _series(
    name: str, verified: ProductTables, light: NDArray[Any], groups: NDArray[np.intp]
) -> SeriesRecord:
    points, responses = rows_of(verified, "POINTS", name), rows_of(verified, "RESPONSES", name)["RESPONSE"]
    signal = points["SIGNAL"]
    known = np.isfinite(signal) & np.isfinite(points["RESIDUAL"])
    order = np.flatnonzero(known)[np.argsort(signal[known], kind="stable")]
    table, row = row_of(verified, name)
    shutter = np.nan_to_num(table["OFFSET"][row])
    shares = verified.table("EXPOSURES")["BRIGHTNESS"]
    due = responses[groups] * (light + shutter * shares) if responses.size else np.full(len(signal), np.nan)
    return series_of(
        name,
        signal_adu=signal[order],
        read_percent=100 * (signal / due - 1)[order],
        corrected_percent=points["RESIDUAL"][order],
        on_curve=points["ON_CURVE"][order],
    )


LINEARITY: Final = Telling(_of_amplifier, _points, units=_UNITS)
