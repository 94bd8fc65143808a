"""New rows of one transaction, collected one by one and inserted at its end by one statement a table.

Owns that statement in each engine's words. Knows no table and commits nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlmodel import Session, SQLModel

from calibrant.runtime.database.copying import copy_in

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
        values = list(map(_picking(names), rows))
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(_plain(table, names), values)
        elif len(rows) > 1:
            copy_in(connection, table, names, values)
        else:
            connection.execute(table.insert(), rows)


@lru_cache(maxsize=64)
def _picking(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Give what picks these columns out of a row."""
    return itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)


@lru_cache(maxsize=64)
def _plain(table: Table, names: tuple[str, ...]) -> str:
    """Insert into SQLite, which takes such values as they are: no row passes through SQLAlchemy."""
    return str(table.insert().compile(dialect=sqlite.dialect(), column_keys=names))
