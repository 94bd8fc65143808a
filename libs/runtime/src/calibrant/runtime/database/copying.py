"""Rows copied into PostgreSQL: one round trip, and a third of the server's work and of ours for an INSERT of many.

Owns that statement and the translation of its errors. Knows no table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError


def copy_in(
    connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Copy rows into a table, in the transaction of the connection.

    Parameters
    ----------
    connection : Connection
        To PostgreSQL.
    table : Table
        The table.
    names : sequence of str
        Its columns that the rows have.
    rows : iterable of sequence
        Their values: text, bytes, numbers, None.

    Raises
    ------
    DBAPIError
        As SQLAlchemy tells the errors of its own statements.
    """
    from psycopg import Error  # noqa: PLC0415  whoever has files needs no driver

    words = connection.dialect.identifier_preparer
    columns = ", ".join(words.quote(name) for name in names)
    statement = f"COPY {words.format_table(table)} ({columns}) FROM STDIN"
    try:
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except Error as error:
        raise DBAPIError.instance(statement, None, error, Error, dialect=connection.dialect) from error
