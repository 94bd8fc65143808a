"""A photon transfer curve is verified by what its tables say, once, and its report shows it."""

import base64
import re

import numpy as np
import pytest
from verify_tables import BEGIN_TAI_NS, outcome_of, stored, table

from calibrant.rules.decision import Outcome
from calibrant.rules.verification import ALL_EXPOSURES
from calibrant.verify.deciding import set_report
from calibrant.verify.exports.nested import nested
from calibrant.verify.inputs import InputRefused
from calibrant.verify.rows import measurement_rows
from calibrant.verify.tables import MetricRow

MEANS = np.array([500.0, 2000.0, 8000.0, 20000.0, 40000.0])
A00 = -2e-6


def curve(bench, reasons=("", "", "", ""), gain_factor=1.0, noise_errors=0.01):
    """Give the product of a curve as combine writes it, all amplifiers with their nominal gains but for a factor."""
    amplifiers = bench.instrument.geometry(0).amplifiers
    names = [one.name for one in amplifiers]
    good = [not reason for reason in reasons]
    gains = np.array(
        [one.gain_e_per_adu * gain_factor if ok else np.nan for one, ok in zip(amplifiers, good, strict=True)]
    )
    each = {name: (MEANS, gain) for name, gain in zip(names, gains, strict=True)}
    single = [gain / (1 + A00 * gain * means) for means, gain in each.values()]
    tables = (
        table(
            "AMPLIFIERS",
            AMPLIFIER=names,
            GAIN=gains,
            GAIN_ERR=gains / 1000,
            NOISE=[one.read_noise_e if ok else np.nan for one, ok in zip(amplifiers, good, strict=True)],
            NOISE_ERR=np.where(good, noise_errors, np.nan),
            A00=np.where(good, A00, np.nan),
            A00_ERR=np.where(good, 1e-8, np.nan),
            TURNOFF=np.where(good, 70_000.0, np.nan),
            FULLWELL=70_000.0 * gains,
            FULLWELL_LOW=[False] * 4,
            POINTS=np.where(good, 4, 0),
            MEASURED=np.where(good, 5, 0),
            CHI2=np.where(good, 1.0, np.nan),
            DOF=np.where(good, 1, 0),
            REASON=list(reasons),
        ),
        table(
            "PAIRS",
            AMPLIFIER=np.repeat(names, MEANS.size),
            MEAN=np.tile(MEANS, 4),
            VARIANCE=np.concatenate([means / gain for means, gain in each.values()]),
            GAIN=np.concatenate(single),
            NOISE=np.full(MEANS.size * 4, 3.3),
            ON_CURVE=np.tile([True, True, True, True, False], 4) & np.repeat(good, MEANS.size),
        ),
    )
    return stored(bench, "ptc", tables)


def test_a_good_curve_is_certified_with_its_figure_and_without_a_picture(bench):
    product, flats = curve(bench)
    report, measured = bench.measure(product, flats)
    assert {one.exposure_id for one in report.results} == {ALL_EXPOSURES}
    values = {row.amplifier: row.values for row in report.measurements}
    for amplifier in bench.instrument.geometry(0).amplifiers:
        found = values[amplifier.name]
        assert found["PAIR_GAIN"] == pytest.approx(amplifier.gain_e_per_adu)
        assert found["TURNOFF"] == pytest.approx(70_000 * amplifier.gain_e_per_adu)
    assert report.series[0].values["on_curve"] == (1, 1, 1, 1, 0)
    decided, page = bench.paged("ptc", [measured])
    assert decided.decision.outcome is Outcome.CERTIFIED
    assert decided.exposures == tuple(f"e{number}" for number in range(1, 11))
    assert decided.decision.counts.exposures == 1
    gains = [
        one
        for kind, one in measurement_rows(report, measured.ref, 0)
        if kind is MetricRow and one["name"] == "GAIN"
    ]
    assert {(one["exposure_id"], one["begin_tai_ns"]) for one in gains} == {("e1", BEGIN_TAI_NS + 10**9)}
    told = nested(decided, {0: report})
    assert told["verifyPtcStats"]["SUCCESS"]
    assert list(told["verifyPtcExpStats"]) == [ALL_EXPOSURES]
    hyphened = decided.model_copy(update={"kind": "dark-current"})
    assert "verifyDarkCurrentStats" in nested(hyphened, {0: report})
    assert "Photon transfer</h2>" in page
    assert "16 of 20 points on the curves" in page
    figure = base64.b64decode(re.findall(r"svg\+xml;base64,([^\"]+)", page.partition('id="figures"')[2])[0])
    assert b"variance over mean [adu]" in figure
    assert b"mathdefault" not in figure  # text is written as it stands


@pytest.mark.parametrize(
    ("made", "outcome", "failing"),
    [
        ({"gain_factor": 1.06}, Outcome.NOT_CERTIFIED, {"GAIN"}),
        (
            {"reasons": ("no fit", "", "", "")},
            Outcome.CERTIFIED_WITH_FAILURES,
            {"GAIN", "NOISE", "PAIR_GAIN"},
        ),
        ({"noise_errors": np.nan}, Outcome.CERTIFIED, set()),
    ],
)
def test_a_curve_is_judged_by_its_gains_and_noises(bench, made, outcome, failing):
    report, measured = bench.measure(*curve(bench, **made))
    failed = {one.test for one in report.results if one.verdict == "fail" and not one.advisory}
    assert failed == failing
    assert [row.problem for row in report.measurements] == list(made.get("reasons", ("", "", "", "")))
    decided = set_report(bench.decide_job("ptc", [measured]), {0: report}, {0: measured.ref})
    assert decided.decision.outcome is outcome
    why = "GAIN, PAIR_GAIN, NOISE in amplifier A00: not measured: no fit"  # as the product's table says
    assert decided.detectors[0].reason.endswith(why) is ("reasons" in made)
    few = "failed with all exposures together, in too few amplifiers to withhold"
    assert (few in decided.detectors[0].reason) is ("reasons" in made)


@pytest.mark.parametrize(("second", "outcome"), [(1.02, Outcome.CERTIFIED), (1.3, Outcome.NOT_CERTIFIED)])
def test_gains_of_single_pairs_have_to_agree(bench, second, outcome):
    amplifiers = bench.instrument.geometry(0).amplifiers
    names, gains = [one.name for one in amplifiers], np.array([one.gain_e_per_adu for one in amplifiers])
    tables = (
        table(
            "AMPLIFIERS",
            AMPLIFIER=names,
            GAIN=gains,
            GAIN_ERR=gains / 1000,
            NOISE=[one.read_noise_e for one in amplifiers],
            NOISE_FROM=["overscan", "nominal", "nominal", "nominal"],
            MEASURED=[2] * 4,
            REASON=[""] * 4,
        ),
        table(
            "PAIRS",
            AMPLIFIER=np.repeat(names, 2),
            MEAN=np.tile([3e3, 6e3], 4),
            VARIANCE=np.tile([2e3, 4e3], 4),
            GAIN=np.outer(gains, [1.0, second]).ravel(),
        ),
    )
    report, measured = bench.measure(*stored(bench, "gain", tables))
    assert [("OVERSCAN_NOISE" in row.values) for row in report.measurements] == [True, False, False, False]
    assert outcome_of(bench, report, measured) is outcome


def test_flats_that_the_curve_is_not_of_are_refused(bench):
    product, flats = curve(bench)
    other = flats[0].model_copy(update={"id": "b" * 24 + "-0"})
    for wrong, says in (([*flats, other], "f1 is none of its frames"), ([], "no frames are given")):
        with pytest.raises(InputRefused, match=says):
            bench.measure(product, wrong)
