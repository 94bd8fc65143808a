"""Transactions that wait their turn and migrations up and down, on either database."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel, select

from calibrant.runtime.database import Database
from calibrant.runtime.tables import RUNTIME_TABLES, InboxRow, OutboxRow
from calibrant.runtime.testing.forks import Forked
from calibrant.runtime.testing.probe_service import MIGRATIONS


def inbox(database):
    with database.reading() as session:
        return sorted(session.exec(select(InboxRow.event_id)).all())


def add(database, name):
    with database.writing() as session:
        session.add(InboxRow(event_id=name, done_tai_ns=0))


def test_a_transaction_that_fails_leaves_nothing(database):
    def fail():
        with database.writing() as session:
            session.add(InboxRow(event_id="a", done_tai_ns=0))
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert inbox(database) == []


def test_a_second_writer_waits_until_the_first_has_read_and_written(database_site):
    database = database_site.open()
    database.migrate([])
    first_has_read, second_has_begun = threading.Event(), threading.Event()
    order = []

    def second():
        first_has_read.wait()
        second_has_begun.set()
        with database.writing() as session:
            order.append(f"second sees {session.get(InboxRow, 'a') is not None}")

    thread = threading.Thread(target=second)
    thread.start()
    with database.writing() as session:
        assert session.get(InboxRow, "a") is None
        first_has_read.set()
        second_has_begun.wait()
        session.add(InboxRow(event_id="a", done_tai_ns=0))
        session.flush()
        order.append("first wrote")
    thread.join()
    database.close()
    assert order == ["first wrote", "second sees True"]


def test_reading_goes_on_beside_a_writer_and_sees_the_state_before(database):
    add(database, "a")
    with database.writing() as writing:
        writing.add(InboxRow(event_id="b", done_tai_ns=0))
        writing.flush()
        assert inbox(database) == ["a"]
    assert inbox(database) == ["a", "b"]


def test_a_fault_in_a_statement_is_not_mistaken_for_a_database_that_is_away(database):
    told = pytest.raises(DBAPIError, match=r"no such table|does not exist")
    with told, database.reading() as session:
        session.execute(sa.text("SELECT * FROM missing_table"))


def test_migrations_go_up_twice_down_and_up_again(database_site):
    database = database_site.open()
    database.migrate([MIGRATIONS])
    database.migrate([MIGRATIONS])
    whole = {*RUNTIME_TABLES, "probe_effect", "alembic_version"}
    assert database_site.tables() == whole
    add(database, "a")
    database.downgrade([MIGRATIONS], "probe@base")
    assert database_site.tables() == whole - {"probe_effect"}
    assert inbox(database) == ["a"]
    database.downgrade([MIGRATIONS], "runtime@base")
    assert database_site.tables() == {"alembic_version"}
    database.migrate([MIGRATIONS])
    assert database_site.tables() == whole
    database.close()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(database_site, tmp_path):
    folder = tmp_path / "revisions"
    folder.mkdir()
    (folder / "bad_0001.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n"
        "revision, down_revision, branch_labels, depends_on = 'bad_0001', None, ('bad',), None\n"
        "def upgrade():\n    op.create_table('half', sa.Column('x', sa.Integer))\n    raise LookupError('bad')\n"
    )
    database = database_site.open()
    database.migrate([])
    before = database_site.tables()
    with pytest.raises(LookupError, match="bad"):
        database.migrate([folder])
    database.close()
    assert database_site.tables() == before


MIGRATE = """
import sys
from calibrant.runtime.database import Database
from pathlib import Path
print("ready", flush=True)
sys.stdin.readline()
Database(sys.argv[1], schema=sys.argv[2]).migrate([Path(sys.argv[3])])
"""


def test_two_processes_that_migrate_at_once_both_succeed(database_site):
    command = [sys.executable, "-c", MIGRATE, database_site.url, database_site.schema, str(MIGRATIONS)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with Forked(command, **pipes) as one, Forked(command, **pipes) as other:
        for process in (one, other):
            assert process.stdout.readline() == "ready\n"
        for process in (one, other):
            process.stdin.write("\n")
            process.stdin.flush()
        assert (one.wait(60), other.wait(60)) == (0, 0)
    assert database_site.tables() == {*RUNTIME_TABLES, "probe_effect", "alembic_version"}


def test_two_services_of_one_process_may_migrate_at_once(tmp_path):
    errors = []
    barrier = threading.Barrier(2)

    def migrate(name):
        database = Database(f"sqlite:///{tmp_path}/{name}.sqlite")
        barrier.wait()
        try:
            database.migrate([MIGRATIONS])
        except Exception as error:  # noqa: BLE001  asserted below
            errors.append(error)
        database.close()

    threads = [threading.Thread(target=migrate, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_the_migrated_schema_is_the_tables(database):
    own = {*RUNTIME_TABLES, "probe_effect"}
    with database.writing() as session:
        context = MigrationContext.configure(
            session.connection(), opts={"include_name": lambda name, kind, _: kind != "table" or name in own}
        )
        metadata = sa.MetaData()
        for name in own:
            SQLModel.metadata.tables[name].to_metadata(metadata)
        assert compare_metadata(context, metadata) == []


def test_a_number_of_the_outbox_is_never_given_twice(database):
    numbers = []
    for _ in range(3):
        with database.writing() as session:
            row = OutboxRow(lane=0, topic="t", value=b"", headers="[]")
            session.add(row)
            session.flush()
            numbers.append(row.number)
        with database.writing() as session:
            session.delete(session.get(OutboxRow, row.number))
    assert numbers == sorted(set(numbers))


def test_only_the_database_and_the_platform_know_the_engine():
    source = Path(__file__).parents[1] / "src" / "calibrant" / "runtime"
    texts = {path.relative_to(source).as_posix(): path.read_text("utf-8") for path in source.rglob("*.py")}
    own = {name: text for name, text in texts.items() if not name.startswith("testing/")}
    assert {name for name, text in own.items() if "sqlite3" in text} == {"database/sqlite.py"}
    assert {name for name, text in own.items() if "psycopg" in text} == {
        "database/asking.py",
        "database/copying.py",
        "database/postgres.py",
        "database/session_lock.py",
    }
    addresses = {name for name, text in own.items() if "sqlite:///" in text}
    assert addresses == {"database/sqlite.py", "database/database.py", "adapters.py"}
