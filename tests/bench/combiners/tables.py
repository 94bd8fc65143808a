"""How the bench tells what it measured: tables for the console and for the documentation. Knows no combiner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

BEGIN, END = "<!-- combining: begin -->", "<!-- combining: end -->"
Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """A table of texts: what it shows, the heads of its columns, its rows."""

    title: str
    heads: Cells
    rows: Sequence[Cells]

    def for_console(self) -> Table:
        """Return it for the console."""
        table = Table(*self.heads, title=self.title, title_justify="left")
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table

    def for_documentation(self) -> str:
        """Return it as Markdown."""
        lines = [self.heads, ("---",) * len(self.heads), *self.rows]
        return f"{self.title}\n\n" + "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def put_between_markers(path: Path, text: str) -> None:
    """Replace what stands between the two marker comments of a file.

    Raises
    ------
    ValueError
        When the file has not each of them once.
    """
    page = path.read_text(encoding="utf-8")
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"{path}: must have one line {BEGIN} and below it one line {END}")
    before, _, rest = page.partition(BEGIN)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def seconds(value: float) -> str:
    """Write a time with three digits, in ms below 1 s."""
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"


def times(value: float) -> str:
    """Write a ratio."""
    return f"{value:.0f} x" if value >= 10 else f"{value:.2g} x" if value >= 2 else f"{value:.2f} x"
