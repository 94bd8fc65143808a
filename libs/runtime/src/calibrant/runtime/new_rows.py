"""New rows of one transaction, collected one by one and inserted by one statement a table.

Owns that statement in each engine's words. Knows no table and commits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Insert, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session, SQLModel


class NewRows:
    """Rows that wait for the end of their transaction."""

    def __init__(self) -> None:
        self._rows: dict[Table, list[Mapping[str, Any]]] = {}

    def add(self, model: type[SQLModel], row: Mapping[str, Any]) -> None:
        """Take a row on; all rows of one table have the same columns."""
        self._rows.setdefault(model.__table__, []).append(row)  # type: ignore[attr-defined]

    def insert(self, session: Session) -> None:
        """Insert what waits: tables in the order of their first row, rows in the order they came."""
        connection = session.connection() if self._rows else None
        while connection is not None and self._rows:
            table = next(iter(self._rows))
            rows = self._rows.pop(table)
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
