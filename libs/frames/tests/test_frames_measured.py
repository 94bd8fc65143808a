"""What products say goes into how frames are corrected; what they could not measure, and what is switched off, does not."""

from dataclasses import replace

import numpy as np
import pytest

from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import load_instrument
from calibrant.frames.measured import gain_ratio
from calibrant.frames.writing import (
    ProductAmplifier,
    ProductTable,
    ProductTables,
    Provenance,
    TableColumn,
)

SIMCAM = load_instrument("simcam-tiny")
NOMINAL = SIMCAM.geometry(0).amplifiers
NAMES = [one.name for one in NOMINAL]


def product(kind, amplifiers=(), **columns):
    """Give a product with one row an amplifier."""
    named = {"AMPLIFIER": NAMES, "REASON": [""] * len(NAMES)} | columns
    table = ProductTable(
        "AMPLIFIERS", tuple(TableColumn(name, np.array(values), name) for name, values in named.items())
    )
    return ProductTables(
        kind=kind,
        instrument=SIMCAM.name,
        detector=0,
        detector_name="S00",
        provenance=Provenance(f"{kind}-1", "1" * 64, kind, "1", "1", "1" * 64),
        begin_tai_ns=0,
        end_tai_ns=1,
        amplifiers=amplifiers,
        tables=(table,),
    )


def gains(kind="gain", **changed):
    told = {"GAIN": [2.0, 2.1, np.nan, 2.3], "NOISE": [6.0, 6.1, np.nan, 6.3], "REASON": ["", "", "dead", ""]}
    if kind == "gain":
        return product(
            kind, **(told | {"NOISE_FROM": ["overscan", "nominal", "nominal", "overscan"]} | changed)
        )
    found = product(kind, **(told | {"NOISE": [9.0] * 4} | changed))
    pairs = {"AMPLIFIER": np.repeat(NAMES, 2), "NOISE": np.array([3.0, 3.0, *[np.nan] * 4, 2.7, 2.8])}
    table = ProductTable("PAIRS", tuple(TableColumn(name, one, name) for name, one in pairs.items()))
    return replace(found, tables=(*found.tables, table))


@pytest.mark.parametrize("kind", ["gain", "ptc"])
def test_measured_gains_stand_in_and_noises_where_they_are_well_told(kind):
    geometry, _ = correction(SIMCAM, 0, Choices(), "electron", {kind: gains(kind)})
    found = geometry.amplifiers
    assert [one.gain_e_per_adu for one in found] == [2.0, 2.1, NOMINAL[2].gain_e_per_adu, 2.3]
    nominal_adu = NOMINAL[1].read_noise_e / NOMINAL[1].gain_e_per_adu
    assert [one.read_noise_e for one in found] == pytest.approx(
        [6.0, nominal_adu * 2.1, NOMINAL[2].read_noise_e, {"gain": 6.3, "ptc": 2.75 * 2.3}[kind]]
    )
    unchanged, _ = correction(SIMCAM, 0, Choices(measured_gain=False), "electron", {kind: gains(kind)})
    assert unchanged.amplifiers == NOMINAL


def test_a_curve_has_the_last_word_but_where_it_has_none():
    curve = gains("ptc", GAIN=[1.5, np.nan, 1.6, 1.7], REASON=["", "no fit", "", ""])
    geometry, _ = correction(SIMCAM, 0, Choices(), "electron", {"ptc": curve, "gain": gains()})
    assert [one.gain_e_per_adu for one in geometry.amplifiers] == [1.5, 2.1, 1.6, 1.7]


def test_a_product_of_another_detector_is_named():
    other = product("gain", AMPLIFIER=["X0", *NAMES[1:]], GAIN=[1.0] * 4, NOISE=[1.0] * 4)
    with pytest.raises(
        ValueError, match=rf"gain-1: 0 rows of its table AMPLIFIERS are of amplifier {NAMES[0]}"
    ):
        correction(SIMCAM, 0, Choices(), "electron", {"gain": other})


def test_what_is_in_electrons_by_other_gains_is_brought_to_those_in_force():
    made_with = [ProductAmplifier(one.name, one.gain_e_per_adu, one.read_noise_e) for one in NOMINAL]
    geometry = SIMCAM.geometry(0)
    assert gain_ratio(product("bias", tuple(made_with)), geometry) is None
    assert gain_ratio(product("bias"), geometry) is None
    made_with[1] = replace(made_with[1], gain_e_per_adu=NOMINAL[1].gain_e_per_adu / 2)
    ratio = gain_ratio(product("bias", tuple(made_with)), geometry)
    assert [float(np.unique(ratio[one.placed.slices]).item()) for one in NOMINAL] == [1, 2, 1, 1]
