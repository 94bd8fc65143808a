"""PostgreSQL: a schema of a service's own on a server, for any number of machines.

Owns how its transactions begin (one writer at a time, as in a file: docs/adr/0011-one-writer.md), how long anything
may wait, and what its error codes mean. Knows no table.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.runtime.database.engine import (
    ALONE,
    BESIDE,
    READ,
    DatabaseRefused,
    DatabaseUnavailable,
    ValueRefused,
)

if TYPE_CHECKING:
    import psycopg

SCHEME: Final = "postgresql:"
CONNECTIONS: Final = 12
"""Most connections that one process of a service opens for its transactions."""
CONNECT_TIMEOUT_S: Final = 10
IDLE_TIMEOUT_S: Final = 20
"""How long a transaction may stand still before the server ends it: whoever was stopped in the middle of one
holds the others up no longer than this."""
STATEMENT_TIMEOUT_S: Final = 120
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_NETWORK: Final = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives": 1,
    "keepalives_idle": 10,  # s
    "keepalives_interval": 5,  # s
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms
    "target_session_attrs": "read-write",
}
_NETWORK_THERE: Final = {
    "tcp_keepalives_idle": "10",  # s
    "tcp_keepalives_interval": "5",  # s
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",  # ms
}
"""The same for the server's end of a connection: locks of a machine that has gone are not held for hours."""
_NO_RIGHT: Final = "42501"
_UNKNOWN: Final = re.compile(r'(role|database) "[^"]*" does not exist')
"""What it says to who is not let in for it; the driver has no code for that."""
_TOO_LONG: Final = "54000"
"""What it answers of a text that is too long for an index."""
_AWAY: Final = {
    "08": "its connection failed",
    "53100": "its disk is full: free some space on the server",
    "53": "it lacks something: see its own log",
    "57014": f"a statement took more than {STATEMENT_TIMEOUT_S} s",
    "57P": "it stops, starts, or ended the connection",
    "58": "reading or writing its files failed: see its own log",
    "40": "transactions were in each other's way",
    "55P03": "another process has been writing for too long; find out which if this lasts",
    "25P03": "the transaction stood still for too long, and was ended",
}
"""What codes mean that are not a statement's fault, by what they begin with; the longer goes before the shorter."""


@dataclass(frozen=True, slots=True)
class PostgresSchema:
    """A schema in a database on a server.

    Parameters
    ----------
    url : str
        ``postgresql://USER@HOST:PORT/NAME``.
    schema : str
        Its name: small letters, digits, underscores.
    password : str
        The user's password.
    busy_timeout_s : float
        How long a writer waits for another one, in seconds.

    Raises
    ------
    ValueError
        The schema has no such name.
    """

    url: str
    schema: str
    password: str = field(repr=False)
    busy_timeout_s: float

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.schema):
            raise ValueError(f"{self.schema!r} is no name for a schema: small letters, digits, underscores")

    @property
    def place(self) -> str:
        """The address without a password, and the schema."""
        return f"{make_url(self.url).set(password=None)}, schema {self.schema}"

    def open(self) -> Engine:
        """Make the engine."""
        url = make_url(self.url).set(drivername="postgresql+psycopg")
        engine = create_engine(
            url.set(password=self.password) if self.password else url,
            connect_args=self._network(self._settings()),
            hide_parameters=True,
            pool_size=CONNECTIONS // 3,
            max_overflow=CONNECTIONS - CONNECTIONS // 3,
            use_native_hstore=False,
        )
        event.listen(engine, "connect", _begin_by_hand)
        event.listen(engine, "begin", self._begin)
        return engine

    def before_migrations(self, connection: Connection) -> None:
        """Make the schema; what a migration takes is its own affair."""
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        # IF NOT EXISTS wants the right to make it even where an operator has made it.
        known = connection.exec_driver_sql("SELECT FROM pg_namespace WHERE nspname = %s", (self.schema,))
        if not known.rowcount:
            connection.exec_driver_sql(f"CREATE SCHEMA {self.schema}")

    def meaning(self, error: DBAPIError | OverflowError) -> TransientError | PermanentError | None:
        """Tell what an error means."""
        if isinstance(error, OverflowError):
            return None
        code: str | None = getattr(error.orig, "sqlstate", None)
        if code == _NO_RIGHT:
            return DatabaseRefused(
                f"database {self.place}: {_words(error)}. Grant its user CREATE on the database, and all on the "
                "schema and its tables"
            )
        if isinstance(error, DataError) or code == _TOO_LONG:
            return ValueRefused(self.place, str(error.orig).partition("\n")[0])
        if code is None and not error.connection_invalidated and not _is_operational(error):
            return None
        why = _why(code)
        if why is None:
            return None
        away = DatabaseUnavailable(f"database {self.place}: {why} ({_words(error)}). It is tried again")
        return (self.refusal(_words(error)) if code is None else None) or away

    def refusal(self, said: str) -> DatabaseRefused | None:
        """Tell whether a server that did not let us in has said that there is no such user or database."""
        found = _UNKNOWN.search(said)
        if found is None:
            return None
        return DatabaseRefused(
            f"database {self.place}: {found[0]}. Make it on the server, or correct the setting database "
            "(CALIBRANT_DATABASE)"
        )

    def lock_number(self, what: str) -> int:
        """Return the number of an advisory lock of this schema: the same in every process."""
        return int.from_bytes(hashlib.sha256(f"{self.schema}/{what}".encode()).digest()[:8], signed=True)

    def connect(self) -> psycopg.Connection[Any]:
        """Open a plain connection outside the engine's, in no transaction.

        Raises
        ------
        psycopg.OperationalError
            The server is away.
        """
        from psycopg import connect  # noqa: PLC0415  whoever has files needs no driver

        return connect(self.url, password=self.password or None, autocommit=True, **self._network({}))

    def _network(self, settings: Mapping[str, str]) -> dict[str, Any]:
        name = f"calibrant {self.schema} {socket.gethostname()}/{os.getpid()}"
        options = " ".join(f"-c {key}={value}" for key, value in {**_NETWORK_THERE, **settings}.items())
        return {**_NETWORK, "application_name": name[:63], "options": options}

    def _settings(self) -> dict[str, str]:
        return {
            "search_path": self.schema,
            "lock_timeout": f"{self.busy_timeout_s * 1000:.0f}",
            "statement_timeout": f"{STATEMENT_TIMEOUT_S * 1000}",
            "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT_S * 1000}",
        }

    def _begin(self, connection: Connection) -> None:
        chosen = connection.get_execution_options()
        if chosen.get(ALONE):
            return
        if chosen.get(READ):
            connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        elif chosen.get(BESIDE):
            connection.exec_driver_sql(
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off"
            )
        else:
            # The lock comes first; each statement after it sees all that the writer before has committed.
            connection.exec_driver_sql(
                "BEGIN ISOLATION LEVEL READ COMMITTED; "
                f"SELECT pg_advisory_xact_lock({self.lock_number('writer')})"
            )


def _begin_by_hand(connection: Any, _record: object) -> None:
    connection.autocommit = True  # transactions begin where we say so, and in one round trip


def _why(code: str | None) -> str | None:
    if code is None:
        return "it cannot be reached"
    return next((_AWAY[code[:length]] for length in (5, 3, 2) if code[:length] in _AWAY), None)


def _is_operational(error: DBAPIError) -> bool:
    from psycopg import OperationalError  # noqa: PLC0415  whoever has files needs no driver

    return isinstance(error.orig, OperationalError)


def _words(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())
