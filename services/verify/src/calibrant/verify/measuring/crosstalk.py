"""Crosstalk: what the tables of a matrix say of an amplifier as one that shows others. Must not know limits or files.

==================== ===================================================================================
CROSSTALK_LEFT       other amplifiers that it still shows significantly in corrected frames
CROSSTALK_UNKNOWN    part of the other amplifiers that could not be measured, or not again in corrected frames
CROSSTALK_LARGEST    strongest coefficient, and CROSSTALK_ERROR the median of the standard errors
CROSSTALK_SHOWN      other amplifiers that it shows significantly
CROSSTALK_BETWEEN    amplifiers of other detectors that it still shows significantly in corrected frames; absent where none
                     could be measured, not known where most of those could not be again
==================== ===================================================================================
"""

from typing import Final

import numpy as np

from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry
from calibrant.verify.measuring.amplifiers import Values
from calibrant.verify.measuring.telling import Telling, row_of, rows_of, series_of
from calibrant.verify.reports import SeriesRecord

_UNITS: Final = dict.fromkeys(
    (
        "CROSSTALK_LEFT",
        "CROSSTALK_UNKNOWN",
        "CROSSTALK_LARGEST",
        "CROSSTALK_ERROR",
        "CROSSTALK_SHOWN",
        "CROSSTALK_BETWEEN",
    ),
    "1",
)

_MOST: Final = 0.5
"""Part of what was measured of other detectors that has to be measured again, at least: as `UNMEASURED` asks of its own."""


def _of_amplifier(amplifier: Amplifier, verified: ProductTables) -> tuple[Values, str]:
    """Return an amplifier's numbers, NaN where they could not be had; and why."""
    table, row = row_of(verified, amplifier.name)
    sources, measured, rests = (int(table[name][row]) for name in ("SOURCES", "MEASURED", "RESTS"))
    values = {
        "CROSSTALK_LEFT": float(table["LEFT"][row]) if rests else np.nan,
        "CROSSTALK_UNKNOWN": (sources - min(measured, rests)) / sources,
        "CROSSTALK_LARGEST": float(table["LARGEST"][row]),
        "CROSSTALK_ERROR": float(table["ERROR"][row]),
        "CROSSTALK_SHOWN": float(table["SIGNIFICANT"][row]) if measured else np.nan,
    }
    return values | _between(amplifier, verified), str(table["REASON"][row])


def _between(amplifier: Amplifier, verified: ProductTables) -> Values:
    """Return what an amplifier still shows of other detectors; NaN where most that was measured could not be again."""
    if all(one.name != "BETWEEN" for one in verified.tables):
        return {}
    shown = rows_of(verified, "BETWEEN", amplifier.name)
    measured, again = shown["REASON"] == "", shown["REST_REASON"] == ""
    if not measured.any():
        return {}
    left = float(shown["REST_SIGNIFICANT"].sum())
    return {"CROSSTALK_BETWEEN": left if again[measured].mean() >= _MOST else np.nan}


def _matrix(geometry: Geometry, verified: ProductTables) -> tuple[SeriesRecord, ...]:
    """Return the rows of the matrix, a number for each amplifier of the detector; its own is null."""
    return tuple(_row(one.name, geometry, verified) for one in geometry.amplifiers)


def _row(victim: str, geometry: Geometry, verified: ProductTables) -> SeriesRecord:
    shown = rows_of(verified, "PAIRS", victim)
    places = {name: place for place, name in enumerate(shown["SOURCE"])}
    order = [places.get(one.name) for one in geometry.amplifiers]

    def at(column: str) -> list[float]:
        return [np.nan if place is None else float(shown[column][place]) for place in order]

    return series_of(victim, c0=at("C0"), significant=at("SIGNIFICANT"), rest_c0=at("REST_C0"))


CROSSTALK: Final = Telling(_of_amplifier, _matrix, units=_UNITS)
