"""How the command speaks: tables for people, JSON for programs, one line for an error.

Owns consoles and exit codes. Imports rich only when something is to be shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

Row = Mapping[str, Any]
UNLIMITED = 100_000
"""Columns of a line where there is no terminal."""


@cache
def console() -> Console:
    """Return the console for answers; what is not a terminal has no width that words would be broken at."""
    from rich.console import Console  # noqa: PLC0415

    width = None if sys.stdout.isatty() else UNLIMITED
    return Console(soft_wrap=False, highlight=False, width=width)


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what went wrong, in one line, and end."""
    print(f"error: {shown(message)}", file=sys.stderr)  # noqa: T201
    raise SystemExit(code)


def shown(text: str) -> str:
    """Return a text with what a terminal would obey, or cannot show, written as an escape; lines stay lines."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


@contextmanager
def told() -> Iterator[None]:
    """Turn an error raised on purpose into one line and exit code 1, or 2 for a wrong word or setting."""
    from calibrant.bus.errors import CalibrantError  # noqa: PLC0415

    try:
        yield
    except CalibrantError as error:
        fail(str(error), 2 if _misunderstood(error) else 1)


def _misunderstood(error: Exception) -> bool:
    """Tell whether the words of a command or a setting are wrong, and nothing was begun."""
    from calibrant.camera.simulator.values import CannotSimulate  # noqa: PLC0415
    from calibrant.combine.recipes.base import RecipeRefused  # noqa: PLC0415
    from calibrant.observatory.requests import BadRequest  # noqa: PLC0415
    from calibrant.observatory.sequence import BadSequence  # noqa: PLC0415
    from calibrant.runtime.settings import WrongSetting  # noqa: PLC0415
    from calibrant.sequencer.checking import RunRefused  # noqa: PLC0415
    from calibrant.sequencer.queue.desk import QueueRefused  # noqa: PLC0415

    wrong = (WrongSetting, BadRequest, BadSequence, RunRefused, QueueRefused, RecipeRefused, CannotSimulate)
    return isinstance(error, wrong)


def show_table(table: Table) -> None:
    """Print a table; where there is no terminal, its lines end with their last word."""
    out = console()
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as taken:
        out.print(table)
    print("\n".join(line.rstrip() for line in taken.get().splitlines()))  # noqa: T201


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, default=str))  # noqa: T201


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    field : str
        Name in the row, and the heading unless another is given.
    heading : str
        What stands above it.
    form : str
        How a value is written: "text" may be folded, "whole" may not, "count" is a length, "time" a UTC time cut
        to the second, "bound" one that may be open, "first" the first sentence.
    varied : bool
        Whether it is left out where all rows have the same.
    """

    field: str
    heading: str = ""
    form: str = "whole"
    varied: bool = False

    def tells(self, rows: Sequence[Row]) -> bool:
        """Tell whether these rows need it."""
        return not self.varied or len({str(row.get(self.field)) for row in rows}) > 1


def show_rows(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    as_json: bool,
    empty: str,
    more: str = "",
    most: int = 0,
    order: str = "latest",
) -> None:
    """Show a listing: all of every row as JSON, or some columns as a table; ``empty`` and ``more`` say what to do next.

    Where ``most`` is given, the rows were asked for one more than that: it is not shown, and that there is more is said;
    ``order`` says which come first.
    """
    if most and len(rows) > most:
        rows = rows[:most]
        say_more(f"The {order} {most} are shown")
    if as_json:
        show_json([dict(row) for row in rows])
        return
    if not rows:
        console().print(empty)
        return
    from rich.table import Table  # noqa: PLC0415

    table = Table(
        title=title or None,
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    told = [column for column in columns if column.tells(rows)]
    for column in told:
        heading = column.heading or column.field.replace("_", " ")
        table.add_column(heading, overflow="fold", no_wrap=column.form not in ("text", "first"))
    for row in rows:
        table.add_row(*(_written(row.get(column.field), column.form) for column in told))
    show_table(table)
    if more:
        console().print(f"\n{more}", markup=False, soft_wrap=True)


def say_more(what_is_shown: str) -> None:
    """Say that there is more than is shown: beside the answer, which may be a program's."""
    print(f"{what_is_shown}, there are more; give a larger --limit.", file=sys.stderr)  # noqa: T201


def show_one(row: Row, *, as_json: bool) -> None:
    """Show all of one thing: as JSON, or a name and value a line, a time only once."""
    if as_json:
        show_json(dict(row))
        return
    row = {name: value for name, value in row.items() if not _told_in_utc(name, row)}
    width = max(len(name) for name in row)
    for name, value in row.items():
        heading = name.replace("_", " ")
        if _nested(value):
            console().print(f"{heading}\n{_block(value)}", markup=False, soft_wrap=True)
        else:
            console().print(f"{heading:<{width}}  {_cell(value) or '-'}", markup=False, soft_wrap=True)


def _told_in_utc(name: str, row: Row) -> bool:
    """Tell whether a time in nanoseconds stands there as a date, too."""
    return name.endswith("_tai_ns") and name.removesuffix("_tai_ns") in row


def _nested(value: Any) -> bool:
    """Tell whether a value needs lines of its own: what holds other things, and sentences."""
    inner = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    )
    return isinstance(value, Mapping) or any(
        isinstance(item, (Mapping, list, tuple)) or " " in str(item) for item in inner
    )


def _block(value: Any) -> str:
    """Write what holds other things as an indented outline."""
    import textwrap  # noqa: PLC0415

    import yaml  # noqa: PLC0415

    plain = json.loads(json.dumps(value, default=str))
    return textwrap.indent(yaml.safe_dump(plain, sort_keys=False, width=10_000).rstrip(), "  ")


def _written(value: Any, form: str) -> Text:
    from rich.text import Text  # noqa: PLC0415

    if form == "count" and value is not None:
        return Text(str(len(value)))
    if form == "bound" and value is None:
        return Text("open")
    if form in ("time", "bound") and value is not None:
        return Text(str(value).replace("T", " ").rstrip("Z").partition(".")[0])
    if form == "first" and value is not None:
        return Text(shown(str(value).partition(". ")[0]))
    return Text(_cell(value))


def _cell(value: Any) -> str:
    if value in (None, [], ()):
        return "-"
    if isinstance(value, (list, tuple)):
        return shown(", ".join(str(item) for item in value)) if len(value) <= 4 else f"{len(value)} items"
    if isinstance(value, Mapping):
        return json.dumps(dict(value), default=str)
    return shown(str(value))
