"""Photon transfer curves, and gains by single pairs: what their tables say of an amplifier. Must not know limits or files.

================== =====================================================================================
GAIN, GAIN_ERROR   gain of the curve and its standard error [electron/adu]; NOMINAL_GAIN that of the instrument file
PTC_NOISE          read noise of the curve, with PTC_NOISE_ERROR, absent where the fit lies on a bound
A00, A00_ERROR     change of a pixel's area by its own charge [1/electron]
TURNOFF            highest level on the curve; FULL_WELL the same, 0 where no pair lies beyond it
POINTS, MEASURED   pairs on the curve, and pairs that could be measured
CHI2_RATIO         chi squared over degrees of freedom; absent where there are none
NOISE_SPREAD       standard deviation of the overscan's noise over the pairs, over its mean; absent without overscan
GAIN_SPREAD        of gains: standard deviation of those of single pairs over their mean; absent with one pair
OVERSCAN_NOISE     of gains: noise of the overscans by the gain; absent without overscan
PAIR_GAIN          median of the gains that the pairs on the curve give one by one, without the effect of A00 [electron/adu]
================== =====================================================================================
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry
from calibrant.verify.measuring.amplifiers import Values
from calibrant.verify.measuring.telling import Telling, row_of, rows_of, series_of
from calibrant.verify.reports import SeriesRecord

_UNITS: Final = {
    **dict.fromkeys(("GAIN", "GAIN_ERROR", "NOMINAL_GAIN", "PAIR_GAIN"), "electron/adu"),
    **dict.fromkeys(("A00", "A00_ERROR"), "1/electron"),
    **dict.fromkeys(("POINTS", "MEASURED", "CHI2_RATIO", "NOISE_SPREAD", "GAIN_SPREAD"), "1"),
}


def _of_curve(amplifier: Amplifier, verified: ProductTables) -> tuple[Values, str]:
    """Return an amplifier's numbers, NaN where they could not be had; and why."""
    table, row = row_of(verified, amplifier.name)
    gain, low = float(table["GAIN"][row]), bool(table["FULLWELL_LOW"][row])
    freedom = int(table["DOF"][row])
    optional = {
        "PTC_NOISE_ERROR": float(table["NOISE_ERR"][row]),
        "CHI2_RATIO": float(table["CHI2"][row]) / freedom if freedom > 0 else math.nan,
    }
    values = {
        "GAIN": gain,
        "GAIN_ERROR": float(table["GAIN_ERR"][row]),
        "NOMINAL_GAIN": amplifier.gain_e_per_adu,
        "PTC_NOISE": float(table["NOISE"][row]),
        "NOMINAL_READ_NOISE": amplifier.read_noise_e,
        "A00": float(table["A00"][row]),
        "A00_ERROR": float(table["A00_ERR"][row]),
        "TURNOFF": float(table["TURNOFF"][row]) * gain,
        "FULL_WELL": 0.0 if low else float(table["FULLWELL"][row]),
        "POINTS": float(table["POINTS"][row]),
        "MEASURED": float(table["MEASURED"][row]),
        **_of_pairs(rows_of(verified, "PAIRS", amplifier.name), gain, float(table["A00"][row])),
    }
    reason = str(table["REASON"][row])
    had = optional if reason else {name: one for name, one in optional.items() if math.isfinite(one)}
    return values | had, reason


def _of_gain(amplifier: Amplifier, verified: ProductTables) -> tuple[Values, str]:
    table, row = row_of(verified, amplifier.name)
    values = {
        "GAIN": float(table["GAIN"][row]),
        "GAIN_ERROR": float(table["GAIN_ERR"][row]),
        "NOMINAL_GAIN": amplifier.gain_e_per_adu,
        "NOMINAL_READ_NOISE": amplifier.read_noise_e,
        "MEASURED": float(table["MEASURED"][row]),
    }
    single = rows_of(verified, "PAIRS", amplifier.name)["GAIN"]
    single = single[np.isfinite(single)]
    if single.size > 1:
        values["GAIN_SPREAD"] = float(single.std() / single.mean())
    if table["NOISE_FROM"][row] == "overscan":
        values["OVERSCAN_NOISE"] = float(table["NOISE"][row])
    return values, str(table["REASON"][row])


def _of_pairs(pairs: Mapping[str, NDArray[Any]], gain: float, a00: float) -> Values:
    noise = pairs["NOISE"][np.isfinite(pairs["NOISE"])]
    values = {"NOISE_SPREAD": float(noise.std() / noise.mean())} if noise.size > 1 else {}
    single = pairs["GAIN"] * (1 + a00 * gain * pairs["MEAN"])
    single = single[pairs["ON_CURVE"] & np.isfinite(single)]
    return values | {"PAIR_GAIN": float(np.median(single)) if single.size else math.nan}


def _curves(geometry: Geometry, verified: ProductTables) -> tuple[SeriesRecord, ...]:
    return tuple(_curve(one.name, verified) for one in geometry.amplifiers)


def _curve(amplifier: str, verified: ProductTables) -> SeriesRecord:
    """Return the points that a figure of the curve has, the lowest level first."""
    pairs = rows_of(verified, "PAIRS", amplifier)
    known = np.isfinite(pairs["MEAN"]) & np.isfinite(pairs["VARIANCE"])
    order = np.argsort(pairs["MEAN"][known], kind="stable")
    return series_of(
        amplifier,
        mean_adu=pairs["MEAN"][known][order],
        variance_adu2=pairs["VARIANCE"][known][order],
        on_curve=pairs.get("ON_CURVE", known)[known][order],
    )


PTC: Final = Telling(_of_curve, _curves, units=_UNITS)
GAIN: Final = Telling(_of_gain, _curves, units=_UNITS)
