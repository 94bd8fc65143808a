"""A question to PostgreSQL whose asker does something else until it is answered.

Owns that wait and the translation of its errors. Knows no table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.exc import DBAPIError


def ask(
    connection: Connection,
    statement: ClauseElement,
    values: Mapping[str, Any],
    meanwhile: Callable[[], None],
) -> list[tuple[Any, ...]]:
    """Execute a statement in the transaction of the connection.

    Parameters
    ----------
    connection : Connection
        To PostgreSQL.
    statement : ClauseElement
        The statement: one of few, for its text is kept.
    values : mapping
        Its parameters, as the driver takes them.
    meanwhile : callable
        Called while the server is at work; leaves the connection alone.

    Returns
    -------
    list of tuple
        The rows that the statement returns.

    Raises
    ------
    DBAPIError
        As SQLAlchemy tells the errors of its own statements.
    """
    from psycopg import Error  # noqa: PLC0415  whoever has files needs no driver

    words = _words(statement, connection.dialect)
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline(), driver.cursor() as cursor:
            cursor.execute(words, values)
            meanwhile()
            answer: list[tuple[Any, ...]] = cursor.fetchall()
            return answer
    except Error as error:
        raise DBAPIError.instance(words, None, error, Error, dialect=connection.dialect) from error


@lru_cache(maxsize=64)
def _words(statement: ClauseElement, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))
