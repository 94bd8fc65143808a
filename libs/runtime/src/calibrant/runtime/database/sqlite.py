"""SQLite: a database in a file, for one machine.

Owns the settings that make a commit durable and a writer wait its turn, and what SQLite's result codes mean.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.runtime.database.engine import (
    ALONE,
    BESIDE,
    READ,
    DatabaseDamaged,
    DatabaseUnavailable,
    ValueRefused,
)

SCHEME: Final = "sqlite:///"
WAL_LIMIT_BYTES = 64 << 20
"""What the write-ahead log is cut back to after a checkpoint."""
_RETRY_S = 0.01
_LEVEL: Final = "calibrant_synchronous"
"""Where a connection keeps what its commits wait for."""
_AWAY: Final = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked; find out which if this lasts",
    sqlite3.SQLITE_LOCKED: "it is locked",
    sqlite3.SQLITE_PROTOCOL: "its lock is contended",
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_IOERR: "reading or writing failed: check the disk and its free space",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that its folder exists and may be written",
    sqlite3.SQLITE_READONLY: "it cannot be written: check the permissions of the file and its folder",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
}
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A file.

    Parameters
    ----------
    url : str
        ``sqlite:///PATH``. A missing folder is made.
    busy_timeout_s : float
        How long a writer waits for another one, in seconds.
    """

    url: str
    busy_timeout_s: float

    @property
    def place(self) -> str:
        """The path."""
        return self.url.removeprefix(SCHEME)

    def open(self) -> Engine:
        """Make the engine.

        Raises
        ------
        DatabaseUnavailable
            The folder cannot be made.
        """
        _make_folder(Path(self.place).parent)
        connect = {"check_same_thread": False, "timeout": self.busy_timeout_s}
        engine = create_engine(self.url, connect_args=connect)
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def before_migrations(self, connection: Connection) -> None:
        """Nothing: the file is there."""

    def meaning(self, error: DBAPIError | OverflowError) -> TransientError | PermanentError | None:
        """Tell what an error means."""
        if isinstance(error, OverflowError):  # the driver's own, of a number beyond 64 bits
            return ValueRefused(self.place, str(error)) if "SQLite" in str(error) else None
        code = _primary_code(error.orig)
        if code in _DAMAGED:
            return DatabaseDamaged(
                f"database {self.place} is damaged or no database at all ({error.orig}): "
                "restore it, or move it away"
            )
        if code in _AWAY:
            return DatabaseUnavailable(
                f"database {self.place}: {_AWAY[code]} ({error.orig}). The work goes on from where it is"
            )
        return None

    def _prepare(self, connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, below
        cursor = connection.cursor()
        _use_write_ahead_log(cursor, self.busy_timeout_s)
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
        cursor.close()


def _begin(connection: Connection) -> None:
    chosen = connection.get_execution_options()
    if chosen.get(ALONE):
        return
    if chosen.get(READ):
        connection.exec_driver_sql("BEGIN")
        return
    _wait_for_the_disk(connection, "NORMAL" if chosen.get(BESIDE) else "FULL")
    # A deferred read-then-write fails at once with BUSY_SNAPSHOT; an immediate one waits its turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _wait_for_the_disk(connection: Connection, level: str) -> None:
    """FULL: a commit survives a power cut. NORMAL: when the next such one follows."""
    if connection.info.get(_LEVEL) != level:
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.info[_LEVEL] = level


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"folder {folder} for databases cannot be made: {error.strerror}. "
            "Check its permissions, or choose another data folder"
        ) from error


def _primary_code(error: BaseException | None) -> int | None:
    """Give SQLite's result code without its extension."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _use_write_ahead_log(cursor: sqlite3.Cursor, busy_timeout_s: float) -> None:
    """Switch over, waiting while another process does so: SQLite's own waiting leaves this case out."""
    end_s = time.monotonic() + busy_timeout_s
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= end_s:
                raise
            time.sleep(_RETRY_S)
        else:
            return
