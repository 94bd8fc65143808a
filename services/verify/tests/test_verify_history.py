"""History of certified products, and what is in force, as verify gathers it for a set."""

import pytest
from verify_past import DAY, NIGHT, RULES, known, read_of

from calibrant.bus.errors import PermanentError
from calibrant.contracts.certify.v1 import CalibrationWithdrawn
from calibrant.contracts.common.v1 import DataRef, JobInput, Product, TaiTime, TimeRange
from calibrant.contracts.times import time_range
from calibrant.contracts.verify.v1 import InForce, VerificationMode
from calibrant.rules.trends import TrendRules
from calibrant.verify.certified import cut_out
from calibrant.verify.history import gather
from calibrant.verify.tables import MeasurementRow, MetricRow


@pytest.fixture
def tonight(bench, past):
    """A decide job of tonight, its measurements recorded."""
    past.night(0, [5.0, 5.0], certified=None)
    job = bench.decide_job("bias", [])
    measured = {"role": "measurements", "id": f"job-{past.count}", "ref": bench.frames("bias", 1)[0].ref}
    return job.model_copy(update={"inputs": (JobInput(**measured),)})


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
