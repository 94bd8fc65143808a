"""A linearity is verified by what its tables say, and its figure shows the signals before and after."""

import math

import numpy as np
import pytest

from calibrant.frames.instrument import load_instrument
from calibrant.frames.writing import ProductTable, ProductTables, Provenance, TableColumn
from calibrant.verify.measuring.tables import TELLINGS
from calibrant.verify.page.figures import FIGURES

GEOMETRY = load_instrument("simcam-tiny").geometry(0)
NAMES = [one.name for one in GEOMETRY.amplifiers]
LIGHT = np.array([1.0, 4.0, 2.0, 8.0])
DEAD = "not monotonic: the signal does not rise with the light"


def table(name, **columns):
    return ProductTable(
        name, tuple(TableColumn(key, np.array(values), key.lower()) for key, values in columns.items())
    )


def product(source="time"):
    """Give a linearity as combine writes it: 100 ADU/s, 2 % too little in the last exposure; the last amplifier has no fit."""
    good = np.array([True, True, True, False])
    signal = 100.0 * (LIGHT + 0.5) * [1, 1, 1, 0.98]
    amplifiers = {
        "MAX_NL": np.where(good, -2.0, np.nan), "DEVIATION": np.where(good, 0.1, np.nan),
        "HIGHEST": np.where(good, 833.0, np.nan), "POINTS": np.where(good, 4, 0), "MEASURED": [4] * 4,
        "RESIDUAL": [0.1, np.nan, np.nan, np.nan], "RES_NL": [0.02, np.nan, np.nan, np.nan],
        "RES_WHY": ["", "too few points", DEAD, ""], "LAMP": [np.nan] * 4, "CHI2": np.where(good, 3.0, np.nan),
        "DOF": np.where(good, 2, 0), "OFFSET": np.where(good, 0.5, np.nan), "REASON": ["", "", "", DEAD],
    }  # fmt: skip
    tables = (
        table("AMPLIFIERS", AMPLIFIER=NAMES, **amplifiers),
        table("RESPONSES", AMPLIFIER=NAMES[:3], FILTER=["r"] * 3, RESPONSE=[100.0] * 3),
        table(
            "POINTS",
            AMPLIFIER=np.repeat(NAMES, 4),
            SIGNAL=np.tile(signal, 4),
            RESIDUAL=np.where(np.repeat(good, 4), 0.1, np.nan),
            ON_CURVE=np.repeat(good, 4),
        ),
        table("EXPOSURES", FILTER=["r"] * 4, SOURCE=[source] * 4, LIGHT=LIGHT, BRIGHTNESS=np.ones(4)),
    )
    made = Provenance("linearity-0123456789ab", "0" * 64, "linearity", "1", "0", "1" * 64)
    head = {"instrument": "simcam-tiny", "detector": 0, "detector_name": "S00", "provenance": made}
    return ProductTables(**head, kind="linearity", begin_tai_ns=1, end_tai_ns=2, tables=tables)


def test_the_numbers_of_an_amplifier_are_those_of_its_row():
    telling = TELLINGS["linearity"]
    first, second, third, last = ((telling.amplifier(one, product())) for one in GEOMETRY.amplifiers)
    assert first[0] == {
        "NONLINEARITY_PERCENT": -2.0, "DEVIATION_PERCENT": 0.1, "HIGHEST": 833.0, "POINTS": 4.0, "MEASURED": 4.0,
        "RESIDUAL": 0.1, "RESIDUAL_PERCENT": 0.02, "CHI2_RATIO": 1.5, "OFFSET": 0.5,
    }  # fmt: skip
    assert set(first[0]) <= set(telling.units)
    assert "RESIDUAL" not in second[0]  # absent: the test does not apply
    assert (first[1], second[1], last[1]) == ("", "too few points", DEAD)
    assert math.isnan(last[0]["RESIDUAL"])  # tried and failed
    assert math.isnan(third[0]["RESIDUAL"] + third[0]["RESIDUAL_PERCENT"])  # the same of a half alone
    assert "LAMP_PERCENT" not in third[0]
    assert "OFFSET" not in telling.amplifier(GEOMETRY.amplifiers[0], product("monitor"))[0]


def test_the_figure_has_the_points_as_they_are_read_and_as_they_are_corrected():
    series = TELLINGS["linearity"].series(GEOMETRY, product())
    assert [one.amplifier for one in series] == NAMES
    assert series[0].values["signal_adu"] == pytest.approx((150.0, 250.0, 450.0, 833.0))
    assert series[0].values["read_percent"] == pytest.approx((0.0, 0.0, 0.0, -2.0), abs=1e-9)
    assert series[3].values["signal_adu"] == ()
    figure = FIGURES["linearity"]
    assert figure.alt("S00", series).endswith("at most 2 % as read, 0.1 % corrected.")
    assert figure.draw(series).startswith("data:image/svg+xml")
