"""The schema: as the tables say, with what Alembic does not see; up and down with data in it."""

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text
from sqlmodel import SQLModel, select

import calibrant.certify
from calibrant.certify.in_force import InForceRow, record
from calibrant.certify.ledger import EntryRow
from calibrant.certify.store import CertifyQueries

MIGRATIONS = [Path(calibrant.certify.__file__).parent / "migrations"]
UNSEEN = {
    "ix_certify_in_force_begin",
    "validity",
}  # SQLite reflects no expression; PostgreSQL alone has the column


def ours(thing, name, kind, _reflected, _other) -> bool:
    table = name if kind == "table" else thing.table.name
    return table.startswith("certify_") and name not in UNSEEN


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # of SQLite's; the look-up's own test sees it
def test_the_migrated_schema_is_the_tables(database) -> None:
    with database.reading() as session:
        opts = {"include_object": ours}
        context = MigrationContext.configure(session.connection(), opts=opts)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_what_refuses_an_overlap_is_there(database, database_site) -> None:
    """Nothing else would notice: Alembic sees neither an exclusion constraint nor a trigger."""
    on_file = (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'certify_in_force_no_overlap%'"
    )
    on_server = (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'x' AND "
        "conrelid = 'certify_in_force'::regclass AND conname = 'certify_in_force_no_overlap'"
    )
    with database.reading() as session:
        found = session.execute(text(on_file if database_site.is_file else on_server)).scalars().all()
    if database_site.is_file:
        assert sorted(sql.split()[4] for sql in found) == ["insert", "update"]
    else:
        [constraint] = found
        columns = re.fullmatch(r"EXCLUDE USING gist \((.*)\)", constraint)[1].split(", ")
        subject = {f"{name} WITH =" for name in ("collection", "instrument", "kind", "detector", "filter")}
        assert set(columns) == {*subject, "validity WITH &&"}


def test_a_range_is_an_int8range_on_postgresql(database, database_site, line) -> None:
    if database_site.is_file:
        return
    with database.writing() as session:
        record(session, line(1, "a", 0, 100))
        record(session, line(2, "b", 100, None))
    with database.reading() as session:
        rows = session.execute(text("SELECT pg_typeof(validity)::text, validity::text FROM certify_in_force"))
        assert sorted(map(tuple, rows)) == [("int8range", "[0,100)"), ("int8range", "[100,)")]


def test_the_look_up_goes_through_the_index(database, database_site, line) -> None:
    with database.writing() as session:
        for number in range(30):
            record(session, line(number, f"p{number}", number * 10, number * 10 + 10))
        connection = session.connection()
        asked: list[tuple] = []

        def listen(_connection, _cursor, statement, parameters, _context, _many) -> None:
            asked.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", listen)
        find(session, 95)
        event.remove(connection, "before_cursor_execute", listen)
        [(statement, parameters)] = asked
        if not database_site.is_file:
            session.execute(text("SET LOCAL enable_seqscan = off"))
            session.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN QUERY PLAN " if database_site.is_file else "EXPLAIN "
        plan = "\n".join(map(str, connection.exec_driver_sql(explain + statement, parameters)))
    assert "ix_certify_in_force_begin" in plan
    assert "SCAN" not in plan.upper().replace("INDEX SCAN", "")
    assert "SORT" not in plan.upper()


def test_down_and_up_again_the_ranges_are_those_of_the_ledger(database, database_site, line) -> None:
    with database.writing() as session:
        record(session, line(1, "a", None, 100))
        record(session, line(2, "a", 40, 60, action="withdraw"))
        record(session, line(3, "flat", 0, 10, kind="flat", filter="r"))
        before = ranges(session)
    database.downgrade(MIGRATIONS, "certify_0001")
    assert "certify_in_force" not in database_site.tables()
    database.migrate(MIGRATIONS)
    with database.reading() as session:
        assert ranges(session) == before
        assert find(session, 39)["outcome"] == "found"
        assert find(session, 40)["outcome"] == "not found"
        assert len(session.exec(select(EntryRow)).all()) == 3


def test_all_of_it_can_be_taken_back_with_data_in_it_and_made_again(database, database_site, line) -> None:
    with database.writing() as session:
        record(session, line(1, "a", None, 100))
    database.downgrade(MIGRATIONS, "certify@base")
    assert not [name for name in database_site.tables() if name.startswith("certify_")]
    database.migrate(MIGRATIONS)
    with database.writing() as session:
        record(session, line(1, "a", None, 100))


def ranges(session) -> list[tuple]:
    return sorted(
        (row.sequence, row.product_id, row.filter, str(row.range))
        for row in session.exec(select(InForceRow)).all()
    )


def find(session, at: int) -> dict:
    return CertifyQueries(session).find(instrument="simcam", detector=3, kind="bias", at_tai_ns=at)
