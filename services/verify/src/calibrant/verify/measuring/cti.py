"""Charge transfer: what its tables say of an amplifier along rows and along columns. Must not know limits or files.

Each of SERIAL and PARALLEL has these; they are absent where no overscan is read behind the image in that direction.

==================== ===================================================================================
_CTI, _CTI_ERROR     inefficiency of one transfer, mean of the flats, and its standard error
_RESIDUAL            what the solved transfers leave of it, with _RESIDUAL_ERROR
_TURNOFF             highest signal before it rises; 0 where the flats do not reach it [electron]
HARD_EDGE            first serial overscan pixel over the signal; absent where no flat shows it
BOUNCE               share of the signal that a bounce of the electronics has; 0 where there is none
==================== ===================================================================================
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry
from calibrant.pixels.charge_transfer import Reason
from calibrant.verify.measuring.amplifiers import Values
from calibrant.verify.measuring.telling import Telling, row_of, rows_of, series_of
from calibrant.verify.reports import SeriesRecord

_WAYS: Final = ("SERIAL", "PARALLEL")
_ABSENT: Final = (Reason.NO_OVERSCAN.value, Reason.NOT_BEHIND.value)
"""Reasons that say of the camera, not of its frames, that there is nothing to measure."""

_NUMBERS: Final = {
    "CTI": "CTI",
    "CTI_ERROR": "CTI_ERR",
    "RESIDUAL": "RESIDUAL",
    "RESIDUAL_ERROR": "RESIDUAL_ERR",
}
"""Numbers of a direction, and their columns."""

_UNITS: Final = dict.fromkeys(
    (*(f"{way}_{name}" for way in _WAYS for name in _NUMBERS), "HARD_EDGE", "BOUNCE"), "1"
)


def _amplifier(amplifier: Amplifier, verified: ProductTables) -> tuple[Values, str]:
    """Return an amplifier's numbers, NaN where they could not be had; and why."""
    values: Values = {}
    reasons = []
    for way in _WAYS:
        table, row = row_of(verified, amplifier.name, way)
        columns = {column.name: column.values[row] for column in table.columns}
        reason = str(columns["REASON"]) or str(columns["MODEL_REASON"])
        if reason:
            reasons.append(f"{way.lower()}: {reason}")
        if columns["REASON"] in _ABSENT:
            continue
        values |= {f"{way}_{name}": float(columns[column]) for name, column in _NUMBERS.items()}
        reached = 0.0 if columns["TURNOFF_LOW"] else float(columns["TURNOFF"])
        values[f"{way}_TURNOFF"] = reached * amplifier.gain_e_per_adu
        values |= _electronics(columns) if way == "SERIAL" else {}
    return values, "; ".join(reasons)


def _electronics(columns: dict[str, Any]) -> Values:
    bounce = math.hypot(columns["SCALE"], columns["SINE"]) if columns["OFFSET"] == "bounce" else 0.0
    edge = float(columns["EDGE"])
    return {"BOUNCE": bounce} | ({"HARD_EDGE": edge} if math.isfinite(edge) else {})


def _series(geometry: Geometry, verified: ProductTables) -> tuple[SeriesRecord, ...]:
    """Return the inefficiencies against the signal that a figure has."""
    return tuple(_levels(one.name, verified) for one in geometry.amplifiers)


def _levels(amplifier: str, verified: ProductTables) -> SeriesRecord:
    levels = rows_of(verified, "LEVELS", amplifier)
    known = np.isfinite(levels["CTI"])
    order = np.flatnonzero(known)[np.argsort(levels["SIGNAL"][known], kind="stable")]
    return series_of(
        amplifier,
        signal_adu=levels["SIGNAL"][order],
        cti=levels["CTI"][order],
        cti_error=levels["CTI_ERR"][order],
        serial=_serial(levels["DIRECTION"][order]),
        used=levels["USED"][order],
    )


def _serial(directions: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = directions == "serial"
    return found


CTI: Final = Telling(amplifier=_amplifier, series=_series, units=_UNITS)
