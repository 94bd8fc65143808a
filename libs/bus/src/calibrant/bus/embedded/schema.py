"""The tables of the embedded log, and opening a file that has them.

Owns the file's layout and its version. Must not know what is written when.
"""

import sqlite3
from pathlib import Path
from typing import Final

from calibrant.bus.errors import BusCorrupt

VERSION: Final = 1

_TABLES: Final = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    retention_ns INTEGER                -- NULL: for ever
) STRICT;
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL REFERENCES topics (id),
    number INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic_id, number)
) STRICT;
CREATE TABLE log (
    seq INTEGER PRIMARY KEY,            -- order of appending over all topics
    partition_id INTEGER NOT NULL REFERENCES partitions (id),
    offset INTEGER NOT NULL,
    key TEXT,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,              -- JSON [[name, value as Latin-1], ...]
    timestamp_ns INTEGER NOT NULL,      -- POSIX time
    UNIQUE (partition_id, offset)
) STRICT;
CREATE TABLE consumer_groups (
    name TEXT PRIMARY KEY,
    generation INTEGER NOT NULL         -- grows with every change of membership
) STRICT;
CREATE TABLE subscriptions (
    group_name TEXT NOT NULL REFERENCES consumer_groups (name),
    topic_id INTEGER NOT NULL REFERENCES topics (id),
    PRIMARY KEY (group_name, topic_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE offsets (
    group_name TEXT NOT NULL REFERENCES consumer_groups (name),
    partition_id INTEGER NOT NULL REFERENCES partitions (id),
    offset INTEGER NOT NULL,            -- of the next record to read
    PRIMARY KEY (group_name, partition_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE members (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_name TEXT NOT NULL REFERENCES consumer_groups (name),
    generation INTEGER NOT NULL,        -- the last one it agreed to
    heartbeat_ns INTEGER NOT NULL,
    scope TEXT NOT NULL,                -- where its pid means something; '' when unknown
    pid INTEGER NOT NULL,
    started TEXT NOT NULL
) STRICT;
CREATE INDEX members_by_group ON members (group_name);
CREATE TABLE member_topics (
    member_id INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    topic_id INTEGER NOT NULL REFERENCES topics (id),
    PRIMARY KEY (member_id, topic_id)
) STRICT, WITHOUT ROWID;
"""


def connect(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """Open the file, creating it with its tables if need be.

    Parameters
    ----------
    path
        The file; its folder must exist.
    busy_timeout_s
        How long to wait for another writer, in seconds.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode, with a write-ahead log.

    Raises
    ------
    sqlite3.Error
        It cannot be opened.
    BusCorrupt
        It has the tables of another version.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=busy_timeout_s, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        if _version(connection) == 0:
            _create(connection)
        if (version := _version(connection)) != VERSION:
            raise BusCorrupt(
                f"{path} has version {version} of the log's tables, this Calibrant reads version {VERSION}: "
                "use the Calibrant that wrote it, or another data folder"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _create(connection: sqlite3.Connection) -> None:
    """Create the tables, unless another process did in between."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) == 0:
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
