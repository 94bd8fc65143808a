"""A service's own database: opening it, its transactions, its migrations.

Owns when a transaction begins and ends. Knows no table, and of engines only which one an address means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from calibrant.runtime.database.engine import (
    ALONE,
    BESIDE,
    BUSY_TIMEOUT_S,
    READ,
    Backend,
    DatabaseUnavailable,
)
from calibrant.runtime.database.migrating import revise
from calibrant.runtime.database.postgres import SCHEME as POSTGRES
from calibrant.runtime.database.postgres import PostgresSchema
from calibrant.runtime.database.sqlite import SqliteFile

if TYPE_CHECKING:
    from calibrant.runtime.database.session_lock import SessionLock


class Database:
    """One service's database.

    Parameters
    ----------
    url : str
        ``sqlite:////data/db/combine.sqlite``, whose folder is made when it is missing, or
        ``postgresql://USER@HOST:PORT/NAME``.
    schema : str
        Name of the service's schema on a server, made by ``migrate``; a file needs none.
    password : str
        The user's password on a server; it appears in no text.
    busy_timeout_s : float
        How long a writer waits for another one, in seconds.

    Raises
    ------
    DatabaseUnavailable
        The folder cannot be made.
    ValueError
        The schema's name is none.
    """

    def __init__(
        self, url: str, *, schema: str = "", password: str = "", busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        self.url = url
        self.backend: Backend
        if url.startswith(POSTGRES):
            self.backend = PostgresSchema(url, schema, password, busy_timeout_s)
        else:
            self.backend = SqliteFile(url, busy_timeout_s)
        self._writer = self.backend.open()
        self._reader = self._writer.execution_options(**{READ: True})
        self._alone = self._writer.execution_options(**{ALONE: True})
        self._beside = self._writer.execution_options(**{BESIDE: True})

    @property
    def place(self) -> str:
        """Where it is, for people; without a password."""
        return self.backend.place

    @property
    def is_shared(self) -> bool:
        """Whether it is on a server, where rows may be locked one by one."""
        return isinstance(self.backend, PostgresSchema)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open the one short transaction of a unit of work; it commits at the end or leaves nothing.

        It is the only writer of its service, in all processes and on all machines, and sees all that was
        written before it. It blocks while another writer is at work: never open it on an event loop's thread.

        Raises
        ------
        DatabaseUnavailable
            The database is locked, full or away.
        DatabaseDamaged
            The file is damaged.
        DatabaseRefused
            The server withholds a right.
        """
        with self._transaction(self._writer) as session:
            yield session

    @contextmanager
    def writing_beside(self) -> Iterator[Session]:
        """Open a transaction that writes beside the writer, on rows it has locked itself; it commits at the end.

        Only for what owns its rows by other means, as the relay its lanes, and what may be done again: a server
        that crashes, or a machine that loses power, may forget the commit. In a file it is the only writer.

        Raises
        ------
        DatabaseUnavailable
            The database is locked, full or away.
        """
        with self._transaction(self._beside) as session:
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
        # It ends by a commit: after a rollback the driver throws away all statements that the server has prepared.
        with self._transaction(self._reader) as session:
            yield session

    @contextmanager
    def reading_alone(self) -> Iterator[Session]:
        """Open a session whose statements each see the state of their own instant; it holds up no writer.

        For a question of one statement: on a server that spares the round trips of a transaction's begin and end.

        Raises
        ------
        DatabaseUnavailable
            The database is away.
        DatabaseDamaged
            The file is damaged.
        """
        with self._transaction(self._alone) as session:
            yield session

    def migrate(self, locations: Sequence[Path]) -> None:
        """Bring the schema up to date, in one transaction; processes that start together take turns.

        Parameters
        ----------
        locations : sequence of Path
            Folders with Alembic revisions, each a branch of its own beside the runtime's.

        Raises
        ------
        DatabaseUnavailable
            The database is locked, full or away.
        DatabaseRefused
            The server does not let us make schema or tables.
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

    def session_lock(self, name: str) -> SessionLock | None:
        """Return a lock on the server, not taken yet; None for a file, beside which a lock file does."""
        if not isinstance(self.backend, PostgresSchema):
            return None
        from calibrant.runtime.database.session_lock import SessionLock  # noqa: PLC0415  it brings the driver

        return SessionLock(self.backend, name)

    def close(self) -> None:
        """Close all connections."""
        self._writer.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Session]:
        with self._told(), Session(engine, expire_on_commit=False) as session, session.begin():
            _begin(session)
            yield session

    def _revise(self, locations: Sequence[Path], target: str, *, up: bool) -> None:
        with self.writing() as session:
            connection = session.connection()
            self.backend.before_migrations(connection)
            revise(connection, locations, target, up=up)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the engine's errors into ours; a fault in a statement stays what it is."""
        try:
            yield
        except PoolTimeout as error:
            raise DatabaseUnavailable(f"database {self.place}: all its connections are in use") from error
        except (DBAPIError, OverflowError) as error:
            meaning = self.backend.meaning(error)
            if meaning is None:
                raise
            raise meaning from error


def _begin(session: Session) -> None:
    """Begin the transaction; where the server was restarted since the last one, on a new connection."""
    try:
        session.connection()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        session.connection()  # the pool has thrown all its connections away
