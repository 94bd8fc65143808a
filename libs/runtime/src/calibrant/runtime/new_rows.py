"""New rows of one transaction, collected one by one and inserted at its end by one statement a table.

Owns that statement in each engine's words. Knows no table and commits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Insert, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
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
        The same columns for all rows of a table; those that the database does not fill in itself.
    """
    waiting: dict[Table, list[Mapping[str, Any]]] = session.info.setdefault(_KEY, {})
    waiting.setdefault(model.__table__, []).append(row)  # type: ignore[attr-defined]


def insert_now(session: Session) -> None:
    """Insert what waits: tables in the order of their first row, rows in the order they came."""
    for table, rows in session.info.pop(_KEY, {}).items():
        connection = session.connection()
        if connection.dialect.name == "postgresql" and len(rows) > 1:
            columns = tuple(rows[0])
            connection.execute(_from_arrays(table, columns), _by_column(columns, rows))
        else:
            connection.execute(table.insert(), rows)


def _by_column(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {column: [row[column] for row in rows] for column in columns}


@lru_cache(maxsize=64)
def _from_arrays(table: Table, columns: tuple[str, ...]) -> Insert:
    """Insert one array a column: one statement and one round trip, whatever the number of rows."""
    arrays = (bindparam(column, type_=ARRAY(table.c[column].type)) for column in columns)
    source = func.unnest(*arrays).table_valued(*columns, with_ordinality="position").render_derived()
    chosen = select(*(source.c[column] for column in columns)).order_by(source.c.position)
    return table.insert().from_select(columns, chosen)
