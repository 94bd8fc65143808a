"""Measured gains, and read noises where they are well told, in place of the nominal ones. Must not know how they were measured."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from calibrant.frames.measured.form import Measured, rows_by_amplifier
from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry, Signature

_TOLD: Final = 0.1
"""Relative error of a curve's read noise beyond which the nominal one is better."""

_Row = Mapping[str, Any]


def _joined(
    geometry: Geometry, signature: Signature, product: ProductTables, noise_told: Callable[[_Row], bool]
) -> tuple[Geometry, Signature]:
    if signature.linearity and signature.unit == "electron":
        raise ValueError(
            f"{product.provenance.product_id}: the linearity is told in electrons by other gains; join gains first"
        )
    rows = rows_by_amplifier(geometry, product)
    amplifiers = (_with(one, rows[one.name], noise_told) for one in geometry.amplifiers)
    return replace(geometry, amplifiers=tuple(amplifiers)), signature


def _with(amplifier: Amplifier, row: _Row, noise_told: Callable[[_Row], bool]) -> Amplifier:
    gain, noise = float(row["GAIN"]), float(row["NOISE"])
    if row["REASON"] or not gain > 0:
        return amplifier
    told = np.isfinite(noise) and noise > 0 and noise_told(row)
    nominal_e = amplifier.read_noise_e / amplifier.gain_e_per_adu * gain  # the noise was read in ADU
    return replace(amplifier, gain_e_per_adu=gain, read_noise_e=noise if told else nominal_e)


def _from_overscan(row: _Row) -> bool:
    return str(row["NOISE_FROM"]) == "overscan"


def _from_curve(row: _Row) -> bool:
    return bool(float(row["NOISE_ERR"]) < _TOLD * float(row["NOISE"]))


GAIN: Final = Measured("measured_gain", partial(_joined, noise_told=_from_overscan))
PTC: Final = Measured("measured_gain", partial(_joined, noise_told=_from_curve))
