"""A database in a file: what a locked, full or damaged one says, and that commits survive a power cut."""

import pytest
import sqlalchemy as sa
from sqlmodel import select

from calibrant.runtime.database import Database, DatabaseDamaged, DatabaseUnavailable
from calibrant.runtime.tables import InboxRow, OutboxRow
from calibrant.runtime.testing.databases import DatabaseSite


@pytest.fixture
def database(tmp_path):
    site = DatabaseSite(f"sqlite:///{tmp_path}/folder with % and space/x.sqlite")
    with site.opened(busy_timeout_s=0.05) as database:
        yield database


def add(database, name):
    with database.writing() as session:
        session.add(InboxRow(event_id=name, done_tai_ns=0))


def inbox(database):
    with database.reading() as session:
        return sorted(session.exec(select(InboxRow.event_id)).all())


def test_a_locked_database_is_told_and_works_again_afterwards(database):
    with database.writing() as holder:
        holder.add(InboxRow(event_id="b", done_tai_ns=0))
        holder.flush()
        with pytest.raises(DatabaseUnavailable, match=r"x\.sqlite: another process .*locked"):
            add(database, "a")
    add(database, "a")
    assert inbox(database) == ["a", "b"]


def test_a_full_disk_is_told_and_leaves_nothing(database):
    def fill():
        with database.writing() as session:
            pages = session.execute(sa.text("PRAGMA page_count")).scalar_one()
            session.execute(sa.text(f"PRAGMA max_page_count = {pages}"))
            session.add(OutboxRow(lane=0, topic="t", value=b"x" * 1_000_000, headers="[]"))

    with pytest.raises(DatabaseUnavailable, match="the disk is full: free some space"):
        fill()
    with database.reading() as session:
        assert session.exec(select(OutboxRow)).all() == []


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "x.sqlite").write_bytes(b"no database at all" * 100)
    database = Database(f"sqlite:///{tmp_path}/x.sqlite")
    with pytest.raises(DatabaseDamaged, match=r"x\.sqlite is damaged or no database"):
        database.migrate([])
    database.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "flat").write_text("")
    with pytest.raises(DatabaseUnavailable, match="flat/db for databases cannot be made"):
        Database(f"sqlite:///{tmp_path}/flat/db/x.sqlite")


def test_a_file_that_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "x.sqlite").mkdir()
    database = Database(f"sqlite:///{tmp_path}/x.sqlite")
    with pytest.raises(DatabaseUnavailable, match="it cannot be opened"):
        add(database, "a")
    database.close()


def test_commits_survive_a_power_cut_and_the_write_ahead_log_stays_small(database):
    with database.writing() as session:
        told = {
            name: session.execute(sa.text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "journal_size_limit")
        }
    assert told == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "journal_size_limit": 64 << 20,
    }


def test_only_what_may_be_done_again_is_not_waited_for_on_the_disk(database):
    levels = []
    for begin in (database.writing, database.writing_beside, database.writing_beside, database.writing):
        with begin() as session:
            levels.append(session.execute(sa.text("PRAGMA synchronous")).scalar_one())
    assert levels == [2, 1, 1, 2]
