"""People change the register: each wish whole or not at all, with its events, its history and its inverse."""

import pytest
from sqlmodel import col, select

from calibrant.certify.changes import NothingToDo, Refused
from calibrant.certify.deciding import decide
from calibrant.certify.register import carry_out
from calibrant.certify.service import CertifyService
from calibrant.certify.store import CertifyQueries
from calibrant.certify.waiting import waiting_list
from calibrant.certify.wishes import WISH
from calibrant.contracts.archive.v1 import ProductPublished
from calibrant.contracts.certify.v1 import (
    CalibrationCertified,
    CalibrationWithdrawn,
    CollectionChanged,
    StageReached,
)
from calibrant.contracts.common.v1 import TimeRange
from calibrant.runtime.access.audit import entries
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.unit_of_work import unit_of_work

DAILY = "simcam/calib/daily"
ANA = Caller("ana", ("certifier",))
NIGHT = {"instrument": "simcam", "detector": 3, "kind": "bias"}


@pytest.fixture
def register(ledger, make, report, told):
    """The register with two biases of one detector, built and accepted, the first certified over [0, 100)."""
    with ledger.database.writing() as session:
        every = [make(), make("bias-2"), make("bias-4", detector=4), make("flat-r", kind="flat", filter="r")]
        ledger.hear(session, told(*every))
        ledger.hear(session, report("r1", *every))
    register = Register(ledger)
    register.wish("certify", products=["bias-1"], begin=0, end=100)
    register.events()
    return register


class Register:
    def __init__(self, ledger):
        self.ledger = ledger
        self.wishes = 0
        self.sent = 0

    def wish(self, action, **facts):
        """Carry a wish out; give the change."""
        self.wishes += 1
        known = {"undo": {}, "chain": {}, "tag": {}}.get(action, {"collection": DAILY})
        wish = WISH.validate_python({"action": action, "reason": f"because {self.wishes}", **known, **facts})

        def work(cause, _run):
            return unit_of_work(self.ledger.database, "certify", self.ledger.clock, cause=cause)

        return carry_out(work, wish, ANA, str(self.wishes))

    def refused(self, action, **facts):
        before = self.counts()
        with pytest.raises(Refused) as refusal:
            self.wish(action, **facts)
        assert self.counts() == before
        return str(refusal.value)

    def counts(self):
        with self.ledger.database.reading() as session:
            queries = CertifyQueries(session)
            return len(queries.calibrations()), len(queries.history()), len(queries.collections())

    def events(self):
        """Give the kinds and products of events since the last look."""
        kinds = {
            one.message_type: one
            for one in (CalibrationCertified, CalibrationWithdrawn, CollectionChanged, StageReached)
        }
        with self.ledger.database.reading() as session:
            rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.number))).all()
        new, self.sent = rows[self.sent :], len(rows)
        return [kinds[_type(row)].from_json(row.value) for row in new]

    def find(self, at, **facts):
        with self.ledger.database.reading() as session:
            return CertifyQueries(session).find(**{**NIGHT, "at_tai_ns": at, **facts})

    def ask(self, question, *given, **facts):
        with self.ledger.database.reading() as session:
            return getattr(CertifyQueries(session), question)(*given, **facts)

    def products(self, *instants, **facts):
        return [(one := self.find(at, **facts)["calibration"]) and one["product"] for at in instants]


def _type(row):
    import json  # noqa: PLC0415

    headers = row.headers if isinstance(row.headers, list) else json.loads(row.headers)
    return dict(headers)["ce_type"]


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


@pytest.mark.parametrize("action", ["certify", "supersede", "decertify", "move", "approve", "tag", "chain"])
def test_an_undone_change_leaves_what_was_and_can_be_done_again(register, action):
    facts = {
        "certify": {"products": ["bias-4"]},
        "supersede": {"products": ["bias-2"], "begin": 50},
        "decertify": {"kinds": ["bias"], "begin": 50},
        "move": {"kinds": ["bias"], "to": "o"},
        "approve": {"kinds": ["bias"]},
        "tag": {"collection": "t", "add": ["bias-1"]},
        "chain": {"collection": "c", "members": [DAILY]},
    }[action]

    def state():
        everywhere = [DAILY, "o", "t", "c"]
        found = [
            register.products(0, 49, 50, collection=one, detector=n) for one in everywhere for n in (3, 4)
        ]
        [listed] = [one for one in register.ask("calibrations") if one["product"] == "bias-1"][-1:]
        stage = register.ask("calibration", listed["id"])["stages"][3]["reached"]
        return (
            found,
            stage,
            [(one["name"], one["members"]) for one in register.ask("collections") if one["name"] in "tc"],
        )

    before = state()
    change = register.wish(action, **facts)
    after = state()
    assert after != before
    register.events()
    back = register.wish("undo", change=change["id"])
    tagged_still_there = [("t", [])] if action == "tag" else []  # an empty one may stay
    assert state() == (*before[:2], before[2] + tagged_still_there)
    assert register.events()
    assert register.ask("history")[1]["undone_by"] == back["id"]
    assert "was undone already" in register.refused("undo", change=change["id"])
    register.wish("undo", change=back["id"])
    assert state() == after


def test_what_was_changed_since_cannot_be_undone(register):
    first = register.wish("certify", products=["bias-2"], begin=100, end=200)
    register.wish("supersede", products=["bias-1"], begin=150, end=160)
    words = register.refused("undo", change=first["id"])
    assert "bias-1 stands over [1970-01-01T00:00:00.00000015 TAI" in words
    assert "no change 'none'" in register.refused("undo", change="none")


def test_refusals_name_what_is_in_the_way(register):
    words = register.refused("certify", products=["bias-2"], begin=50)
    assert "bias-1 is certified for [1970-01-01T00:00:00 TAI" in words
    assert "supersede" in words
    assert "stands there already" in register.refused("certify", products=["bias-1"], begin=10, end=20)
    assert "no product 'bias-9'" in register.refused("certify", products=["bias-9"])
    assert "name the kinds or the products" in register.refused("decertify", detectors=[3])
    assert "nothing like that is in force" in register.refused("decertify", kinds=["dark"])
    assert "is empty" in register.refused("decertify", kinds=["bias"], begin=5, end=5)
    assert "is a chained collection" in register.refused(
        "certify", products=["bias-2"], collection="simcam/calib"
    )
    register.wish("certify", products=["bias-2"], collection="o")
    assert "bias-2 is certified for" in register.refused("move", kinds=["bias"], to="o")


def test_of_several_products_all_or_none_is_certified(register):
    words = register.refused("certify", products=["bias-4", "bias-2"], begin=0, end=10)
    assert "bias-2 over" in words
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


def test_a_chain_gives_the_first_match_and_names_the_others(register):
    register.wish("certify", products=["bias-2"], begin=50, end=None, collection="simcam/calib/new")
    register.wish("chain", collection="simcam/calib", members=[DAILY])
    register.wish("chain", collection="simcam/calib", members=["simcam/calib/new"], prepend=True)
    answer = register.find(60, collection="simcam/calib")
    assert answer["calibration"]["product"] == "bias-2"
    assert [one["product"] for one in answer["also"]] == ["bias-1"]
    assert [step["collection"] for step in answer["searched"]] == ["simcam/calib/new", DAILY]
    assert "the first of the chain simcam/calib" in answer["why"]
    assert "bias-1 of simcam/calib/daily would apply too" in answer["why"]
    assert register.products(10, collection="simcam/calib") == ["bias-1"]
    missing = register.find(-5, collection="simcam/calib")
    assert (missing["outcome"], missing["after"]["product"]) == ("not found", "bias-1")
    assert "nearest after is bias-2" in missing["why"]


def test_a_chain_that_would_lead_back_to_itself_is_refused_with_the_way(register):
    register.wish("chain", collection="c1", members=[DAILY])
    register.wish("chain", collection="c2", members=["c1"])
    assert "c1 > c2 > c1" in register.refused("chain", collection="c1", members=["c2"])
    assert "no collection c9" in register.refused("chain", collection="c1", members=["c9"])
    assert "is a chained collection, not a calibration one; it searches" in register.refused(
        "certify", products=["bias-2"], collection="c1"
    )
    assert "searches c1 already" in register.refused("chain", collection="c2", members=["c1"])


def test_no_undo_makes_a_chain_that_leads_back_to_itself_or_to_nothing(register):
    register.wish("chain", collection="b", members=[DAILY])
    register.wish("chain", collection="a", members=["b"])
    third = register.wish("chain", collection="a", members=[DAILY])
    last = register.wish("chain", collection="b", members=["a"])
    assert "a > b > a" in register.refused("undo", change=third["id"])
    register.wish("undo", change=last["id"])
    register.wish("undo", change=third["id"])
    assert register.ask("collection", "a")["members"] == ["b"]
    made = register.wish("chain", collection="c", members=[DAILY])
    register.wish("chain", collection="d", members=["c"])
    assert "c is not taken away: d searches it" in register.refused("undo", change=made["id"])


def test_a_tagged_collection_holds_one_product_of_a_kind_and_applies_always(register):
    register.wish("tag", collection="best", add=["bias-1", "bias-4"])
    assert "bias-1 is its bias of detector 3 there" in register.refused(
        "tag", collection="best", add=["bias-2"]
    )
    register.wish("tag", collection="best", add=["bias-2"], remove=["bias-1"])
    assert register.ask("collection", "best")["products"] == ["bias-2", "bias-4"]
    answer = register.find(10**12, collection="best")
    assert (answer["calibration"]["product"], answer["calibration"]["end"]) == ("bias-2", None)
    assert register.products(0, collection="best", kind="dark") == [None]


def test_what_a_run_made_is_in_its_collection(register):
    [run] = [one for one in register.ask("collections") if one["type"] == "run"]
    assert run["name"] == "runs/run-1"
    assert register.ask("collection", "runs/run-1")["products"] == ["bias-1", "bias-2", "bias-4", "flat-r"]
    assert register.products(0, collection="runs/run-1", detector=4) == ["bias-4"]
    assert "bias-1, bias-2 are, and nothing says which" in register.find(0, collection="runs/run-1")["why"]


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


def test_a_whole_exposure_has_its_gaps_named(register):
    register.wish("certify", products=["flat-r"], begin=0, end=10)
    facts = {"instrument": "simcam", "detectors": [3, 4], "kinds": ["bias", "flat"], "filter": "r"}
    whole = register.ask("exposure", at_tai_ns=5, **facts)
    assert whole["outcome"] == "incomplete"
    assert [(one["kind"], one["detector"], one["product"]) for one in whole["calibrations"]] == [
        ("bias", 3, "bias-1"),
        ("flat", 3, "flat-r"),
    ]
    assert [(one["kind"], one["detector"]) for one in whole["gaps"]] == [("bias", 4), ("flat", 4)]
    later = register.ask("exposure", at_tai_ns=20, **facts)
    [flat] = [one for one in later["gaps"] if (one["kind"], one["detector"]) == ("flat", 3)]
    assert "no flat of simcam detector 3 in filter r" in flat["why"]
    assert flat["before"]["product"] == "flat-r"
    then = register.ask("exposure", at_tai_ns=5, as_of_tai_ns=1001, **facts)
    assert [one["product"] for one in then["calibrations"]] == ["bias-1"]
    once = register.ask("exposure", at_tai_ns=150, as_of_tai_ns=1001, **facts)["gaps"][0]
    assert (once["kind"], once["detector"], once["before"]["product"]) == ("bias", 3, "bias-1")
    built = register.ask("exposure", at_tai_ns=5, collection="runs/run-1", **facts)["gaps"][0]
    assert "bias-1, bias-2 are, and nothing says which" in built["why"]


def test_nothing_to_do_is_told_apart(register):
    with pytest.raises(NothingToDo):
        register.wish("tag", collection="best", remove=["bias-1"])
