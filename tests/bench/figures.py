"""How a bench shows what it measured: the median and the spread of its rounds, the target, and whether it is met.

Owns the table. Knows nothing of what is measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

HEADS = ("median", "least", "most", "unit", "target", "median / target", "verdict")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured.

    Parameters
    ----------
    what : str
        In words.
    rounds : sequence of float
        What each round gave.
    unit : str
        Its unit; empty for a ratio.
    target : float or None
        What is asked of the median.
    at_most : bool
        Whether less is better.
    """

    what: str
    rounds: Sequence[float]
    unit: str = ""
    target: float | None = None
    at_most: bool = False

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def verdict(self) -> str:
        """Whether the median meets the target; empty when nothing is asked."""
        if self.target is None:
            return ""
        met = self.median <= self.target if self.at_most else self.median >= self.target
        return "met" if met else "MISSED"


def show(console: Console, title: str, figures: Sequence[Figure]) -> None:
    """Print a table of what was measured."""
    table = Table(title, *HEADS)
    for figure in figures:
        table.add_row(*cells(figure))
    console.print(table)


def cells(figure: Figure) -> tuple[str, ...]:
    """Return a row of a table with `HEADS`."""
    numbers = [_text(value) for value in (figure.median, min(figure.rounds), max(figure.rounds))]
    asked = ["", ""]
    if figure.target is not None:
        asked = [
            f"{'<=' if figure.at_most else '>='} {_text(figure.target)}",
            f"{figure.median / figure.target:.2f}",
        ]
    return figure.what, *numbers, figure.unit, *asked, figure.verdict


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
