"""What the tables of analyses say is told in electrons, absent where it cannot be, and drawn."""

import math

import numpy as np
import pytest

from calibrant.frames.instrument import load_instrument
from calibrant.frames.writing import ProductTable, ProductTables, Provenance, TableColumn
from calibrant.verify.measuring.tables import TELLINGS
from calibrant.verify.page.figures import FIGURES

GEOMETRY = load_instrument("simcam-tiny").geometry(0)
FIRST, SECOND, THIRD, *_ = GEOMETRY.amplifiers
NAMES = [one.name for one in GEOMETRY.amplifiers]
DEAD = "its pixels are all the same: it is dead"
NAN = np.nan


def table(name, **columns):
    return ProductTable(
        name, tuple(TableColumn(key, np.array(values), key.lower()) for key, values in columns.items())
    )


def product(kind, *tables, unit="adu"):
    provenance = Provenance(f"{kind}-1", "1" * 64, kind, "1", "e", "f" * 64, (), {"unit": unit})
    return ProductTables(
        kind=kind,
        instrument="simcam-tiny",
        detector=0,
        detector_name="S00",
        provenance=provenance,
        begin_tai_ns=0,
        end_tai_ns=1,
        tables=tables,
    )


def told(made, amplifier=FIRST):
    return TELLINGS[made.kind].amplifier(amplifier, made)


def drawn(made):
    """Draw what there is to draw, and give it in words."""
    series = TELLINGS[made.kind].series(GEOMETRY, made)
    figure = FIGURES[made.kind]
    assert figure.draw(series).startswith("data:image/svg+xml")
    return figure.alt("S00", series)


def test_a_dark_current_is_told_in_electrons_and_a_dead_amplifier_fails():
    made = product(
        "dark-current",
        table(
            "AMPLIFIERS",
            AMPLIFIER=NAMES,
            RATE=[-0.02, NAN, 0.1, 0.1],
            RATE_ERR=[0.01, NAN, 0.01, 0.01],
            P95=[0.3, NAN, 0.3, 0.3],
            PIX_ERR=[0.1, NAN, 0.1, 0.1],
            GLOW=[0.01, NAN, NAN, 0.0],
            GLOW_ERR=[0.001, NAN, NAN, 0.1],
            USED=[9, 0, 9, 9],
            REJECTED=[1, 0, 0, 0],
            JUMPING=[2, 0, 0, 0],
            SEARCHED=[4096, 0, 4096, 4096],
            REASON=["", DEAD, "", ""],
        ),
        table(
            "LEVELS",
            AMPLIFIER=np.repeat(NAMES, 2),
            DARKTIME=np.tile([20.0, 10.0], 4),
            LEVEL=np.append(np.arange(7.0), NAN),
        ),
    )
    values, problem = told(made)
    gain = FIRST.gain_e_per_adu
    assert problem == ""
    assert values["DARK_CURRENT"] == pytest.approx(-0.02 * gain)
    assert values["GLOW_ERROR"] == pytest.approx(0.001 * gain)
    assert (values["DARK_BELOW_ZERO"], values["DARK_REJECTED"]) == (pytest.approx(2.0), 0.1)
    assert values["TELEGRAPH"] == pytest.approx(2 / 4096)
    dead, why = told(made, SECOND)
    assert why == DEAD
    assert not {"GLOW", "TELEGRAPH"} & set(dead)
    assert all(math.isnan(one) for one in dead.values())
    (first, *_) = TELLINGS["dark-current"].series(GEOMETRY, made)
    assert first.values == {"dark_time_s": (10.0, 20.0), "level_e": (gain, 0.0)}
    assert drawn(made).startswith(
        "level [electron] against dark time [s], 4 amplifiers of detector S00: from 0"
    )


def test_a_bias_stability_is_told_over_the_noise_and_shifts_where_they_were_searched():
    made = product(
        "bias-stability",
        table(
            "AMPLIFIERS",
            AMPLIFIER=NAMES,
            NOISE=[4.0, 4.0, 0.0, 4.0],
            SCATTER=[0.4] * 4,
            NOISESCAT=[0.04] * 4,
            DRIFT=[1.0] * 4,
            DRIFT_ERR=[0.5] * 4,
            SHIFTED=[2, 0, 0, 0],
            SEARCHED=[8, 0, 8, 8],
            REASON=[""] * 4,
        ),
        unit="electron",
    )
    assert told(made)[0] == pytest.approx(
        {"LEVEL_CHANGE": 0.1, "NOISE_CHANGE": 0.01, "DRIFT": 1.0, "DRIFT_ERROR": 0.5, "SHIFTED": 0.25}
    )
    assert "SHIFTED" not in told(made, SECOND)[0]
    assert math.isnan(told(made, THIRD)[0]["LEVEL_CHANGE"])  # constant in most of its biases


def test_an_amplifier_without_a_neighbour_has_no_tearing_and_fails_none():
    made = product(
        "tearing",
        table(
            "AMPLIFIERS",
            AMPLIFIER=NAMES,
            TEARING=[0.02, NAN, NAN, 0.02],
            TEAR_ERR=[0.001, NAN, NAN, 0.001],
            REASON=["", "no amplifier lies beside it", "it has no light", ""],
        ),
    )
    assert told(made)[0] == {"TEARING": 0.02, "TEARING_ERROR": 0.001}
    assert told(made, SECOND) == ({}, "no amplifier lies beside it")
    assert math.isnan(told(made, GEOMETRY.amplifiers[2])[0]["TEARING"])


def test_correlations_are_told_by_the_type_of_the_frames_and_drawn_as_a_matrix():
    made = product(
        "correlations",
        table(
            "AMPLIFIERS",
            AMPLIFIER=NAMES * 2,
            TYPE=["bias"] * 4 + ["flat"] * 4,
            CORR=[0.3, NAN, 0.3, 0.1, -0.1, 0.1, 0.1, 0.1],
            CORR_ERR=[0.01, NAN, 0.01, 0.01] * 2,
            REASON=["", DEAD, "", "", "", "", "", ""],
        ),
        table(
            "CORRELATIONS",
            TYPE=["bias", "flat"],
            FIRST=["A00", "A00"],
            SECOND=["A10", "A01"],
            CORR=[0.3, -0.1],
        ),
    )
    assert told(made)[0]["FLAT_CORRELATION"] == -0.1
    assert told(made, SECOND)[1] == f"in bias frames {DEAD}"
    (first, *_) = TELLINGS["correlations"].series(GEOMETRY, made)
    assert first.values["bias"] == (None, None, 0.3, None)
    assert drawn(made).endswith("the largest is 0.3, of bias frames.")


def test_a_persistence_is_told_and_its_decay_where_there_is_one():
    made = product(
        "persistence",
        table(
            "AMPLIFIERS",
            AMPLIFIER=NAMES,
            FRACTION=[2e-4] * 4,
            FRAC_ERR=[1e-6] * 4,
            CHI2=[6.0, NAN, 1.0, 1.0],
            DOF=[3, 0, 3, 3],
            REASON=[""] * 4,
        ),
    )
    assert told(made)[0] == {"LATENT": 2e-4, "LATENT_ERROR": 1e-6, "DECAY_MISFIT": 2.0}
    assert "DECAY_MISFIT" not in told(made, SECOND)[0]
