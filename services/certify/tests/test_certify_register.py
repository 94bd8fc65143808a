"""People change the register: each wish whole or not at all, with its events, its history and its inverse."""

import pytest
from certify_register import ANA, DAILY

from calibrant.certify.changes import NothingToDo
from calibrant.certify.deciding import decide
from calibrant.certify.service import CertifyService
from calibrant.certify.waiting import waiting_list
from calibrant.contracts.archive.v1 import ProductPublished
from calibrant.contracts.common.v1 import TimeRange
from calibrant.runtime.access.audit import entries
from calibrant.runtime.unit_of_work import unit_of_work


def test_superseding_trims_the_old_and_tells_both(register):
    change = register.wish("supersede", products=["bias-2"], begin=40, end=60)
    withdrawn, certified = register.events()
    assert (withdrawn.product.product_id, withdrawn.superseded_by) == ("bias-1", "bias-2")
    assert (withdrawn.validity.begin.ns, withdrawn.validity.end.ns) == (40, 60)
    assert (certified.product.product_id, certified.reason) == ("bias-2", "because 2")
    assert withdrawn.change_id == certified.change_id == change["id"]
    assert register.products(39, 40, 59, 60) == ["bias-1", "bias-2", "bias-2", "bias-1"]


def test_a_change_is_in_the_history_with_its_lines_and_in_the_audit(register):
    change = register.wish("supersede", products=["bias-2"], begin=40, end=60)
    [last, first] = register.ask("history")
    assert (last["id"], last["who"], last["why"]) == (change["id"], "ana", "because 2")
    assert "superseded by bias-2" in last["told"]
    assert first["why"] == "because 1"
    shown = register.ask("change", change["id"])
    assert [(one["product"], one["status"]) for one in shown["lines"]] == [
        ("bias-1", "withdrawn"),
        ("bias-2", "certified"),
    ]
    assert [one["id"] for one in register.ask("history", product="bias-2")] == [change["id"]]
    assert register.ask("history", collection="other") == register.ask("history", who="ben") == []
    with register.ledger.database.reading() as session:
        assert [row["what"] for row in entries(session)] == ["supersede", "certify"]


def test_products_stand_or_are_withdrawn(register):
    register.wish("supersede", products=["bias-2"], begin=40, end=60)
    assert register.ask("standings") == {"bias-1": "certified", "bias-2": "certified"}
    register.wish("decertify", products=["bias-2"])
    assert register.ask("standings", "bias-2") == {"bias-2": "withdrawn"}
    assert register.ask("standings", "bias-9") == {}


def test_the_same_request_again_changes_nothing(register):
    wish = {"products": ["bias-2"], "begin": 100, "end": None, "request": "mine"}
    first = register.wish("certify", **wish)
    again = register.wish("certify", **wish)
    assert again == first | {"unchanged": True}
    assert len(register.events()) == 1
    assert "request 'mine' was another one: certified bias-2" in register.refused(
        "certify", **wish | {"begin": 150}
    )


@pytest.mark.parametrize(
    ("begin", "end", "kept"),
    [(0, 100, "...."), (None, 50, "..11"), (50, None, "11.."), (40, 60, "1..1")],
)
def test_decertifying_trims_splits_or_ends_a_range(register, begin, end, kept):
    register.wish("decertify", kinds=["bias"], begin=begin, end=end)
    found = register.products(39, 40, 59, 60) if kept == "1..1" else register.products(0, 49, 50, 99)
    assert "".join("1" if name else "." for name in found) == kept
    [withdrawn] = register.events()
    assert withdrawn.superseded_by == ""
    assert register.products(50, as_of_tai_ns=1001) == ["bias-1"]


def test_moving_keeps_range_and_report(register):
    register.wish("move", products=["bias-1"], to="simcam/calib/other")
    withdrawn, certified = register.events()
    assert (withdrawn.collection, certified.collection) == (DAILY, "simcam/calib/other")
    assert certified.report_id == "r1"
    assert register.products(5) == [None]
    assert register.products(5, collection="simcam/calib/other") == ["bias-1"]


def test_recertifying_for_another_range_needs_no_new_report(register):
    register.wish("certify", products=["bias-1"], begin=200, end=None)
    assert register.products(150, 200, 10**9) == [None, "bias-1", "bias-1"]


def test_refusals_name_what_is_in_the_way(register):
    words = register.refused("certify", products=["bias-2"], begin=50)
    assert "bias-1 is certified from 1970-01-01T00:00:00 TAI" in words
    assert "supersede" in words
    assert "stands there already" in register.refused("certify", products=["bias-1"], begin=10, end=20)
    assert "no product 'bias-9'" in register.refused("certify", products=["bias-9"])
    assert "name the kinds or the products" in register.refused("decertify", detectors=[3])
    assert "nothing like that is in force in simcam/calib/daily;" in register.refused(
        "decertify", kinds=["dark"]
    )
    assert "darkk is no kind of calibration; did you mean dark?" in register.refused(
        "decertify", kinds=["darkk", "bias"]
    )
    assert "there is no collection o;" in register.refused("decertify", kinds=["bias"], collection="o")
    assert "is empty" in register.refused("decertify", kinds=["bias"], begin=5, end=5)
    assert "is a chained collection" in register.refused(
        "certify", products=["bias-2"], collection="simcam/calib"
    )
    register.wish("certify", products=["bias-2"], collection="o")
    assert "bias-2 is certified" in register.refused("move", kinds=["bias"], to="o")


def test_of_several_products_all_or_none_is_certified(register):
    words = register.refused("certify", products=["bias-4", "bias-2"], begin=0, end=10)
    assert "bias-2, valid from" in words
    assert register.products(5, detector=4) == [None]


def test_a_report_must_accept_what_is_certified(register, make, report, told):
    with register.ledger.database.writing() as session:
        register.ledger.hear(session, told(make("bias-5", detector=5)))
        register.ledger.hear(session, report("r2", make("bias-5", detector=5), accepted=False))
    assert "no report accepts bias-5" in register.refused("certify", products=["bias-5"])
    assert "too noisy" in register.refused("certify", products=["bias-5"], report="r2")
    assert "told of no report r9" in register.refused("certify", products=["bias-5"], report="r9")


def test_what_a_person_has_accepted_needs_no_report_that_does(register, make, asked, report):
    noisy = make("bias-5", detector=5)
    with register.ledger.database.writing() as session:
        register.ledger.hear(session, report("r2", noisy, accepted=False))
        register.ledger.alone(session, asked(noisy, report_id="r2", ask="the gate does not accept it"))
    with unit_of_work(register.ledger.database, "certify", register.ledger.clock, cause="decide") as unit:
        [waits] = waiting_list(unit.session)
        decide(unit, CertifyService(), waits["id"], accepted=True, reason="known to be so", caller=ANA)
    register.wish("certify", products=["bias-5"], begin=200, end=300)
    assert register.find(250, detector=5)["calibration"]["report"] == "r2"


def test_the_five_stages_are_said_with_who_when_and_why(register):
    with register.ledger.database.writing() as session:
        register.ledger.hear(session, published())
    register.wish("approve", products=["bias-1"])
    [line] = register.ask("calibrations")
    stages = register.ask("calibration", line["id"])["stages"]
    assert [(one["stage"], one["reached"], one["who"]) for one in stages] == [
        ("generation", True, "combine"),
        ("verification", True, "verify"),
        ("certification", True, "ana"),
        ("approval", True, "ana"),
        ("distribution", True, "archive"),
    ]
    assert [one["why"] for one in stages] == [
        "run run-1",
        "report r1",
        "because 1",
        "because 2",
        "published as pub-1, version 1",
    ]
    assert all(one["when"] for one in stages)
    assert "is approved already" in register.refused("approve", products=["bias-1"])
    register.wish("approve", products=["bias-1"], revoke=True)
    assert register.ask("calibration", line["id"])["stages"][3]["reached"] is False


def published():
    from calibrant.contracts.common.v1 import DataRef  # noqa: PLC0415

    return ProductPublished(
        publication_id="pub-1",
        product_id="bias-1",
        kind="bias",
        instrument="simcam",
        detector=3,
        version=1,
        status="current",
        ref=DataRef(uri="objects:a", sha256="x", size_bytes=1, media_type="t"),
        access_path="/files/pub-1",
        collection=DAILY,
        validity=TimeRange(),
    )


def test_nothing_to_do_is_told_apart(register):
    with pytest.raises(NothingToDo):
        register.wish("tag", collection="best", remove=["bias-1"])
