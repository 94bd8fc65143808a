"""Analyses: what their tables say of an amplifier, in electrons, and what their figures draw. Must not know limits or files.

==================== ===================================================================================
DARK_CURRENT         [electron/s], with DARK_ERROR; DARK_P95 of its pixels, with DARK_PIXEL_ERROR, the typical error of one
DARK_BELOW_ZERO      how many errors it lies below zero; DARK_REJECTED, part of the frames off the line
GLOW, GLOW_ERROR     rate at the readout corner beyond that elsewhere [electron/s]; absent where not known
TELEGRAPH            part of the pixels that jump between two levels; absent where none were searched
LEVEL_CHANGE         scatter of bias levels from frame to frame over the noise; NOISE_CHANGE, that of the noise
DRIFT, DRIFT_ERROR   slope of bias levels over time [electron/h]
SHIFTED              part of the biases with a shift; absent where none could be searched
TEARING              largest departure from 1 at a border, with TEARING_ERROR; absent without a neighbour
BIAS_CORRELATION     largest correlation with another amplifier, with BIAS_CORRELATION_ERROR; FLAT_... likewise
LATENT, LATENT_ERROR what stays in the first dark over the light; DECAY_MISFIT, chi squared over degrees of freedom
==================== ===================================================================================
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry
from calibrant.pixels.analyses import Reason
from calibrant.verify.measuring.amplifiers import Values
from calibrant.verify.measuring.telling import Telling, row_of, rows_of, series_of
from calibrant.verify.reports import SeriesRecord

Told = tuple[Values, str]


def _electrons(amplifier: Amplifier, verified: ProductTables) -> float:
    """Return the electrons of what the product has as one."""
    return amplifier.gain_e_per_adu if verified.provenance.parameters["unit"] == "adu" else 1.0


def _over(value: float, noise: float) -> float:
    """Return a ratio to a noise or an error; NaN, which fails, of what is without any: most of its frames are constant."""
    return value / noise if noise else math.nan


def _dark_current(amplifier: Amplifier, verified: ProductTables) -> Told:
    table, row = row_of(verified, amplifier.name)
    unit = _electrons(amplifier, verified)
    rate, error = unit * float(table["RATE"][row]), unit * float(table["RATE_ERR"][row])
    used, rejected = int(table["USED"][row]), int(table["REJECTED"][row])
    values = {
        "DARK_CURRENT": rate,
        "DARK_ERROR": error,
        "DARK_BELOW_ZERO": max(_over(-rate, error), 0.0),
        "DARK_P95": unit * float(table["P95"][row]),
        "DARK_PIXEL_ERROR": unit * float(table["PIX_ERR"][row]),
        "DARK_REJECTED": rejected / (used + rejected) if used else math.nan,
    }
    if math.isfinite(table["GLOW"][row]):
        values["GLOW"] = unit * float(table["GLOW"][row])
        values["GLOW_ERROR"] = unit * float(table["GLOW_ERR"][row])
    if table["SEARCHED"][row]:
        values["TELEGRAPH"] = float(table["JUMPING"][row] / table["SEARCHED"][row])
    return values, str(table["REASON"][row])


def _bias_stability(amplifier: Amplifier, verified: ProductTables) -> Told:
    table, row = row_of(verified, amplifier.name)
    unit, noise = _electrons(amplifier, verified), float(table["NOISE"][row])
    values = {
        "LEVEL_CHANGE": _over(float(table["SCATTER"][row]), noise),
        "NOISE_CHANGE": _over(float(table["NOISESCAT"][row]), noise),
        "DRIFT": unit * float(table["DRIFT"][row]),
        "DRIFT_ERROR": unit * float(table["DRIFT_ERR"][row]),
    }
    if table["SEARCHED"][row]:
        values["SHIFTED"] = float(table["SHIFTED"][row] / table["SEARCHED"][row])
    return values, str(table["REASON"][row])


def _tearing(amplifier: Amplifier, verified: ProductTables) -> Told:
    table, row = row_of(verified, amplifier.name)
    reason = str(table["REASON"][row])
    if reason == Reason.ALONE:
        return {}, reason
    return {
        "TEARING": float(table["TEARING"][row]),
        "TEARING_ERROR": float(table["TEAR_ERR"][row]),
    }, reason


def _correlations(amplifier: Amplifier, verified: ProductTables) -> Told:
    rows = rows_of(verified, "AMPLIFIERS", amplifier.name)
    values, reasons = {}, []
    for of, value, error, reason in zip(
        *(rows[name] for name in ("TYPE", "CORR", "CORR_ERR", "REASON")), strict=True
    ):
        values[f"{of.upper()}_CORRELATION"] = float(value)
        values[f"{of.upper()}_CORRELATION_ERROR"] = float(error)
        reasons += [f"in {of} frames {reason}"] if reason else []
    return values, "; ".join(reasons)


def _persistence(amplifier: Amplifier, verified: ProductTables) -> Told:
    table, row = row_of(verified, amplifier.name)
    values = {"LATENT": float(table["FRACTION"][row]), "LATENT_ERROR": float(table["FRAC_ERR"][row])}
    if table["DOF"][row] > 0:
        values["DECAY_MISFIT"] = float(table["CHI2"][row] / table["DOF"][row])
    return values, str(table["REASON"][row])


def _courses(
    table: str, time: tuple[str, str], level: tuple[str, str]
) -> Callable[[Geometry, ProductTables], tuple[SeriesRecord, ...]]:
    """Return what draws a level over a time: pairs of a column and what a report calls it, the level in electrons."""

    def course(geometry: Geometry, verified: ProductTables) -> tuple[SeriesRecord, ...]:
        found = []
        for one in geometry.amplifiers:
            rows = rows_of(verified, table, one.name)
            order = np.argsort(rows[time[0]], kind="stable")
            levels = rows[level[0]][order] * _electrons(one, verified)
            found.append(series_of(one.name, **{time[1]: rows[time[0]][order], level[1]: levels}))
        return tuple(found)

    return course


def _nothing(_: Geometry, __: ProductTables) -> tuple[SeriesRecord, ...]:
    return ()


def _matrix(geometry: Geometry, verified: ProductTables) -> tuple[SeriesRecord, ...]:
    """Return the correlations of each amplifier with each, in their order, by the type of the frames."""
    names = [one.name for one in geometry.amplifiers]
    table = verified.table("CORRELATIONS")
    types = dict.fromkeys(table["TYPE"].tolist())
    full = {of: np.full((len(names), len(names)), np.nan) for of in types}
    for of, first, second, value in zip(
        *(table[name] for name in ("TYPE", "FIRST", "SECOND", "CORR")), strict=True
    ):
        i, j = names.index(str(first)), names.index(str(second))
        full[str(of)][i, j] = full[str(of)][j, i] = value
    return tuple(
        series_of(name, **{of: matrix[i] for of, matrix in full.items()}) for i, name in enumerate(names)
    )


_SHARES: Final = (
    "DARK_BELOW_ZERO",
    "DARK_REJECTED",
    "TELEGRAPH",
    "LEVEL_CHANGE",
    "NOISE_CHANGE",
    "SHIFTED",
    "TEARING",
    "TEARING_ERROR",
    "LATENT",
    "LATENT_ERROR",
    "DECAY_MISFIT",
    *(f"{of}_CORRELATION{what}" for of in ("BIAS", "FLAT") for what in ("", "_ERROR")),
)
_UNITS: Final = {
    **dict.fromkeys(_SHARES, "1"),
    **dict.fromkeys(
        ("DARK_CURRENT", "DARK_ERROR", "DARK_P95", "DARK_PIXEL_ERROR", "GLOW", "GLOW_ERROR"), "electron/s"
    ),
    **dict.fromkeys(("DRIFT", "DRIFT_ERROR"), "electron/h"),
}

TELLINGS: Final = {
    "dark-current": Telling(
        _dark_current, _courses("LEVELS", ("DARKTIME", "dark_time_s"), ("LEVEL", "level_e")), units=_UNITS
    ),
    "bias-stability": Telling(
        _bias_stability, _courses("FRAMES", ("TIME", "time_h"), ("MEAN", "level_e")), units=_UNITS
    ),
    "tearing": Telling(_tearing, _nothing, units=_UNITS),
    "correlations": Telling(_correlations, _matrix, units=_UNITS),
    "persistence": Telling(
        _persistence, _courses("LEVELS", ("TIME", "time_s"), ("LEVEL", "level_e")), units=_UNITS
    ),
}
