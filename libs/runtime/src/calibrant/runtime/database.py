"""A service's own database: opening it, its transactions, its migrations.

Owns the SQLite settings that make a commit durable and a writer wait its turn. Knows no table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from calibrant.bus.errors import TransientError

BUSY_TIMEOUT_S = 30.0
_READ = "calibrant_read"
_HERE = Path(__file__).parent


class DatabaseUnavailable(TransientError):
    """The database cannot be read or written now: locked, full, away. Nothing was written."""


class Database:
    """One service's database.

    Parameters
    ----------
    url : str
        SQLAlchemy URL, such as ``sqlite:////data/db/combine.sqlite``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self._engine = _engine(url)
        self._reader = self._engine.execution_options(**{_READ: True})

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open the one short transaction of a unit of work; it commits at the end or leaves nothing.

        Raises
        ------
        DatabaseUnavailable
            The database is locked, full or away.
        """
        with _told(self.url), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that sees one state of the database and holds up no writer."""
        with _told(self.url), Session(self._reader, expire_on_commit=False) as session:
            yield session

    def migrate(self, locations: Sequence[Path]) -> None:
        """Bring the schema up to date.

        Parameters
        ----------
        locations : sequence of Path
            Folders with Alembic revisions, each a branch of its own beside the runtime's.
        """
        config = Config()
        config.set_main_option("script_location", str(_HERE / "migrations"))
        config.set_main_option("path_separator", "newline")
        places = [_HERE / "migrations", *locations]
        config.set_main_option("version_locations", "\n".join(str(place) for place in places))
        script = ScriptDirectory.from_config(config)

        def steps(revision: Any, _context: MigrationContext) -> Any:
            return script._upgrade_revs("heads", revision)  # noqa: SLF001  the way alembic's own command takes

        with (
            _told(self.url),
            EnvironmentContext(config, script, fn=steps) as environment,
            self._engine.begin() as connection,
        ):
            environment.configure(connection=connection, target_metadata=None)
            environment.run_migrations()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        place = url.removeprefix("sqlite:///")
        raise DatabaseUnavailable(
            f"database {place}: {error.orig}. If the disk is full, free some space; the work goes on from where it is"
        ) from error


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, below
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred read-then-write fails at once with BUSY_SNAPSHOT; an immediate one waits its turn.
        read = connection.get_execution_options().get(_READ, False)
        connection.exec_driver_sql("BEGIN" if read else "BEGIN IMMEDIATE")

    return engine
