"""A crosstalk matrix is verified by its tables and by what is left in corrected frames, once; its report shows it."""

import itertools
import json

import numpy as np
import pytest
from verify_tables import outcome_of, stored, table

from calibrant.frames.instrument import Instrument
from calibrant.frames.reading import read_frames
from calibrant.pixels import remove_signature
from calibrant.rules.decision import Outcome
from calibrant.verify.page.crosstalk import CROSSTALK

LEAK = 1.5e-4


def matrix(bench, unknown=(), left=(), rests=None, between=None):
    """Give the product as combine writes it; `unknown` and `left`: numbers of pairs not measured, and not corrected.

    `rests`: how many an amplifier could be measured again; all that were measured where it is not given. `between`: whether
    each amplifier still shows each of three of another detector; None where that could not be measured, "lost" not again.
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
            SOURCE=["A00", "A01", "A10"] * 4,
            SIGNIFICANT=[one is not None for one in flat],
            REASON=["no bright pixels in the source" if one is None else "" for one in flat],
            REST_SIGNIFICANT=[one is True for one in flat],
            REST_REASON=["" if isinstance(one, bool) else "too few pixels" for one in flat],
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


def test_what_is_left_of_other_detectors_decides_where_some_could_be_measured(bench):
    shown = ((True, True, False), (False, "lost", None), ("lost", "lost", False), (None, None, None))
    report, measured = bench.measure(*matrix(bench, between=shown))
    told = [one for one in report.results if one.test == "BETWEEN_DETECTORS"]
    assert [(one.verdict, one.value, one.advisory) for one in told] == [
        ("fail", 2.0, False),
        ("pass", 0.0, False),
        ("fail", None, False),
        ("not_applicable", None, False),
    ]
    assert outcome_of(bench, report, measured) is Outcome.NOT_CERTIFIED


def between_alone(bench, leak):
    """Give a matrix by which each amplifier shows one of detector 1, ADU for ADU, and none of its own detector's."""
    names = [one.name for one in bench.instrument.geometry(0).amplifiers]
    pairs = list(itertools.permutations(names, 2))

    def numbers(pairs, c0):
        return {
            "C0": [c0] * len(pairs),
            "C0_ERR": [1e-9] * len(pairs),
            "PIXELS": [100] * len(pairs),
            "SIGNIFICANT": [c0 != 0] * len(pairs),
            "REASON": [""] * len(pairs),
        }

    within = table(
        "PAIRS", AMPLIFIER=[v for v, _ in pairs], SOURCE=[s for _, s in pairs], **numbers(pairs, 0.0)
    )
    far = {"AMPLIFIER": names, "DETECTOR": [1] * 4, "SOURCE": ["A00"] * 4, "SOURCE_GAIN": [9.0] * 4}
    between = table("BETWEEN", **far, **numbers(names, leak))
    return stored(bench, "crosstalk", (within, between), unit="adu")[0]


def test_frames_are_verified_without_what_other_detectors_leak_as_they_were_built(bench):
    described = bench.instrument.model_dump(mode="json") | {"crosstalk_groups": [[0, 1]]}
    bench.instrument = Instrument.model_validate_json(json.dumps(described))
    (bench.folder / f"{bench.instrument.name}.yaml").write_text(bench.instrument.canonical())
    bench.instruments = str(bench.folder)
    darks, leak = bench.frames("dark", 3, time_s=1.0), 5e-3
    lit = [bench.frame("dark", one.exposure_id, 1, 1.0, 2e4) for one in darks[:2]]  # none of the third
    sources = [one.model_copy(update={"role": "sources"}) for one in lit]
    master, matrix = bench.master("dark", darks), between_alone(bench, leak)
    shown = []
    for one in lit:
        (read,) = read_frames(bench.objects.path_of(one.ref.uri), bench.instrument, one.file_name)
        image = remove_signature(read.array, bench.instrument.geometry(1), unit="adu")
        shown.append(leak * image.data[bench.instrument.geometry(1).amplifiers[0].placed.slices].mean())

    def means(*inputs):
        report, _ = bench.measure(master, [*darks, *inputs], matrix)
        assert {one.role for one in report.products} == {"dark", "crosstalk"}
        rows = [one for one in report.measurements if one.amplifier and "MEAN" in one.values]
        return np.array([one.values["MEAN"] for one in rows]).reshape(3, 4)

    gains = [one.gain_e_per_adu for one in bench.instrument.geometry(0).amplifiers]
    expected = np.outer([*shown, 0.0], gains)
    np.testing.assert_allclose(means() - means(*sources), expected, rtol=1e-4, atol=1e-4)
