"""Products that wait for a person: nothing is certified before, one decision counts, and all of it is on record."""

import pytest
from sqlmodel import select

from calibrant.certify.deciding import MOST_REASON, DecidedAlready, NoReason, NothingWaits, decide
from calibrant.certify.ledger import EntryRow
from calibrant.certify.service import CertifyService
from calibrant.certify.waiting import waiting_list, waiting_one
from calibrant.contracts.generated.registry import MESSAGES
from calibrant.runtime.access.audit import entries
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.header_text import headers_from_text
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.unit_of_work import unit_of_work

ANA = Caller("ana", ("certifier",))


@pytest.fixture
def waits(ledger, make, asked):
    """Two products wait; return their names on the list."""
    assert ledger.ask(asked(make(), make("bias-2", detector=4), ask="scores grey: no history")) == []
    return [row["id"] for row in listed(ledger)]


def listed(ledger, **which):
    with ledger.database.reading() as session:
        return waiting_list(session, **which)


def decided(ledger, waiting_id, *, accepted=True, reason="looks as last night", caller=ANA):
    with unit_of_work(ledger.database, "certify", ledger.clock, cause=f"decide:{waiting_id}") as unit:
        decide(unit, CertifyService(), waiting_id, accepted=accepted, reason=reason, caller=caller)


def told(ledger):
    with ledger.database.reading() as session:
        rows = session.exec(select(OutboxRow).order_by(OutboxRow.number)).all()
        return [
            (dict(headers_from_text(row.headers))["ce_correlationid"].decode(), _message(row)) for row in rows
        ]


def _message(row):
    kind = dict(headers_from_text(row.headers))["ce_type"].decode()
    return MESSAGES[kind].from_json(row.value)


def certified(ledger):
    with ledger.database.reading() as session:
        return session.exec(select(EntryRow)).all()


def test_what_is_asked_about_waits_and_is_not_certified(ledger, waits):
    assert certified(ledger) == []
    first, second = listed(ledger)
    assert {first["product"], second["product"]} == {"bias-1", "bias-2"}
    assert {row["because"] for row in (first, second)} == {"scores grey: no history"}
    assert {row["run"] for row in (first, second)} == {"run-1"}
    with ledger.database.reading() as session:
        assert waiting_one(session, first["id"])["job"]["report_id"] == "r1"
        assert waiting_one(session, "wait-none") is None


def test_an_accepted_product_is_certified_by_who_accepted_it(ledger, waits):
    decided(ledger, waits[0])
    (entry,) = certified(ledger)
    assert entry.requested_by == "ana"
    assert entry.reason == "nightly; accepted by ana: looks as last night"
    (run, made), (_, done) = told(ledger)
    assert run == "run-1"
    assert (made.waiting_id, made.accepted, made.decided_by, made.decided.ns) == (
        waits[0],
        True,
        "ana",
        1_000,
    )
    assert (done.certification_id, done.job_id) == (entry.certification_id, made.job_id)
    assert [row["id"] for row in listed(ledger)] == waits[1:]


def test_a_rejected_product_is_told_and_never_certified(ledger, waits):
    decided(ledger, waits[0], accepted=False, reason="stripes in the upper half")
    assert certified(ledger) == []
    ((_, made),) = told(ledger)
    assert (made.accepted, made.reason) == (False, "stripes in the upper half")
    (row,) = listed(ledger, state="rejected")
    assert (row["id"], row["decided_by"]) == (waits[0], "ana")


@pytest.mark.parametrize("accepted", [True, False])
def test_nobody_decides_twice(ledger, waits, accepted):
    decided(ledger, waits[0], accepted=accepted)
    before = told(ledger)
    with pytest.raises(
        DecidedAlready, match=r"by ana at 1970-01-01T.*: looks as last night\. It is not decided twice"
    ):
        decided(ledger, waits[0], accepted=not accepted, caller=Caller("ben", ("admin",)))
    assert told(ledger) == before
    assert len(certified(ledger)) == accepted


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * (MOST_REASON + 1)])
def test_a_decision_needs_a_reason_that_can_be_shown(ledger, waits, reason):
    with pytest.raises(NoReason):
        decided(ledger, waits[0], reason=reason)
    assert [row["state"] for row in listed(ledger)] == ["waiting", "waiting"]


def test_what_does_not_wait_is_not_decided(ledger):
    with pytest.raises(NothingWaits, match="nothing waits under 'wait-1'"):
        decided(ledger, "wait-1")


def test_a_person_may_overrule_the_report_of_what_was_asked_about(ledger, make, asked, report):
    ledger.tell(report("r1", make(), make("bias-2", detector=4), accepted=False))
    with ledger.database.writing() as session:
        assert ledger.alone(session, asked(make(), ask="too noisy")) == []
    (row,) = listed(ledger)
    decided(ledger, row["id"])
    assert [entry.product_id for entry in certified(ledger)] == ["bias-1"]
    with ledger.database.writing() as session:  # what nobody was asked about stays refused
        (refused,) = ledger.alone(session, asked(make("bias-2", detector=4), job_id="j2"))
    assert "does not accept bias-2" in refused.reason


def test_an_accepted_product_can_still_clash_with_what_stands(ledger, make, asked, waits):
    ledger.ask(asked(make("bias-9"), job_id="j9"))
    waiting = next(row["id"] for row in listed(ledger) if row["product"] == "bias-1")
    decided(ledger, waiting)
    (_, made), (_, refused) = told(ledger)
    assert made.accepted
    assert "overlaps what stands" in refused.reason


def test_what_is_certified_already_is_not_asked_about_again(ledger, make, asked):
    ledger.ask(asked(make()))
    (answer,) = ledger.ask(asked(make(), make("bias-2", detector=4), job_id="j2", ask="always asked"))
    assert answer.unchanged
    assert [row["product"] for row in listed(ledger)] == ["bias-2"]
    assert (
        ledger.ask(asked(make(), job_id="j3", end=200, ask="always asked")) == []
    )  # a longer range is asked about
    assert {row["product"] for row in listed(ledger)} == {"bias-1", "bias-2"}


def test_decisions_are_in_the_audit(ledger, waits):
    decided(ledger, waits[0])
    with ledger.database.reading() as session:
        deeds = [(row["who"], row["what"], row["about"]) for row in entries(session)]
    assert ("ana", "decide", waits[0]) in deeds
    assert any(who == "ana" and what == "certify" for who, what, _ in deeds)
