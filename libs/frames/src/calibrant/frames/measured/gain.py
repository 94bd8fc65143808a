"""Measured gains, and read noises of overscans, in place of the nominal ones. Must not know how they were measured.

The read noise that a photon transfer curve is fitted with is an extrapolation to no light; that of the overscans of its pairs is
taken instead, where they have some.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from calibrant.frames.measured.form import Measured, rows_by_amplifier
from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry, Signature

_Row = Mapping[str, Any]
_Noise = Callable[[ProductTables, _Row], float]


def _joined(
    geometry: Geometry, signature: Signature, product: ProductTables, *, noise_e: _Noise
) -> tuple[Geometry, Signature]:
    if signature.linearity and signature.unit == "electron":
        raise ValueError(
            f"{product.provenance.product_id}: the linearity is told in electrons by other gains; join gains first"
        )
    rows = rows_by_amplifier(geometry, product)
    amplifiers = (_with(one, product, rows[one.name], noise_e) for one in geometry.amplifiers)
    return replace(geometry, amplifiers=tuple(amplifiers)), signature


def _with(amplifier: Amplifier, product: ProductTables, row: _Row, noise_e: _Noise) -> Amplifier:
    gain = float(row["GAIN"])
    if row["REASON"] or not gain > 0:
        return amplifier
    found = noise_e(product, row)
    if not found > 0:  # the nominal one was read in ADU
        found = amplifier.read_noise_e / amplifier.gain_e_per_adu * gain
    return replace(amplifier, gain_e_per_adu=gain, read_noise_e=found)


def _of_pairs(_: ProductTables, row: _Row) -> float:
    return float(row["NOISE"]) if row["NOISE_FROM"] == "overscan" else math.nan


def _of_curve(product: ProductTables, row: _Row) -> float:
    pairs = product.table("PAIRS")
    noises = pairs["NOISE"][(pairs["AMPLIFIER"] == row["AMPLIFIER"]) & np.isfinite(pairs["NOISE"])]
    return float(np.median(noises)) * float(row["GAIN"]) if noises.size else math.nan


GAIN: Final = Measured("measured_gain", partial(_joined, noise_e=_of_pairs))
PTC: Final = Measured("measured_gain", partial(_joined, noise_e=_of_curve))
