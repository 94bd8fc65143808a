"""How the command speaks: tables for people, JSON for programs, one line for an error.

Owns consoles and exit codes. Imports rich only when something is to be shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]


@cache
def console() -> Console:
    """Return the console for answers."""
    from rich.console import Console  # noqa: PLC0415

    return Console(soft_wrap=False, highlight=False)


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what went wrong, in one line, and end."""
    print(f"error: {message}", file=sys.stderr)  # noqa: T201
    raise SystemExit(code)


@contextmanager
def told() -> Iterator[None]:
    """Turn an error raised on purpose into one line and exit code 1."""
    from calibrant.bus.errors import CalibrantError  # noqa: PLC0415

    try:
        yield
    except CalibrantError as error:
        fail(str(error))


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, default=str))  # noqa: T201


def show_rows(title: str, columns: Sequence[str], rows: Sequence[Row], *, as_json: bool, empty: str) -> None:
    """Show a listing: all of every row as JSON, or some columns as a table; ``empty`` says what to do next."""
    if as_json:
        show_json([dict(row) for row in rows])
        return
    if not rows:
        console().print(empty)
        return
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    console().print(table)


def show_one(row: Row, *, as_json: bool) -> None:
    """Show all of one thing: as JSON, or a name and value a line."""
    if as_json:
        show_json(dict(row))
        return
    width = max(len(name) for name in row)
    for name, value in row.items():
        console().print(f"{name.replace('_', ' '):<{width}}  {_cell(value)}", markup=False)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value) if len(value) <= 4 else f"{len(value)} items"
    if isinstance(value, Mapping):
        return json.dumps(dict(value), default=str)
    return str(value)
