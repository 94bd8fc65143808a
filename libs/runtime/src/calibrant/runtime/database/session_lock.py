"""What only one process may have, on whatever machine it is: a lock of the server's that lasts as long as a session.

Owns that session: a connection of its own, in no transaction. Where it is lost, so is the lock, and another process
may have it from then on.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg

from calibrant.runtime.database.engine import DatabaseUnavailable
from calibrant.runtime.database.postgres import PostgresSchema

_SELF = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_HOLDER = """
SELECT pid, backend_start, application_name, host(client_addr) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = %s
"""


class SessionLock:
    """A lock on a server.

    Parameters
    ----------
    backend : PostgresSchema
        Whose lock.
    name : str
        What is to be had.
    """

    def __init__(self, backend: PostgresSchema, name: str) -> None:
        self._backend = backend
        self._number = backend.lock_number(f"sole {name}")
        self._session: psycopg.Connection[Any] | None = None
        self._last: tuple[Any, ...] = ()

    def take(self) -> str | None:
        """Take the lock; return None, or who has it.

        Raises
        ------
        DatabaseUnavailable
            The server is away, or has not noticed yet that our last session is lost.
        DatabaseRefused
            It knows no such user or database.
        """
        self.release()
        try:
            session = self._backend.connect()
            row = session.execute("SELECT pg_try_advisory_lock(%s)", [self._number]).fetchone()
            if row is not None and row[0]:
                self._session, self._last = session, session.execute(_SELF).fetchone() or ()
                return None
            with session:
                return self._holder(session)
        except psycopg.Error as error:
            raise self._backend.refusal(str(error)) or DatabaseUnavailable(
                f"database {self._backend.place}: {error}. It is tried again"
            ) from error

    def is_held(self) -> bool:
        """Ask the server whether the session is still there."""
        if self._session is None:
            return False
        try:
            self._session.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def release(self) -> None:
        """End the session, and with it the lock."""
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.close()
            self._session = None

    def _holder(self, session: psycopg.Connection[Any]) -> str:
        found = session.execute(_HOLDER, [self._number]).fetchone()
        if found is None:
            return "another process"
        if found[:2] == self._last:
            session.execute("SELECT pg_terminate_backend(%s)", [found[0]])
            raise DatabaseUnavailable(
                f"database {self._backend.place}: our own lost session still has the lock; it is ended now"
            )
        return " at ".join(word for word in found[2:] if word)
