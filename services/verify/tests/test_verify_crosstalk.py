"""A crosstalk matrix is verified by its tables and by what is left in corrected frames, once; its report shows it."""

import itertools

import numpy as np
import pytest
from verify_tables import outcome_of, stored, table

from calibrant.rules.decision import Outcome
from calibrant.verify.page.crosstalk import CROSSTALK

LEAK = 1.5e-4


def matrix(bench, unknown=(), left=(), rests=None, between=None):
    """Give the product as combine writes it; `unknown` and `left`: numbers of pairs not measured, and not corrected.

    `rests`: how many an amplifier could be measured again; all that were measured where it is not given. `between`: whether
    each amplifier shows each of two of another detector; None where it is not known.
    """
    names = [one.name for one in bench.instrument.geometry(0).amplifiers]
    pairs = list(itertools.permutations(names, 2))
    known = np.array([number not in unknown for number in range(len(pairs))])
    still = np.array([number in left for number in range(len(pairs))])
    mine = np.array([[victim == name for victim, _ in pairs] for name in names])
    measured = (mine & known).sum(axis=1)
    tables = (
        table(
            "AMPLIFIERS",
            AMPLIFIER=names,
            SOURCES=[3] * 4,
            MEASURED=measured,
            SIGNIFICANT=measured,
            LARGEST=np.where(measured, LEAK, np.nan),
            ERROR=np.where(measured, 4e-6, np.nan),
            RESTS=measured if rests is None else [rests] * 4,
            LEFT=(mine & still).sum(axis=1),
            REASON=["" if one else "the victim is dead" for one in measured],
        ),
        table(
            "PAIRS",
            AMPLIFIER=[victim for victim, _ in pairs],
            SOURCE=[source for _, source in pairs],
            C0=np.where(known, LEAK, np.nan),
            SIGNIFICANT=known,
            REST_C0=np.where(known, 1e-6, np.nan),
        ),
    )
    if between is not None:
        flat = [one for row in between for one in row]
        shown = table(
            "BETWEEN",
            AMPLIFIER=[name for name, row in zip(names, between, strict=True) for _ in row],
            DETECTOR=[1] * len(flat),
            SOURCE=["A00", "A01"] * 4,
            SIGNIFICANT=[bool(one) for one in flat],
            REASON=["no bright pixels in the source" if one is None else "" for one in flat],
        )
        tables = (*tables, shown)
    return stored(bench, "crosstalk", tables)


@pytest.mark.parametrize(
    ("made", "outcome", "failing"),
    [
        ({}, Outcome.CERTIFIED, set()),
        ({"unknown": (0, 4)}, Outcome.CERTIFIED, set()),
        ({"unknown": (0, 1, 2)}, Outcome.CERTIFIED_WITH_FAILURES, {"NO_SIGNIFICANT_DETECTION", "UNMEASURED"}),
        ({"left": (0, 3, 6)}, Outcome.NOT_CERTIFIED, {"NO_SIGNIFICANT_DETECTION"}),
        ({"rests": 1}, Outcome.NOT_CERTIFIED, {"UNMEASURED"}),
    ],
)
def test_a_matrix_is_judged_by_what_it_leaves_and_what_it_does_not_know(bench, made, outcome, failing):
    report, measured = bench.measure(*matrix(bench, **made))
    failed = {one.test for one in report.results if one.verdict == "fail" and not one.advisory}
    assert failed == failing
    assert outcome_of(bench, report, measured) is outcome


def test_the_figure_has_a_row_a_victim_and_says_what_is_not_known(bench):
    report, _ = bench.measure(*matrix(bench, unknown=(0,)))
    rows = report.series
    assert [one.amplifier for one in rows] == [one.name for one in bench.instrument.geometry(0).amplifiers]
    assert rows[0].values["c0"] == (None, None, LEAK, LEAK)
    assert CROSSTALK.alt("S00", rows).startswith(
        "Crosstalk between 4 amplifiers of detector S00: 11 coefficients, 11"
    )
    assert CROSSTALK.draw(rows).startswith("data:image/svg+xml;base64,")


def test_what_other_detectors_leak_is_told_and_decides_nothing(bench):
    shown = ((True, True), (False, None), (False, False), (None, None))
    report, measured = bench.measure(*matrix(bench, between=shown))
    told = [one for one in report.results if one.test == "BETWEEN_DETECTORS"]
    assert [(one.verdict, one.value, one.advisory) for one in told] == [
        ("fail", 2.0, True),
        ("pass", 0.0, True),
        ("pass", 0.0, True),
        ("fail", None, True),
    ]
    assert outcome_of(bench, report, measured) is Outcome.CERTIFIED
