"""The audit: with its effect or not at all, for good, and of every deed that goes through the runtime."""

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from calibrant.bus.errors import PermanentError
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.access.audit import AuditRow, Deed, entries, record
from calibrant.runtime.access.callers import LOCAL, Caller, of_this_machine
from calibrant.runtime.access.door import Door
from calibrant.runtime.http import http_app
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.services import running, send_done, until
from calibrant.runtime.unit_of_work import unit_of_work

ALICE = Caller("alice", ("operator",))


def deed(unit):
    unit.emit([RunProgress(run_id="r", phase="p", message="m", nodes_ended=0, nodes=0)])
    unit.audit(ALICE, Deed("do", "thing", run_id="r"))


def kept(database, table):
    with database.reading() as session:
        return len(session.exec(select(table)).all())


def test_a_deed_is_on_record_with_its_effect(database, clock):
    with unit_of_work(database, "sequencer", clock, cause="c") as unit:
        deed(unit)
    with database.reading() as session:
        (entry,) = entries(session)
    assert (entry["who"], entry["roles"], entry["what"], entry["about"]) == (
        "alice",
        ["operator"],
        "do",
        "thing",
    )
    assert (entry["outcome"], entry["run"]) == ("done", "r")
    assert 0 < entry["at_tai_ns"] < clock.tai_ns()  # it ticks when it is read
    assert kept(database, OutboxRow) == 1


def test_a_deed_that_fails_leaves_neither_effect_nor_record(database, clock):
    def fail():
        with unit_of_work(database, "sequencer", clock, cause="c") as unit:
            deed(unit)
            unit.write()
            raise PermanentError("no")

    with pytest.raises(PermanentError):
        fail()
    assert (kept(database, OutboxRow), kept(database, AuditRow)) == (0, 0)


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'bob'", "DELETE FROM audit"])
def test_a_record_is_for_good(database, clock, statement):
    with database.writing() as session:
        record(session, clock.tai_ns(), ALICE, Deed("do", "thing"))

    def tamper():
        with database.writing() as session:
            session.execute(text(statement))

    with pytest.raises(IntegrityError, match="append-only"):
        tamper()
    with database.reading() as session:
        assert [entry["who"] for entry in entries(session)] == ["alice"]


def test_hostile_texts_are_kept_whatever_they_hold(database, clock):
    with database.writing() as session:
        record(session, clock.tai_ns(), Caller("a\0b\ud800", ()), Deed("x" * 10_000, "\0"))
    with database.reading() as session:
        (entry,) = entries(session)
    assert (entry["who"], entry["about"], len(entry["what"])) == ("a\\0b\\ud800", "\\0", 4000)


def test_a_listing_is_the_latest_first_and_of_whom_one_asks(database, clock):
    with database.writing() as session:
        for number in range(4):
            record(session, clock.tai_ns(), (ALICE, LOCAL)[number % 2], Deed("do", str(number)))
            session.flush()
    with database.reading() as session:
        assert [entry["about"] for entry in entries(session, limit=3)] == ["3", "2", "1"]
        assert [entry["about"] for entry in entries(session, who="alice")] == ["2", "0"]


def test_a_user_without_a_name_is_told_by_number(monkeypatch):
    assert of_this_machine().given == ("admin",)

    def nobody():
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr("calibrant.runtime.access.callers.getuser", nobody)
    assert of_this_machine().identity.partition("@")[0].isdigit()


@pytest.mark.asyncio
async def test_control_and_dead_letters_are_on_record(platform, make_process):
    process = make_process()
    transport = httpx.ASGITransport(app=http_app(process, Door(open=True)))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client, running(process):
        await send_done(platform, "bad")

        async def dead():
            return (await client.get("/dead-letters")).json()

        await until(dead)
        (letter,) = await dead()
        assert (await client.post("/dead-letters/unknown/discard")).status_code == 404
        await client.post(f"/dead-letters/{letter['letter_id']}/discard")
        for what in ("pause", "resume", "drain"):
            assert (await client.post(f"/control/{what}")).status_code == 200
        rows = (await client.get("/audit")).json()
        assert [(row["what"], row["about"], row["outcome"]) for row in reversed(rows)] == [
            ("dead letter", letter["letter_id"], "discarded"),
            ("pause", "sequencer", "asked for"),
            ("resume", "sequencer", "asked for"),
            ("drain", "sequencer", "asked for"),
        ]
        assert {(row["who"], *row["roles"]) for row in rows} == {("local", "admin")}
        assert len((await client.get("/audit", params={"limit": 1})).json()) == 1
