"""History of certified products, what is in force, and how a report is scored by both."""

from dataclasses import replace

import pytest
from sqlmodel import Session

from calibrant.bus.errors import PermanentError
from calibrant.contracts.certify.v1 import CalibrationWithdrawn
from calibrant.contracts.common.v1 import DataRef, JobInput, Product, TaiTime, TimeRange
from calibrant.contracts.times import time_range
from calibrant.contracts.verify.v1 import InForce, VerificationMode
from calibrant.frames.times import parse_time
from calibrant.rules.comparing import WORSE, ComparisonRules
from calibrant.rules.scores import Colour
from calibrant.rules.trends import TrendRules
from calibrant.verify.assessing import Rules, assessed
from calibrant.verify.certified import CertifiedRow, cut_out
from calibrant.verify.history import gather
from calibrant.verify.known import Known
from calibrant.verify.latest import Walk
from calibrant.verify.store import MeasurementRow, MetricRow
from calibrant.verify.trending import Which, trend

NIGHT = parse_time("2026-01-01T20:00:00", "tai")
DAY = 86_400 * 10**9
RULES = TrendRules(least=5, metrics={"bias": ("NOISE_RATIO",), "flat": ("NOISE_RATIO",)})


class Past:
    """Measurements of earlier nights, written as verify writes them."""

    def __init__(self, session: Session):
        self.session = session
        self.count = 0

    def night(self, nights_ago, noises, *, certified=0, mode="internal", amplifiers=("A",), **changed):
        """One product's exposures, with the noise of each; ``certified``: when, None: never."""
        self.count += 1
        job = f"job-{self.count}"
        facts = {"kind": "bias", "instrument": "simcam-tiny", "detector": 0} | changed
        filter_name = facts.pop("filter", None)
        product = f"bias-{self.count}"
        counts = dict.fromkeys(("passed", "failed", "not_applicable", "advisory_failed"), 0)
        self.session.add(
            MeasurementRow(
                job_id=job, product_id=product, mode=mode, limits_version="1", uri="", sha256="",
                filter=filter_name, recorded_tai_ns=self.count, exposures=len(noises), **facts, **counts,
                first_begin_tai_ns=NIGHT - nights_ago * DAY,
                last_begin_tai_ns=NIGHT - nights_ago * DAY + len(noises) - 1,
            )
        )  # fmt: skip
        for number, noise in enumerate(noises):
            for place, amplifier in enumerate(amplifiers):
                row = MetricRow(
                    job_id=job, number=number * 100 + place, product_id=product, exposure_id=f"{nights_ago}-{number}",
                    begin_tai_ns=NIGHT - nights_ago * DAY + number, amplifier=amplifier, name="NOISE_RATIO", value=noise,
                    unit="1", **facts,
                )  # fmt: skip
                self.session.add(row)
        if certified is not None:
            row = CertifiedRow(
                certification_id=f"cert-{self.count}",
                product_id=product,
                collection="c",
                recorded_tai_ns=certified,
            )
            self.session.add(row)
        self.session.flush()
        return product


@pytest.fixture
def past(database):
    with database.writing() as session:
        yield Past(session)


@pytest.fixture
def tonight(bench, past):
    """A decide job of tonight, its measurements recorded."""
    past.night(0, [5.0, 5.0], certified=None)
    job = bench.decide_job("bias", [])
    measured = {"role": "measurements", "id": f"job-{past.count}", "ref": bench.frames("bias", 1)[0].ref}
    return job.model_copy(update={"inputs": (JobInput(**measured),)})


def known(past, job, rules=RULES):
    return Known.model_validate(gather(job, rules, past.session))


def noise(found):
    return found.history[0].numbers["A"]["NOISE_RATIO"]


def test_history_is_of_certified_products_of_earlier_nights(past, tonight):
    first = past.night(3, [4.0, 4.1])
    past.night(2, [99.0], certified=None)
    past.night(0, [99.0])  # the same night, certified by now
    past.night(-1, [99.0])  # a later one
    past.night(1, [99.0], mode="external")
    past.night(1, [99.0], instrument="simcam")
    past.night(1, [99.0], detector=1)
    past.night(1, [99.0], kind="dark")
    past.night(1, [99.0], filter="r")
    second = past.night(1, [4.2])
    found = known(past, tonight).history[0]
    assert found.numbers["A"]["NOISE_RATIO"].model_dump() == {
        "points": 3,
        "median": 4.1,
        "mad": pytest.approx(0.1),
    }
    assert found.products == tuple(sorted((first, second)))
    assert (found.exposures, found.first_tai_ns, found.last_tai_ns) == (3, NIGHT - 3 * DAY, NIGHT - DAY)


def test_what_was_certified_after_the_run_began_is_no_history(past, tonight):
    past.night(2, [4.0], certified=10)
    past.night(1, [99.0], certified=12)
    job = tonight.model_copy(update={"known_at": TaiTime.from_ns(11)})
    assert noise(known(past, job)).points == 1
    assert noise(known(past, tonight)).points == 2


def withdraw(past, product_id, collection, validity, recorded=20):
    ref = DataRef(
        uri="object://masters/bias.fits", sha256="0" * 64, size_bytes=1, media_type="application/fits"
    )
    product = Product(
        product_id=product_id, kind="bias", instrument="simcam-tiny", detector=0, ref=ref, unit="electron",
        per_second=False, inputs=3, observed=TimeRange(),
    )  # fmt: skip
    withdrawn = CalibrationWithdrawn(
        change_id="change-1", product=product,
        collection=collection, validity=validity, recorded=TaiTime.from_ns(recorded), requested_by="ana",
        reason="light leak", superseded_by="",
    )  # fmt: skip
    cut_out(past.session, withdrawn)


def test_a_product_with_nothing_in_force_is_no_history_but_for_what_was_decided_before(past, tonight):
    bad = past.night(2, [99.0], certified=10)
    past.night(1, [4.0], certified=10)
    withdraw(past, bad, "other", TimeRange())
    withdraw(past, bad, "c", TimeRange(begin=TaiTime.from_ns(5), end=TaiTime.from_ns(7)))
    withdraw(past, bad, "c", TimeRange(end=TaiTime.from_ns(5)))
    assert noise(known(past, tonight)).points == 2  # from 7 on it stands
    withdraw(past, bad, "c", TimeRange(begin=TaiTime.from_ns(7)))
    assert (noise(known(past, tonight)).points, noise(known(past, tonight)).median) == (1, 4.0)
    assert noise(known(past, tonight.model_copy(update={"known_at": TaiTime.from_ns(15)}))).points == 2


def test_a_withdrawal_that_is_turned_round_is_refused_for_good(past):
    product = past.night(1, [4.0])
    with pytest.raises(PermanentError, match=r"validity: validity range ends .* before it begins"):
        withdraw(past, product, "c", time_range(7, 5))


def test_an_exposure_measured_twice_counts_once_as_recorded_last(past, tonight):
    past.night(1, [4.0, 4.0])
    past.night(1, [5.0, 5.0])
    found = noise(known(past, tonight))
    assert (found.points, found.median) == (2, 5.0)


def test_only_the_latest_exposures_are_looked_at(past, tonight):
    for night in range(1, 9):
        past.night(night, [float(night)] * 2, amplifiers=("A", "B"))
    found = known(past, tonight, RULES.model_copy(update={"length": 6})).history[0]
    assert found.exposures == 6
    assert found.numbers["B"]["NOISE_RATIO"].model_dump() == {"points": 6, "median": 2.0, "mad": 1.0}


def test_flats_have_the_history_of_their_filter(past, tonight):
    past.night(1, [1.0], filter="r")
    past.night(1, [2.0], filter="g")
    job = tonight.model_copy(update={"filter": "g"})
    assert noise(known(past, job)).median == 2.0


def test_frames_verified_against_an_older_product_have_no_history(past, tonight):
    past.night(1, [4.0])
    external = tonight.model_copy(update={"mode": VerificationMode.EXTERNAL})
    assert gather(external, RULES, past.session) == {}


def test_what_is_in_force_comes_with_its_numbers(past, tonight):
    product = past.night(5, [4.0, 6.0, 5.0])
    span = TimeRange(begin=TaiTime.from_ns(NIGHT - 5 * DAY))
    standing = InForce(detector=0, product_id=product, validity=span)
    found = known(past, tonight.model_copy(update={"in_force": (standing,)})).in_force[0]
    assert (found.product_id, found.begin_tai_ns, found.end_tai_ns) == (product, NIGHT - 5 * DAY, None)
    assert [one.model_dump() for one in found.numbers] == [
        {"amplifier": "A", "name": "NOISE_RATIO", "value": 5.0}
    ]


@pytest.fixture
def set_of(bench):
    """A report on three biases as the gate decides, with its measurements."""
    frames = bench.frames("bias", 3)
    measured, done = bench.measure(bench.master("bias", frames), frames)
    return bench.decide("bias", [done]), {0: measured}


def history_of_set(measured, factor=1.0, points=20):
    """The past of every amplifier: what was measured now, times a factor."""
    numbers = {}
    for row in measured[0].measurements:
        if row.amplifier is not None:
            past = {"points": points, "median": row.values["NOISE_RATIO"] * factor, "mad": 0.0}
            numbers[row.amplifier] = {"NOISE_RATIO": past}
    detector = {
        "exposures": points,
        "first_tai_ns": 1,
        "last_tai_ns": 2,
        "products": ["bias-1"],
        "numbers": numbers,
    }
    return {"history": {0: detector}, "before_tai_ns": 3}


def standing_of(measured, factor=1.0):
    numbers = [
        {"amplifier": row.amplifier, "name": "NOISE_RATIO", "value": row.values["NOISE_RATIO"] * factor}
        for row in measured[0].measurements
        if row.amplifier is not None
    ]
    return {
        "in_force": {0: {"product_id": "bias-old", "begin_tai_ns": 1, "end_tai_ns": None, "numbers": numbers}}
    }


def score(set_of, known, act="advise"):
    report, measured = set_of
    return assessed(report, measured, Rules(RULES, ComparisonRules(act=act)), Known(**known))


def test_without_history_a_good_set_is_grey_and_says_why(set_of):
    report = score(set_of, {})
    (detector,) = report.detectors
    assert (detector.score, detector.accepted) == (Colour.GREY, True)
    assert "0 points of history, 5 are needed" in detector.score_reason
    assert report.assessment.total.because.startswith("detector 0: NOISE_RATIO by history")


def test_a_set_like_its_history_is_green_and_keeps_what_it_was_compared_with(set_of):
    report = score(set_of, history_of_set(set_of[1]))
    assert report.detectors[0].score is Colour.GREEN
    assert report.assessment.total.colour is Colour.GREEN
    assert report.assessment.history_before_tai_ns == 3
    assert report.assessment.detectors[0].history.products == ("bias-1",)
    assert all(trend.history.points == 20 for trend in report.assessment.detectors[0].trends)
    assert type(report).model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_out_of_family_is_red_and_advisory(set_of, factor):
    report = score(set_of, history_of_set(set_of[1], factor))
    (detector,) = report.detectors
    assert (detector.score, detector.accepted, detector.verdict) == (Colour.RED, True, "certified")
    assert "; advisory: " in detector.reason
    assert "NOISE_RATIO is out of family: " in detector.reason
    alarm = report.assessment.advisories[0]
    assert (alarm.test, alarm.advisory, alarm.limit) == ("NOISE_RATIO_OUT_OF_FAMILY", True, 5.0)
    assert abs(alarm.value) > 5
    assert report.decision == set_of[0].decision


def test_worse_than_what_is_in_force_is_told(set_of):
    known = history_of_set(set_of[1]) | standing_of(set_of[1], 0.5)
    (detector,) = score(set_of, known).detectors
    assert (detector.accepted, detector.score) == (True, Colour.RED)
    assert f"{WORSE}, bias-old: NOISE_RATIO " in detector.reason
    (detector,) = score(set_of, known, "off").detectors
    assert (detector.score, WORSE in detector.reason) == (Colour.GREEN, False)


def test_where_it_is_set_the_worse_product_gives_way(set_of):
    (detector,) = score(set_of, standing_of(set_of[1], 0.5), "fall back").detectors
    assert (detector.accepted, detector.verdict, detector.score) == (False, WORSE, Colour.RED)
    assert detector.reason.endswith("that one stays in use")
    (detector,) = score(set_of, standing_of(set_of[1], 1.0), "fall back").detectors
    assert detector.accepted


def test_the_computation_takes_settings_and_what_is_known_and_tells_it_on_the_page(bench, monkeypatch):
    frames = bench.frames("bias", 3)
    measured, done = bench.measure(bench.master("bias", frames), frames)
    known = standing_of({0: measured}, 0.5) | history_of_set({0: measured}, 0.5)
    plain = bench.workspace
    config = {"instruments": "", "comparison": '{"act": "fall back"}'}
    monkeypatch.setattr(type(bench), "workspace", lambda _self: replace(plain(), known=known, config=config))
    _, ref = bench.compute(bench.decide_job("bias", [done]))
    report = bench.report(ref)
    assert report.detectors[0].verdict == WORSE
    assert report.assessment.comparison_rules.act == "fall back"
    page = bench.objects.local_path(bench.artifacts[ref.uri]["page"]).read_text()
    assert f"{WORSE}, bias-old: NOISE_RATIO" in page
    assert "NOISE_RATIO_OUT_OF_FAMILY" in page


def lines(past, rules=RULES, **which):
    return trended(past, rules, **which).lines


def trended(past, rules=RULES, *, since=None, until=None, most=1000, **which):
    return trend(
        past.session,
        Which("simcam-tiny", "NOISE_RATIO", **which),
        rules,
        since_tai_ns=since,
        until_tai_ns=until,
        most=most,
    )


def test_a_trend_places_each_exposure_in_the_history_before_its_night(past):
    for night in (5, 4, 3):
        past.night(night, [5.0, 5.1])
    past.night(2, [9.0, 5.05])
    rows = lines(past)
    assert [row["points"] for row in rows] == [0, 0, 2, 2, 4, 4, 6, 6]
    assert [row["value"] for row in rows][-2:] == [9.0, 5.05]
    assert [row["out"] for row in rows] == [False] * 6 + [True, False]
    assert (rows[-2]["median"], rows[-2]["mad"]) == (pytest.approx(5.05), pytest.approx(0.05))
    assert "5 are needed" in rows[2]["because"]


def test_what_is_not_certified_is_shown_and_is_no_history(past):
    past.night(3, [99.0], certified=None)
    past.night(2, [5.0])
    past.night(1, [5.0])
    rows = lines(past)
    assert [row["certified"] for row in rows] == [False, True, True]
    assert [row["points"] for row in rows] == [0, 0, 1]


def test_series_do_not_mix_and_can_be_chosen(past):
    past.night(2, [5.0], amplifiers=("A", "B"))
    past.night(1, [6.0], detector=1)
    past.night(1, [7.0], kind="flat", filter="r")
    series = [(row["kind"], row["detector"], row["amplifier"], row["filter"]) for row in lines(past)]
    assert series == [
        ("bias", 0, "A", None),
        ("bias", 0, "B", None),
        ("bias", 1, "A", None),
        ("flat", 0, "A", "r"),
    ]
    assert {row["points"] for row in lines(past)} == {0}
    assert [row["value"] for row in lines(past, detector=1)] == [6.0]
    assert [row["value"] for row in lines(past, kind="flat", filter="r")] == [7.0]
    assert [row["amplifier"] for row in lines(past, amplifier="B")] == ["B"]


def test_times_limit_what_is_shown_not_the_history(past):
    for night in (3, 2, 1):
        past.night(night, [5.0])
    (row,) = lines(past, since=NIGHT - 2 * DAY, until=NIGHT - DAY)
    assert (row["begin_tai_ns"], row["points"]) == (NIGHT - 2 * DAY, 1)


def read_of(past, monkeypatch, ask):
    """How many numbers are read to answer, beside the answer."""
    read = []
    take = Walk.take
    monkeypatch.setattr(Walk, "take", lambda self, batch, rows: (read.extend(rows), take(self, batch, rows)))
    return ask(), len(read)


def test_old_nights_are_not_read_for_a_history(past, tonight, monkeypatch):
    for night in range(30, 0, -1):
        past.night(night, [float(night)] * 3)
        past.night(night, [99.0] * 3, certified=None)
    rules = RULES.model_copy(update={"length": 6})
    found, read = read_of(past, monkeypatch, lambda: known(past, tonight, rules))
    assert (noise(found).points, noise(found).median, read) == (6, 1.5, 6)


def test_a_set_over_many_nights_has_its_latest_exposures_in_a_history(past, tonight):
    past.night(9, [9.0])
    past.night(3, [3.0])
    job = past.session.get(MeasurementRow, f"job-{past.count}")
    past.session.add(MetricRow(
        job_id=job.job_id, number=7, instrument=job.instrument, kind=job.kind, product_id=job.product_id, exposure_id="x",
        begin_tai_ns=NIGHT - 20 * DAY, detector=0, amplifier="A", name="NOISE_RATIO", value=20.0, unit="1",
    ))  # fmt: skip
    job.exposures, job.first_begin_tai_ns = 2, NIGHT - 20 * DAY
    past.session.flush()
    found = known(past, tonight, RULES.model_copy(update={"length": 3})).history[0]
    assert found.first_tai_ns == NIGHT - 20 * DAY
    two = known(past, tonight, TrendRules.model_construct(**dict(RULES) | {"length": 2})).history[0]
    assert (two.exposures, two.first_tai_ns) == (2, NIGHT - 9 * DAY)


def test_a_trend_shows_the_latest_frames_beside_the_history_that_they_have_anyway(past, monkeypatch):
    for night in range(30, 1, -1):
        past.night(night, [5.0, 5.0 + night / 100], amplifiers=("A", "B"))
    past.night(1, [5.1, 5.2], detector=1)
    every = lines(past)
    rules = RULES.model_copy(update={"length": 6})
    found, read = read_of(past, monkeypatch, lambda: trended(past, rules, most=3))
    assert found.more
    whole = [line for line in lines(past, rules) if line["begin_tai_ns"] > NIGHT - 2 * DAY]
    assert [line for line in found.lines if line in whole] == found.lines
    assert len(found.lines) == 4  # one frame of two amplifiers, two of one
    assert read < len(every) / 2
    assert not trended(past, most=60).more


def test_the_night_that_a_time_cuts_has_the_history_that_it_has_anyway(past):
    past.night(3, [5.0, 5.1])
    past.night(2, [5.2, 5.3])
    past.night(1, [5.4])
    whole = lines(past)
    assert lines(past, since=NIGHT - 2 * DAY + 1) == whole[3:]
    assert lines(past, since=NIGHT) == []
