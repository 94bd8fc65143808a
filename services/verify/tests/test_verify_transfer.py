"""A photon transfer curve is verified by what its tables say, once, and its report shows it."""

import base64
import re

import numpy as np
import pytest

from calibrant.contracts.common.v1 import JobInput, Product, TaiTime, TimeRange
from calibrant.frames.writing import (
    ProductInput,
    ProductTable,
    ProductTables,
    Provenance,
    TableColumn,
    write_product,
)
from calibrant.pixels import ENGINE_VERSION
from calibrant.rules.decision import Outcome
from calibrant.rules.verification import ALL_EXPOSURES
from calibrant.verify.deciding import set_report
from calibrant.verify.exports.nested import nested
from calibrant.verify.inputs import InputRefused
from calibrant.verify.rows import measurement_rows
from calibrant.verify.tables import MetricRow

BEGIN_TAI_NS = 1_767_225_637_000_000_000
MEANS = np.array([500.0, 2000.0, 8000.0, 20000.0, 40000.0])
A00 = -2e-6


def table(name, **columns):
    return ProductTable(
        name, tuple(TableColumn(key, np.array(values), key.lower()) for key, values in columns.items())
    )


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


def stored(bench, kind, tables):
    """Put a product of tables of ten flats into the store; give it, and the flats."""
    frames = tuple(
        ProductInput(
            "frames",
            f"{number:024d}-0",
            "a" * 64,
            f"f{number}",
            f"e{number}",
            BEGIN_TAI_NS + number * 10**9,
            1.0,
        )
        for number in range(1, 11)
    )
    provenance = Provenance(
        f"{kind}-1", "1" * 64, kind, "1", ENGINE_VERSION, "f" * 64, frames, {"unit": "electron"}
    )
    product = ProductTables(
        kind=kind,
        instrument=bench.instrument.name,
        detector=0,
        detector_name="S00",
        provenance=provenance,
        begin_tai_ns=BEGIN_TAI_NS,
        end_tai_ns=BEGIN_TAI_NS + 10**10,
        tables=tables,
    )
    path = bench.folder / f"{kind}.fits"
    write_product(path, product)
    ref = bench.objects.put_if_absent(f"products/{kind}.fits", path, "application/fits")
    message = Product(
        product_id=f"{kind}-1",
        kind=kind,
        instrument=product.instrument,
        detector=0,
        ref=ref,
        unit="",
        per_second=False,
        inputs=10,
        observed=TimeRange(begin=TaiTime.from_ns(BEGIN_TAI_NS)),
    )
    flats = [
        JobInput(role="frames", id=one.id, ref=ref, exposure_id=one.exposure_id, file_name=one.file_name)
        for one in frames
    ]
    return Verified(message), flats


class Verified:
    """A product as the bench hands it to a job."""

    def __init__(self, message):
        self.message = message

    def as_input(self):
        return JobInput(role=self.message.kind, id=self.message.product_id, ref=self.message.ref)


def outcome_of(bench, report, measured):
    """Decide on a set of one detector, without its page."""
    job = bench.decide_job(report.kind, [measured])
    return set_report(job, {0: report}, {0: measured.ref}).decision.outcome


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
    decided = bench.decide("ptc", [measured])
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
    (page,) = bench.folder.glob("scratch-*/report.html")
    assert "Photon transfer</h2>" in page.read_text()
    assert "16 of 20 points on the curves" in page.read_text()
    figure = base64.b64decode(
        re.findall(r"svg\+xml;base64,([^\"]+)", page.read_text().partition('id="figures"')[2])[0]
    )
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
    assert outcome_of(bench, report, measured) is outcome


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
