"""A service's own database: opening it, its transactions, its migrations.

Owns the SQLite settings that make a commit durable and a writer wait its turn, and what the engine's errors
mean for a retry. Knows no table.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from calibrant.bus.errors import PermanentError, TransientError

BUSY_TIMEOUT_S = 30.0
WAL_LIMIT_BYTES = 64 << 20
"""What the write-ahead log is cut back to after a checkpoint."""
_READ = "calibrant_read"
_ALEMBIC = threading.Lock()  # it keeps its context in module-level proxies
_SQLITE = "sqlite:///"
_RETRY_S = 0.01
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


class DatabaseUnavailable(TransientError):
    """The database cannot be read or written now: locked, full, away. Nothing was written."""


class DatabaseDamaged(PermanentError):
    """The file is damaged, or no database at all."""


class Database:
    """One service's database.

    Parameters
    ----------
    url : str
        SQLAlchemy URL, such as ``sqlite:////data/db/combine.sqlite``. A missing folder is made.
    busy_timeout_s : float
        How long a writer waits for another one, in seconds.

    Raises
    ------
    DatabaseUnavailable
        The folder cannot be made.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.url = url
        if url.startswith(_SQLITE):
            _make_folder(Path(url.removeprefix(_SQLITE)).parent)
        self._engine = _engine(url, busy_timeout_s)
        self._reader = self._engine.execution_options(**{_READ: True})

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open the one short transaction of a unit of work; it commits at the end or leaves nothing.

        It blocks while another writer is at work: never open it on an event loop's thread.

        Raises
        ------
        DatabaseUnavailable
            The database is locked, full or away.
        DatabaseDamaged
            The file is damaged.
        """
        with _told(self.url), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that sees one state of the database and holds up no writer.

        Raises
        ------
        DatabaseUnavailable
            The database is away.
        DatabaseDamaged
            The file is damaged.
        """
        with _told(self.url), Session(self._reader, expire_on_commit=False) as session:
            yield session

    def migrate(self, locations: Sequence[Path]) -> None:
        """Bring the schema up to date, in one transaction.

        Parameters
        ----------
        locations : sequence of Path
            Folders with Alembic revisions, each a branch of its own beside the runtime's.
        """
        self._revise(locations, "heads", up=True)

    def downgrade(self, locations: Sequence[Path], target: str) -> None:
        """Take revisions back, in one transaction; what their tables held is lost.

        Parameters
        ----------
        locations : sequence of Path
            As for ``migrate``.
        target : str
            Revision to end at, such as ``camera@base``: none of the branch ``camera``.
        """
        self._revise(locations, target, up=False)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _revise(self, locations: Sequence[Path], target: str, *, up: bool) -> None:
        # Alembic is imported here: whoever only reads need not wait for it.
        from alembic.config import Config  # noqa: PLC0415
        from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        own = Path(__file__).parent / "migrations"
        config = Config()
        config.set_main_option("script_location", _escaped(own))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", "\n".join(_escaped(place) for place in (own, *locations)))
        script = ScriptDirectory.from_config(config)

        def steps(revision: Any, _context: object) -> Any:
            # The way alembic's own commands take; there is no public one.
            plan = script._upgrade_revs if up else script._downgrade_revs  # noqa: SLF001
            return plan(target, revision)

        with (
            _ALEMBIC,
            _told(self.url),
            EnvironmentContext(config, script, fn=steps) as environment,
            self._engine.begin() as connection,
        ):
            environment.configure(connection=connection, target_metadata=None)
            environment.run_migrations()


def _escaped(place: Path) -> str:
    return str(place).replace("%", "%%")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"folder {folder} for databases cannot be made: {error.strerror}. "
            "Check its permissions, or choose another data folder"
        ) from error


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turn the engine's errors into ours; a fault in a statement stays what it is."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(f"database {url}: all its connections are in use") from error
    except DatabaseError as error:
        place = url.removeprefix(_SQLITE)
        code = _primary_code(error.orig)
        if code in _DAMAGED:
            raise DatabaseDamaged(
                f"database {place} is damaged or no database at all ({error.orig}): restore it, or move it away"
            ) from error
        if code in _AWAY:
            raise DatabaseUnavailable(
                f"database {place}: {_AWAY[code]} ({error.orig}). The work goes on from where it is"
            ) from error
        if code is None and isinstance(error, OperationalError):
            raise DatabaseUnavailable(f"database {url}: {error.orig}. It is tried again") from error
        raise


def _primary_code(error: BaseException | None) -> int | None:
    """Give SQLite's result code without its extension; None for another engine's error."""
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


def _engine(url: str, busy_timeout_s: float) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": busy_timeout_s})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, below
        cursor = connection.cursor()
        _use_write_ahead_log(cursor, busy_timeout_s)
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred read-then-write fails at once with BUSY_SNAPSHOT; an immediate one waits its turn.
        read = connection.get_execution_options().get(_READ, False)
        connection.exec_driver_sql("BEGIN" if read else "BEGIN IMMEDIATE")

    return engine
