"""Charge transfer is verified by how well it is known and what its model leaves, and its report shows it against the signal."""

import numpy as np
import pytest
from verify_tables import outcome_of, stored, table

from calibrant.pixels.charge_transfer import Reason
from calibrant.rules.decision import Outcome

SIGNALS = (2_000.0, 10_000.0, 40_000.0)
CTI = {"SERIAL": 2e-5, "PARALLEL": 1e-5}


def transfers(bench, *, parallel=("",) * 4, residual=1e-8, error=1e-8):
    """Give the product as combine writes it; `parallel`: why amplifiers have no CTI along columns."""
    names = [one.name for one in bench.instrument.geometry(0).amplifiers]
    reasons = {"SERIAL": ("",) * 4, "PARALLEL": parallel}
    tables, levels = (
        [],
        {"AMPLIFIER": [], "DIRECTION": [], "SIGNAL": [], "CTI": [], "CTI_ERR": [], "USED": []},
    )
    for way, why in reasons.items():
        good = np.array([not reason for reason in why])
        tables.append(
            table(
                way,
                AMPLIFIER=names,
                CTI=np.where(good, CTI[way], np.nan),
                CTI_ERR=np.where(good, error, np.nan),
                RESIDUAL=np.where(good, residual, np.nan),
                RESIDUAL_ERR=np.where(good, error, np.nan),
                TURNOFF=np.where(good, 4e4, np.nan),
                TURNOFF_LOW=[False] * 4,
                OFFSET=["bounce" if way == "SERIAL" else "none"] * 4,
                SCALE=[3e-3] * 4,
                SINE=[4e-3] * 4,
                EDGE=[np.nan, 1e-3, 1e-3, 1e-3],
                REASON=list(why),
                MODEL_REASON=list(why),
            )
        )
        for name, ok in zip(names, good, strict=True):
            levels["AMPLIFIER"] += [name] * 3
            levels["DIRECTION"] += [way.lower()] * 3
            levels["SIGNAL"] += SIGNALS if ok else [np.nan] * 3
            levels["CTI"] += [CTI[way]] * 3 if ok else [np.nan] * 3
            levels["CTI_ERR"] += [error] * 3
            levels["USED"] += [bool(ok), bool(ok), False]
    return stored(bench, "cti", (*tables, table("LEVELS", **levels)))


def test_what_is_well_known_is_certified_whatever_its_size_and_drawn_against_the_signal(bench):
    report, measured = bench.measure(*transfers(bench))
    advisory = {one.test for one in report.results if one.verdict == "fail"}
    assert advisory == {"SERIAL_CTI", "PARALLEL_CTI"}
    values = report.measurements[0].values
    assert values["SERIAL_TURNOFF"] == pytest.approx(
        4e4 * bench.instrument.geometry(0).amplifiers[0].gain_e_per_adu
    )
    assert values["BOUNCE"] == pytest.approx(5e-3)
    assert ["HARD_EDGE" in row.values for row in report.measurements] == [False, True, True, True]
    assert report.series[0].values["serial"] == (1, 0) * 3
    decided, page = bench.paged("cti", [measured])
    assert decided.decision.outcome is Outcome.CERTIFIED
    assert "Charge transfer</h2>" in page
    assert "16 of 24 measurements count" in page


@pytest.mark.parametrize(
    ("made", "outcome", "failing", "absent"),
    [
        ({"residual": 2e-6}, Outcome.NOT_CERTIFIED, {"SERIAL_RESIDUAL", "PARALLEL_RESIDUAL"}, 0),
        ({"error": 2e-6}, Outcome.NOT_CERTIFIED, {"SERIAL_ERROR", "PARALLEL_ERROR"}, 0),
        (
            {"parallel": (Reason.NO_SIGNAL.value, "", "", "")},
            Outcome.CERTIFIED_WITH_FAILURES,
            {"PARALLEL_ERROR", "PARALLEL_RESIDUAL"},
            0,
        ),
        ({"parallel": (Reason.NO_OVERSCAN.value,) * 4}, Outcome.CERTIFIED, set(), 8),
    ],
)
def test_it_is_judged_by_its_errors_and_by_what_the_model_leaves(bench, made, outcome, failing, absent):
    report, measured = bench.measure(*transfers(bench, **made))
    counted = [one for one in report.results if not one.advisory]
    assert {one.test for one in counted if one.verdict == "fail"} == failing
    assert sum(one.verdict == "not_applicable" for one in counted) == absent
    told = f"parallel: {made['parallel'][0]}" if "parallel" in made else ""
    assert report.measurements[0].problem == told
    assert outcome_of(bench, report, measured) is outcome
