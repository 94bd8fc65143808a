"""Certifying: what is written, what is no change, what is refused; and a ledger that nobody can change."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from calibrant.certify.ledger import EntryRow
from calibrant.certify.products import known
from calibrant.certify.store import CertifyQueries
from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused
from calibrant.contracts.common.v1 import JobFailed
from calibrant.runtime.access.audit import entries


def rows(database) -> list[EntryRow]:
    with database.reading() as session:
        return list(session.exec(select(EntryRow)).all())


def test_a_product_is_certified_and_told(ledger, make, asked) -> None:
    [event] = ledger.ask(asked(make()))
    assert isinstance(event, CalibrationCertified)
    assert not event.unchanged
    assert (event.product, event.collection, event.report_id) == (make(), "simcam/calib/daily", "r1")
    assert (event.validity.begin.ns, event.validity.end.ns, event.recorded.ns) == (0, 100, 1000)
    [row] = rows(ledger.database)
    assert (row.certification_id, row.run_id, row.reason) == (event.certification_id, "run-1", "nightly")
    assert row.made_of == make()


def test_the_same_again_is_no_change_and_tells_the_standing_one(ledger, make, asked) -> None:
    [first] = ledger.ask(asked(make()))
    ledger.clock.now = 5000
    [again] = ledger.ask(asked(make(), job_id="j2", requested_by="ben", report_id="r2"))
    assert again.unchanged
    assert again.job_id == "j2"
    assert again.model_copy(update={"unchanged": False, "job_id": "j1"}) == first
    assert len(rows(ledger.database)) == 1


def test_a_narrower_range_of_the_same_product_is_no_change(ledger, make, asked) -> None:
    ledger.ask(asked(make()))
    [again] = ledger.ask(asked(make(), begin=10, end=20))
    assert again.unchanged
    assert (again.validity.begin.ns, again.validity.end.ns) == (0, 100)


def test_a_range_of_the_same_product_that_reaches_further_is_added(ledger, make, asked) -> None:
    [first] = ledger.ask(asked(make()))
    [second] = ledger.ask(asked(make(), begin=50, end=200))
    assert not second.unchanged
    assert second.certification_id != first.certification_id
    assert len(rows(ledger.database)) == 2


def test_another_product_over_an_overlapping_range_is_refused_by_name(ledger, make, asked) -> None:
    [first] = ledger.ask(asked(make()))
    [refused] = ledger.ask(asked(make("bias-2"), begin=99, end=150, job_id="j2"))
    assert isinstance(refused, CertificationRefused)
    assert (refused.job_id, refused.product_id) == ("j2", "bias-2")
    assert refused.conflicts == (first.certification_id,)
    for words in (
        "bias-1",
        first.certification_id,
        "1970-01-01T00:00:00 TAI",
        "for a range outside",
        "simcam/calib/daily",
    ):
        assert words in refused.reason
    assert len(rows(ledger.database)) == 1


def test_what_a_certification_covers_is_asked_of_its_own_line(ledger, make, asked) -> None:
    """A later line of the same product takes over a part of the range; the earlier one covers it all the same."""
    [first] = ledger.ask(asked(make(), begin=0, end=100))
    ledger.ask(asked(make(), begin=50, end=200))
    [again] = ledger.ask(asked(make(), begin=0, end=100, job_id="j3"))
    assert again.unchanged
    assert again.certification_id == first.certification_id


@pytest.mark.parametrize(
    "other",
    [
        {"begin": 100, "end": 200},
        {"begin": -50, "end": 0},
        {"begin": 100, "end": None},
        {"collection": "simcam/calib/test"},
    ],
)
def test_another_product_beside_it_is_certified(ledger, make, asked, other) -> None:
    ledger.ask(asked(make()))
    [event] = ledger.ask(asked(make("bias-2"), **other))
    assert isinstance(event, CalibrationCertified)


@pytest.mark.parametrize("changed", [{"detector": 4}, {"kind": "dark"}, {"instrument": "othercam"}])
def test_another_subject_does_not_clash(ledger, make, asked, changed) -> None:
    ledger.ask(asked(make()))
    [event] = ledger.ask(asked(make("other-2", **changed)))
    assert isinstance(event, CalibrationCertified)


def test_only_flats_are_told_apart_by_filter(ledger, make, asked) -> None:
    ledger.ask(asked(make("flat-r", kind="flat", filter="r"), make("dark-r", kind="dark", filter="r")))
    flat, dark = ledger.ask(
        asked(make("flat-g", kind="flat", filter="g"), make("dark-g", kind="dark", filter="g"))
    )
    assert isinstance(flat, CalibrationCertified)
    assert isinstance(dark, CertificationRefused)


def test_one_job_answers_for_each_product_in_order(ledger, make, asked) -> None:
    answers = ledger.ask(asked(make(), make("bias-2"), make("bias-3", detector=4), make()))
    assert [type(answer).__name__ for answer in answers] == [
        "CalibrationCertified",
        "CertificationRefused",
        "CalibrationCertified",
        "CalibrationCertified",
    ]
    assert answers[3].unchanged
    assert len({row.recorded_tai_ns for row in rows(ledger.database)}) == 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"begin": 7, "end": 7}, "empty"),
        ({"begin": 8, "end": 7}, "swap begin and end"),
        ({"begin": 0, "end": 2**63}, "beyond"),
        ({"report_id": ""}, "verify it first"),
        ({"collection": "../../etc"}, "is no name"),
        ({"collection": "a//b"}, "is no name"),
    ],
)
def test_what_cannot_stand_is_refused_with_the_reason(ledger, make, asked, changed, says) -> None:
    [refused] = ledger.ask(asked(make(), **changed))
    assert isinstance(refused, CertificationRefused)
    assert says in refused.reason
    assert refused.conflicts == ()
    assert rows(ledger.database) == []


def test_a_product_with_other_bytes_under_its_name_is_refused(ledger, make, asked) -> None:
    ledger.ask(asked(make()))
    changed = make().model_copy(update={"ref": make().ref.model_copy(update={"sha256": "tampered"})})
    [refused] = ledger.ask(asked(changed))
    assert isinstance(refused, CertificationRefused)
    assert "other bytes" in refused.reason


def test_what_was_built_cannot_come_again_with_other_bytes(ledger, make, asked, told) -> None:
    ref = make().ref.model_copy(update={"sha256": "tampered"})
    changed, other = make().model_copy(update={"ref": ref}), make("bias-2")
    with ledger.database.writing() as session:
        assert ledger.hear(session, told(make())) == []
        [refused] = ledger.hear(session, told(changed, other))
        assert isinstance(refused, CertificationRefused)
        assert (refused.job_id, refused.product_id, refused.collection) == ("b1", "bias-1", "runs/run-1")
        assert "bias-1 is known with other bytes (sha-bias-1..., not tampered...)" in refused.reason
        [deed] = [one for one in entries(session) if one["what"] == "note product"]
        assert (deed["about"], deed["run"]) == ("bias-1", "run-1")
        assert refused.reason in deed["outcome"]
        assert {known(session, name).ref.sha256 for name in ("bias-1", "bias-2")} == {
            "sha-bias-1",
            "sha-bias-2",
        }
    [never] = ledger.ask(asked(changed))
    assert isinstance(never, CertificationRefused)
    assert never.reason == refused.reason


def test_a_job_without_products_fails(ledger, asked) -> None:
    [failed] = ledger.ask(asked())
    assert isinstance(failed, JobFailed)
    assert "names no products" in failed.reason


def test_no_collection_is_the_daily_one_and_no_sides_are_unbounded(ledger, make, asked) -> None:
    [event] = ledger.ask(asked(make(), begin=None, end=None, collection=""))
    assert event.collection == "simcam/calib/daily"
    assert event.validity.begin is event.validity.end is None
    [refused] = ledger.ask(asked(make("bias-2"), begin=5, end=6))
    assert "bias-1 is certified at all times" in refused.reason


def test_a_clock_set_back_does_not_change_what_the_ledger_said(ledger, make, asked) -> None:
    ledger.ask(asked(make()))
    ledger.clock.now = 10
    [event] = ledger.ask(asked(make("bias-2"), begin=100, end=200))
    assert event.recorded.ns == 1001


@pytest.mark.parametrize(
    "statement", ["UPDATE certify_entry SET end_tai_ns = 5", "DELETE FROM certify_entry"]
)
def test_the_ledger_cannot_be_changed(ledger, make, asked, statement) -> None:
    ledger.ask(asked(make()))
    with pytest.raises(IntegrityError, match="append-only"), ledger.database.writing() as session:
        session.execute(text(statement))
    assert len(rows(ledger.database)) == 1


def test_the_ledger_cannot_be_emptied_or_replaced(ledger, make, asked, database_site) -> None:
    ledger.ask(asked(make()))
    on_file = "INSERT OR REPLACE INTO certify_entry SELECT * FROM certify_entry"
    statement = on_file if database_site.is_file else "TRUNCATE certify_entry CASCADE"
    with pytest.raises(IntegrityError, match="append-only"), ledger.database.writing() as session:
        session.execute(text(statement))
    assert len(rows(ledger.database)) == 1


def test_certifications_are_listed_and_shown(ledger, make, asked) -> None:
    [first] = ledger.ask(asked(make(), begin=37_000_000_000 + 1_577_836_800_000_000_000, end=None))
    ledger.ask(asked(make("dark-1", kind="dark")))
    with ledger.database.reading() as session:
        queries = CertifyQueries(session)
        assert [one["product"] for one in queries.calibrations()] == ["dark-1", "bias-1"]
        assert [one["product"] for one in queries.calibrations(kind="bias", instrument="simcam")] == [
            "bias-1"
        ]
        assert queries.calibrations(detector=9) == []
        assert len(queries.calibrations(limit=1)) == 1
        shown = queries.calibration(first.certification_id)
        assert queries.calibration("gone") is None
    assert (shown["begin"], shown["end"], shown["status"]) == ("2020-01-01T00:00:00Z", None, "certified")
    assert (shown["requested_by"], shown["run"], shown["path"]) == ("ana", "run-1", "products/bias-1.fits")
    assert shown["made_of"]["inputs"] == 10
