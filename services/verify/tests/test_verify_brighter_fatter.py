"""A brighter-fatter kernel is verified by the pairs that it corrected, once, and its report shows them."""

import numpy as np
import pytest
from verify_tables import outcome_of, stored, table

from calibrant.rules.decision import Outcome

A = np.array([[-2e-6, 3e-7], [4e-7, 5e-8]])
MEAN_ADU, GAIN = 40_000.0, 1.5


def kernel(bench, reasons=("", "", "", ""), left=0.01):
    """Give the product as combine writes it; `left`: part of the covariances that the correction leaves."""
    names = [one.name for one in bench.instrument.geometry(0).amplifiers]
    good = np.array([not reason for reason in reasons])
    having = [name for name, ok in zip(names, good, strict=True) if ok]
    before = A * MEAN_ADU**2 * GAIN
    before[0, 0] += MEAN_ADU / GAIN
    after = left * before
    after[0, 0] = MEAN_ADU / GAIN
    frames = {"FIRST": [1] * 4, "SECOND": [2] * 4}
    checked = {name: values[: len(having)] for name, values in frames.items()}
    tables = (
        table(
            "AMPLIFIERS",
            AMPLIFIER=names,
            A00=np.where(good, A[0, 0], np.nan),
            A00_ERR=np.where(good, 3e-8, np.nan),
            LEFT=np.where(good, left, np.nan),
            LEFT_ERR=np.where(good, 0.01, np.nan),
            VARIANCE=np.where(good, 1.004, np.nan),
            VARIANCE_ERR=np.where(good, 0.002, np.nan),
            CHI2=np.where(good, 3.3, np.nan),
            DOF=np.where(good, 3, 0),
            MEASURED=[6] * 4,
            USED=np.where(good, 5, 0),
            REASON=list(reasons),
        ),
        table("AREAS", AMPLIFIER=having, A=np.array([A] * len(having))),
        table("CORRECTED", AMPLIFIER=having, COV=np.array([after] * len(having)), **checked),
        table("PAIRS", AMPLIFIER=names, COV=np.array([before] * 4), **frames),
    )
    return stored(bench, "bfk", tables)


def test_a_good_kernel_is_certified_and_its_page_shows_what_it_takes_away(bench):
    report, measured = bench.measure(*kernel(bench))
    decided, page = bench.paged("bfk", [measured])
    assert decided.decision.outcome is Outcome.CERTIFIED
    assert report.series[0].values["distance_px"] == pytest.approx((1, 1, 2**0.5))
    assert report.series[0].values["area_per_e"] == pytest.approx((A[0, 1], A[1, 0], A[1, 1]))
    assert "of 4 amplifiers of detector" in page
    assert "of the nearest pixels 1 % of those before" in page


@pytest.mark.parametrize(
    ("made", "outcome", "failing"),
    [
        ({"left": -0.3}, Outcome.NOT_CERTIFIED, {"NEIGHBOURS"}),
        (
            {"reasons": ("dead", "", "", "")},
            Outcome.CERTIFIED_WITH_FAILURES,
            {"A00", "NEIGHBOURS", "VARIANCE"},
        ),
    ],
)
def test_a_kernel_is_judged_by_what_it_leaves(bench, made, outcome, failing):
    report, measured = bench.measure(*kernel(bench, **made))
    assert {one.test for one in report.results if one.verdict == "fail" and not one.advisory} == failing
    assert [row.problem for row in report.measurements] == list(made.get("reasons", ("", "", "", "")))
    assert outcome_of(bench, report, measured) is outcome
