"""New rows of one transaction, collected one by one and inserted at its end by one statement a table.

Owns that statement in each engine's words. Knows no table and commits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

_KEY = "calibrant_new_rows"


def insert_later(session: Session, model: type[SQLModel], row: Mapping[str, Any]) -> None:
    """Let a row be inserted at the end of the unit of work, by one statement for all that wait.

    For what many events write and none of them reads: a small part of the work that ``session.add`` is.

    Parameters
    ----------
    session : Session
        The transaction of a unit of work; the row is in no answer to a query of it.
    model : type
        The table.
    row : mapping
        The same columns for all rows of a table, those that the database does not fill in itself: text, bytes,
        numbers, None.
    """
    waiting: dict[Table, list[Mapping[str, Any]]] = session.info.setdefault(_KEY, {})
    waiting.setdefault(model.__table__, []).append(row)  # type: ignore[attr-defined]


def insert_now(session: Session) -> None:
    """Insert what waits: tables in the order of their first row, rows in the order they came."""
    for table, rows in session.info.pop(_KEY, {}).items():
        connection = session.connection()
        names = tuple(column.name for column in table.columns if column.name in rows[0])
        if connection.dialect.name == "sqlite":
            values = [tuple(map(row.__getitem__, names)) for row in rows]
            connection.exec_driver_sql(_plain(table, names), values)
        elif len(rows) > 1:
            _copy(connection, table, names, rows)
        else:
            connection.execute(table.insert(), rows)


@lru_cache(maxsize=64)
def _plain(table: Table, names: tuple[str, ...]) -> str:
    """Insert into SQLite, which takes such values as they are: no row passes through SQLAlchemy."""
    return str(table.insert().compile(dialect=sqlite.dialect(), column_keys=names))


def _copy(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Let PostgreSQL copy rows in: one round trip, and a third of the server's and our own work for an INSERT."""
    from psycopg import Error  # noqa: PLC0415  whoever has files needs no driver

    words = connection.dialect.identifier_preparer
    columns = ", ".join(words.quote(name) for name in names)
    statement = f"COPY {words.format_table(table)} ({columns}) FROM STDIN"
    try:
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(tuple(map(row.__getitem__, names)))
    except Error as error:  # as SQLAlchemy tells those of its own statements
        raise DBAPIError.instance(statement, None, error, Error, dialect=connection.dialect) from error
