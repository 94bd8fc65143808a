"""Tables that only grow: the database itself refuses to change, delete or replace a row, whoever asks.

Owns the triggers, for migrations of SQLite and PostgreSQL. Knows no table.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op


def make_append_only(table: str, words: str) -> None:
    """Make a table append-only, in a migration, after its unique indexes are made.

    Whoever updates, deletes, replaces or (on PostgreSQL) truncates gets an ``IntegrityError``.

    Parameters
    ----------
    table : str
        Its name.
    words : str
        What the error says: what the table is, and what to do instead.

    Examples
    --------
    ``make_append_only("certify_entry", "the ledger is append-only: write a new entry instead")``
    """
    if op.get_bind().dialect.name == "postgresql":
        _refuse_on_postgresql(table, words)
    else:
        _refuse_on_sqlite(table, words)


def drop_append_only(table: str) -> None:
    """Drop such a table, in a migration, with what refused its changes."""
    op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {_refuser(table)}()")


def _refuse_on_postgresql(table: str, words: str) -> None:
    op.execute(
        f"CREATE FUNCTION {_refuser(table)}() RETURNS trigger LANGUAGE plpgsql AS $refuse$ "
        f"BEGIN RAISE EXCEPTION {_quoted(words)} USING ERRCODE = 'restrict_violation'; END $refuse$"
    )
    for name, when, each in (("row", "UPDATE OR DELETE", "ROW"), ("whole", "TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE {when} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION {_refuser(table)}()"
        )


def _refuse_on_sqlite(table: str, words: str) -> None:
    # INSERT OR REPLACE deletes without firing the trigger on DELETE.
    taken = " OR ".join(f"({key})" for key in _keys(table))
    replaced = f"INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken})"  # noqa: S608
    events = {"update": f"UPDATE ON {table}", "delete": f"DELETE ON {table}", "replace": replaced}
    for name, when in events.items():
        op.execute(
            f"CREATE TRIGGER {table}_no_{name} BEFORE {when} BEGIN SELECT RAISE(ABORT, {_quoted(words)}); END"
        )


def _keys(table: str) -> Iterator[str]:
    """Yield a condition for each key of the table: a row has the new row's."""
    inspector = sa.inspect(op.get_bind())
    keys = [inspector.get_pk_constraint(table)["constrained_columns"]]
    keys += [key["column_names"] for key in inspector.get_unique_constraints(table)]
    keys += [
        [name for name in index["column_names"] if name is not None]
        for index in inspector.get_indexes(table)
        if index["unique"]
    ]
    for key in keys:
        yield " AND ".join(f"{column} = NEW.{column}" for column in key)


def _refuser(table: str) -> str:
    return f"{table}_refuse"


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
