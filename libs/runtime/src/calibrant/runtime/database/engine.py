"""What an engine is to the rest of the package, and the errors that a database has.

Owns no engine; knows neither SQLite nor PostgreSQL.
"""

from __future__ import annotations

from typing import Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from calibrant.bus.errors import PermanentError, TransientError

READ: Final = "calibrant_read"
"""Execution option of connections whose transactions only read."""
BESIDE: Final = "calibrant_beside"
"""Execution option of connections whose transactions write beside the writer's."""
ALONE: Final = "calibrant_alone"
"""Execution option of connections on which each statement reads by itself, in no transaction."""
BUSY_TIMEOUT_S = 30.0


class DatabaseUnavailable(TransientError):
    """The database cannot be read or written now: locked, full, away, or lost in the middle.

    Nothing was written, but for one case: where a server is lost in the moment of a commit, nobody can tell.
    Whoever tries again looks first whether the work is done, as the inbox does.
    """


class DatabaseDamaged(PermanentError):
    """What is stored is damaged, or no database at all."""


class DatabaseRefused(PermanentError):
    """The database does not let us do this; the text says what to grant, make or correct."""


class ValueRefused(PermanentError):
    """What is to be written or looked for is nothing that this database can hold: a number too large, a text with NUL.

    Parameters
    ----------
    place : str
        The database.
    why : str
        What it says itself.
    """

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"database {place} holds no such value ({why}): give a number that fits, a text without NUL, or a shorter one"
        )


class Backend(Protocol):
    """A kind of database."""

    @property
    def place(self) -> str:
        """Where it is, for people; without a password."""
        ...

    def open(self) -> Engine:
        """Make the engine, whose transactions begin as READ, BESIDE and ALONE say; connect to nothing."""
        ...

    def before_migrations(self, connection: Connection) -> None:
        """Make what the first revision stands on."""
        ...

    def meaning(self, error: DBAPIError | OverflowError) -> TransientError | PermanentError | None:
        """Tell what an error of the engine, or of its driver, means for a retry; None: a statement is at fault."""
        ...
