"""A database on a PostgreSQL server: what is told of one that is lost, stopped, full or locked, and how long that lasts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from calibrant.runtime.database import Database, DatabaseRefused, DatabaseUnavailable, ValueRefused
from calibrant.runtime.database import postgres as server
from calibrant.runtime.database.asking import ask
from calibrant.runtime.tables import InboxRow
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.runtime.testing.forks import Forked
from calibrant.runtime.testing.postgres import Cluster

pytestmark = pytest.mark.postgres


@pytest.fixture
def site(postgres_url):
    return DatabaseSite(postgres_url)


@pytest.fixture
def database(site):
    with site.opened(busy_timeout_s=0.05) as database:
        yield database


@pytest.fixture
def own_cluster():
    with Cluster() as cluster:
        yield cluster


def add(database, name):
    with database.writing() as session:
        session.add(InboxRow(event_id=name, done_tai_ns=0))


def inbox(database):
    with database.reading() as session:
        return sorted(session.exec(select(InboxRow.event_id)).all())


def code(state):
    """A statement that fails with this SQLSTATE."""
    return sa.text(f"DO $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{state}'; END $$")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("08006", "its connection failed"),
        ("53100", "its disk is full: free some space"),
        ("53300", "it lacks something"),
        ("57014", "more than 120 s"),
        ("57P01", "it stops, starts, or ended the connection"),
        ("57P03", "it stops, starts, or ended the connection"),
        ("58030", "reading or writing its files failed"),
        ("40001", "in each other's way"),
        ("40P01", "in each other's way"),
        ("55P03", "writing for too long"),
        ("25P03", "stood still for too long"),
    ],
)
def test_what_is_the_servers_fault_is_tried_again(database, state, words):
    with pytest.raises(DatabaseUnavailable, match=f"schema test: .*{words}"), database.writing() as session:
        session.execute(code(state))


def test_a_question_that_fails_is_told_of_like_a_statement_and_leaves_the_connection_usable(database):
    done = []

    def question():
        with database.writing() as session:
            ask(session.connection(), code("53100"), {}, lambda: done.append("meanwhile"))

    with pytest.raises(DatabaseUnavailable, match="its disk is full"):
        question()
    add(database, "a")
    assert inbox(database) == ["a"]
    assert done == ["meanwhile"]


@pytest.mark.parametrize("state", ["23505", "42P01", "55000", "57000", "25006"])
def test_what_is_a_statements_fault_stays_what_it_is(database, state):
    with pytest.raises(sa.exc.DBAPIError, match="as told"), database.writing() as session:
        session.execute(code(state))


@pytest.mark.parametrize("state", ["22003", "22001", "54000"])
def test_what_a_value_cannot_be_is_refused_for_good(database, state):
    with pytest.raises(ValueRefused, match=r"schema test holds no such value"), database.writing() as session:
        session.execute(code(state))


def test_a_user_who_may_make_no_schema_is_told_and_works_in_one_made_for_him(own_cluster):
    address = own_cluster.create_database("own")
    with own_cluster.connect("own") as connection:
        connection.execute("CREATE ROLE weak LOGIN")
    weak = DatabaseSite(address.replace("calibrant@", "weak@"))
    denied = "permission denied for database .*Grant its user CREATE"
    with pytest.raises(DatabaseRefused, match=denied), weak.opened():
        pass
    with own_cluster.connect("own") as connection:
        connection.execute("CREATE SCHEMA test AUTHORIZATION weak")
    with weak.opened() as database:
        add(database, "a")


@pytest.mark.parametrize("wrong", ["role", "database"])
def test_a_user_or_database_that_does_not_exist_is_no_reason_to_try_again(postgres_url, wrong):
    start, _, name = postgres_url.rpartition("/")
    address = {"role": f"{start.replace('calibrant@', 'wrong@')}/{name}", "database": f"{start}/wrong"}[wrong]
    database = Database(address, schema="test")
    told = rf'{wrong} "wrong" does not exist\. Make it on the server, or correct .*CALIBRANT_DATABASE\)$'
    with pytest.raises(DatabaseRefused, match=told):
        inbox(database)
    with pytest.raises(DatabaseRefused, match=told):
        database.session_lock("camera").take()
    database.close()


def test_a_second_writer_in_the_way_of_the_first_for_too_long_is_told(database):
    with database.writing() as holder:
        holder.add(InboxRow(event_id="b", done_tai_ns=0))
        with pytest.raises(DatabaseUnavailable, match="another process has been writing for too long"):
            add(database, "a")
    add(database, "a")
    assert inbox(database) == ["a", "b"]


def test_services_of_one_database_do_not_wait_for_each_other(postgres_url):
    one, other = DatabaseSite(postgres_url, "one"), DatabaseSite(postgres_url, "other")
    with one.opened(busy_timeout_s=0.05) as first, other.opened(busy_timeout_s=0.05) as second:
        with first.writing() as session:
            session.add(InboxRow(event_id="a", done_tai_ns=0))
            add(second, "b")
        assert (inbox(first), inbox(second)) == (["a"], ["b"])


def test_a_reader_cannot_write(database):
    with pytest.raises(sa.exc.DBAPIError, match="read-only"), database.reading() as session:
        session.execute(sa.insert(InboxRow).values(event_id="a", done_tai_ns=0))


def test_a_restarted_server_is_not_noticed_at_all_between_transactions(own_cluster):
    with DatabaseSite(own_cluster.create_database()).opened() as database:
        with database.reading(), database.reading():
            pass  # two connections wait in the pool
        own_cluster.kill()
        own_cluster.start()
        add(database, "a")
        with database.reading(), database.reading():
            assert inbox(database) == ["a"]


def test_a_server_that_goes_in_the_middle_is_told_and_leaves_nothing(own_cluster):
    def write():
        with database.writing() as session:
            session.add(InboxRow(event_id="a", done_tai_ns=0))
            session.flush()
            own_cluster.kill()

    with DatabaseSite(own_cluster.create_database()).opened() as database:
        with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1.*It is tried again"):
            write()
        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            inbox(database)
        own_cluster.start()
        assert inbox(database) == []
        add(database, "a")


WRITE_AND_STOP = """
import os, signal, sys
from calibrant.runtime.database import Database, postgres
from calibrant.runtime.tables import InboxRow
postgres.IDLE_TIMEOUT_S = 1
with Database(sys.argv[1], schema="test").writing() as session:
    session.add(InboxRow(event_id="stopped", done_tai_ns=0))
    session.flush()
    os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_a_writer_that_was_stopped_in_the_middle_loses_its_turn_and_hears_of_it(site):
    with site.opened() as database:
        command = [sys.executable, "-c", WRITE_AND_STOP, site.url]
        with Forked(command, stderr=subprocess.PIPE, text=True) as writer:
            try:
                while not _stopped(writer.pid):
                    assert writer.poll() is None
                add(database, "other")
                writer.send_signal(signal.SIGCONT)
                told = writer.communicate(timeout=60)[1]
            finally:
                writer.kill()
        assert "DatabaseUnavailable" in told.splitlines()[-1]
        assert inbox(database) == ["other"]


def _stopped(pid):
    return Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] == "T"


def test_a_connection_that_ends_in_the_middle_makes_the_commit_fail(site, postgres):
    def write():
        with database.writing() as session:
            session.add(InboxRow(event_id="a", done_tai_ns=0))
            session.flush()
            backend = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            with postgres.connect() as other:
                other.execute("SELECT pg_terminate_backend(%s, 60000)", [backend])

    with site.opened() as database:
        with pytest.raises(DatabaseUnavailable, match="It is tried again"):
            write()
        assert inbox(database) == []


def test_no_text_shows_the_password(monkeypatch):
    monkeypatch.setattr(server, "CONNECT_TIMEOUT_S", 2)
    database = Database("postgresql://ana@127.0.0.1:1/calibrant", schema="test", password="a-secret")
    with pytest.raises(DatabaseUnavailable, match=r"ana@127\.0\.0\.1:1/calibrant, schema test") as caught:
        inbox(database)
    assert (
        "a-secret" not in f"{caught.value!r} {caught.value.__cause__!r} {database.place} {vars(database)!r}"
    )


def test_the_password_opens_the_database():
    with Cluster(password="p@ss:/ word") as cluster:
        url = cluster.create_database("own")
        with DatabaseSite(url).opened(password="p@ss:/ word") as database:
            add(database, "a")
            assert inbox(database) == ["a"]
        with pytest.raises(DatabaseUnavailable, match="password authentication failed"):
            Database(url, schema="test", password="another").migrate([])


def test_a_schema_with_an_odd_name_is_refused():
    with pytest.raises(ValueError, match="is no name for a schema"):
        Database("postgresql://ana@127.0.0.1/calibrant", schema='x"; DROP')


def test_what_is_set_on_a_connection(database):
    names = ("search_path", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    with database.writing() as session:
        found = [
            session.execute(sa.text(f"SHOW {name}")).scalar_one() for name in (*names, "application_name")
        ]
        assert session.execute(sa.text("SHOW transaction_isolation")).scalar_one() == "read committed"
    assert found[:4] == ["test", "50ms", "2min", "20s"]
    assert found[4].startswith("calibrant test ")
    assert found[4].endswith(f"/{os.getpid()}")
    with database.reading() as session:
        assert session.execute(sa.text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
