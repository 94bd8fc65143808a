"""The ranges in force: what the rules say of the ledger, whatever is written; none overlaps, whoever writes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from calibrant.certify.in_force import InForceRow, RangeTaken, overlapping, record
from calibrant.certify.ledger import EntryRow
from calibrant.certify.rebuild import Rebuilt, rebuild, rebuild_one
from calibrant.rules.ledger import Subject, conflicts, prevailing
from calibrant.rules.validity import ValidityRange

SETTINGS = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
edges = st.one_of(st.none(), st.integers(0, 9))
spans = st.tuples(edges, edges).map(lambda pair: pair if None in pair else tuple(sorted(pair)))
flats = st.sampled_from([("bias", None), ("flat", "r"), ("flat", "g"), ("flat", None)])
written = st.lists(
    st.tuples(st.sampled_from("abc"), spans, flats, st.sampled_from(["certify", "certify", "withdraw"])),
    max_size=10,
)


class Undo(Exception):
    """Ends an example without leaving its lines."""


def subject(kind: str) -> Subject:
    return Subject.of("simcam/calib/daily", "simcam", kind, 3)


def entries(session) -> list:
    return [row.entry for row in session.exec(select(EntryRow)).all()]


def kept(session) -> list[tuple]:
    rows = session.exec(select(InForceRow)).all()
    return sorted((row.sequence, row.filter, str(row.range)) for row in rows)


def said(ledger_lines) -> list[tuple]:
    pieces = prevailing(ledger_lines)
    return sorted((one.sequence, one.subject.filter or "", str(one.range)) for one in pieces)


def play(session, line, lines) -> None:
    """Write the lines one after the other; the database refuses those, and only those, that clash by the rules."""
    for number, (name, (begin, end), (kind, band), action) in enumerate(lines, 1):
        new = line(number, name, begin, end, kind=kind, filter=band, action=action)
        before = entries(session)
        trial = line(number, name, begin, end, kind=kind, filter=band, action=action)
        trial.sequence = 10**6
        clash = action == "certify" and bool(conflicts(before, trial.entry))
        try:
            record(session, new)
        except RangeTaken:
            assert clash
            assert entries(session) == before
        else:
            assert not clash


def check_any_ledger(database, line, lines) -> None:
    try:
        with database.writing() as session:
            play(session, line, lines)
            assert kept(session) == said(entries(session))
            raise Undo
    except Undo:
        pass


@settings(max_examples=80, **SETTINGS)
@given(lines=written)
def test_they_are_what_the_rules_say_whatever_is_written(database, line, lines) -> None:
    check_any_ledger(database, line, lines)


@pytest.mark.parametrize(("begin", "end"), [(100, 200), (-50, 0), (100, None), (None, 0)])
def test_an_adjacent_range_overlaps_nothing(database, line, begin, end) -> None:
    with database.writing() as session:
        record(session, line(1, "a", 0, 100))
        record(session, line(2, "b", begin, end))
    with database.reading() as session:
        assert len(kept(session)) == 2


@pytest.mark.parametrize(("begin", "end"), [(99, 200), (-50, 1), (40, 60), (None, None), (99, None)])
def test_an_overlap_is_refused_and_the_transaction_goes_on(database, line, begin, end) -> None:
    with database.writing() as session:
        record(session, line(1, "a", 0, 100))
        with pytest.raises(RangeTaken, match="b is not certified"):
            record(session, line(2, "b", begin, end))
        record(session, line(3, "c", begin, end, detector=4))
    with database.reading() as session:
        assert [row.product_id for row in session.exec(select(InForceRow)).all()] == ["a", "c"]
        assert len(entries(session)) == 2


def test_a_withdrawal_frees_its_range(database, line) -> None:
    with database.writing() as session:
        record(session, line(1, "a", 0, 100))
        record(session, line(2, "a", 40, 60, action="withdraw"))
        record(session, line(3, "b", 40, 60))
        found = overlapping(session, subject("bias"), ValidityRange(begin_tai_ns=39, end_tai_ns=60))
        assert [(one.entry.product_id, str(one.entry.range)) for one in found] == [
            ("a", "from 1970-01-01T00:00:00 TAI until 1970-01-01T00:00:00.00000004 TAI"),
            ("b", "from 1970-01-01T00:00:00.00000004 TAI until 1970-01-01T00:00:00.00000006 TAI"),
        ]


@pytest.mark.parametrize(
    "change", ["end_tai_ns = 101", "begin_tai_ns = 150, end_tai_ns = 160", "begin_tai_ns = NULL"]
)
def test_no_update_makes_an_overlap_or_an_empty_range(database, line, change) -> None:
    with database.writing() as session:
        record(session, line(1, "a", 0, 100))
        record(session, line(2, "b", 100, 200))
    which = 1 if "101" in change or "150" in change else 2
    with pytest.raises(IntegrityError, match="no_overlap"), database.writing() as session:
        session.execute(text(f"UPDATE certify_in_force SET {change} WHERE sequence = {which}"))
    with pytest.raises(IntegrityError, match="not_empty"), database.writing() as session:
        session.execute(text("UPDATE certify_in_force SET end_tai_ns = 0 WHERE sequence = 1"))


def test_a_rebuild_says_what_differed_and_mends_it(database, line) -> None:
    with database.writing() as session:
        record(session, line(1, "a", 0, 100))
        record(session, line(2, "flat", 0, None, kind="flat", filter="r"))
        record(session, line(3, "a", 40, 60, action="withdraw"))
    assert rebuild(database) == Rebuilt(ranges=3)
    with database.writing() as session:
        right = kept(session)
        for change in (
            "DELETE FROM certify_in_force WHERE begin_tai_ns = 60",
            "UPDATE certify_in_force SET product_id = 'b' WHERE begin_tai_ns = 0 AND kind = 'bias'",
            "UPDATE certify_in_force SET instrument = 'nocam' WHERE kind = 'flat'",
        ):
            session.execute(text(change))
    assert rebuild(database) == Rebuilt(ranges=3, added=3, removed=2)
    assert rebuild(database) == Rebuilt(ranges=3)
    with database.reading() as session:
        assert kept(session) == right


@settings(max_examples=25, **SETTINGS)
@given(lines=written)
def test_a_rebuild_serves_any_ledger_even_one_that_clashes(database, line, lines) -> None:
    """Lines written past the service may clash; the last recorded stands then, as the rules have it."""
    try:
        with database.writing() as session:
            for number, (name, (begin, end), (kind, band), action) in enumerate(lines, 1):
                session.add(line(number, name, begin, end, kind=kind, filter=band, action=action))
            session.flush()
            for kind in ("bias", "flat"):
                found = rebuild_one(session, subject(kind))
                assert found.added == found.ranges
            assert kept(session) == said(entries(session))
            raise Undo
    except Undo:
        pass
