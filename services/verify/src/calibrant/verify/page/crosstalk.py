"""Crosstalk matrices: what each amplifier shows of the others, and what is left when it is taken out. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.verify.page.drawing import ACCENT, ALARM, INK, axes_in, drawn, finished
from calibrant.verify.page.kind_figure import KindFigure
from calibrant.verify.reports import SeriesRecord

WIDTH_IN: Final = 7.2
LEFT_IN, BOTTOM_IN, TOP_IN, RIGHT_IN = 0.65, 0.6, 0.3, 0.1
HALF_IN: Final = WIDTH_IN / 2
CELL_IN, NUMBERED_CELL_IN, LEAST_IN, TALLEST_IN = 0.2, 0.36, 1.4, 3.2
_NUMBERED: Final = 8
"""Amplifiers up to which the numbers fit below the squares."""


def _drawn(rows: Sequence[SeriesRecord]) -> str:
    """Draw the matrix and what is left, victims down and sources across: the area of a square is the size of a coefficient.

    Parameters
    ----------
    rows : sequence of SeriesRecord
        One a victim, with a number for each source.
    """
    found, left = _matrix(rows, "c0"), _matrix(rows, "rest_c0")
    size = float(np.nanmax(np.abs(found), initial=0.0)) or 1.0
    cell_in = NUMBERED_CELL_IN if len(rows) <= _NUMBERED else CELL_IN
    side_in = min(max(cell_in * len(rows), LEAST_IN), TALLEST_IN)
    with drawn(WIDTH_IN, side_in + BOTTOM_IN + TOP_IN) as figure:
        for place, (matrix, title) in enumerate(((found, "coefficients"), (left, "left when corrected"))):
            axes = axes_in(
                figure,
                LEFT_IN + place * HALF_IN,
                BOTTOM_IN,
                RIGHT_IN + (1 - place) * HALF_IN,
                TOP_IN,
            )
            _draw(axes, matrix, size, [one.amplifier for one in rows])
            axes.set_title(f"{title} [1e-4]", fontsize=9)
        return finished(figure)


def _matrix(rows: Sequence[SeriesRecord], name: str) -> NDArray[np.float64]:
    return np.array([[np.nan if value is None else value for value in row.values[name]] for row in rows])


def _draw(axes: Any, matrix: NDArray[np.float64], size: float, names: Sequence[str]) -> None:
    numbered = len(names) <= _NUMBERED
    up = 0.15 if numbered else 0.0
    for positive, colour in ((True, ACCENT), (False, ALARM)):
        y, x = np.nonzero((matrix > 0) if positive else (matrix < 0))
        areas = 140 * (8 / max(len(names), 8)) ** 2 * np.abs(matrix[y, x]) / size
        axes.scatter(x, y - up, s=areas, c=colour, marker="s", alpha=0.55, linewidths=0)
    if numbered:
        for y, x in np.argwhere(np.isfinite(matrix)):
            axes.text(x, y + 0.32, f"{1e4 * matrix[y, x]:.2f}", ha="center", va="center", fontsize=7)
    unknown = np.argwhere(np.isnan(matrix) & ~np.eye(len(names), dtype=bool))
    axes.plot(unknown[:, 1], unknown[:, 0], "x", color=INK, markersize=4)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=0 if numbered else 90)
    axes.set_yticks(ticks, names)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="source", ylabel="victim")


def _alt(name: str, rows: Sequence[SeriesRecord]) -> str:
    found = _matrix(rows, "c0")
    known = np.isfinite(found)
    significant = int(np.nansum(_matrix(rows, "significant")))
    most = f", up to {np.abs(found[known]).max():.2g}" if known.any() else ""
    return (
        f"Crosstalk between {len(rows)} amplifiers of detector {name}: {int(known.sum())} coefficients, {significant} "
        f"of them significant{most}."
    )


CROSSTALK: Final = KindFigure(
    title="Crosstalk",
    note="What each amplifier shows of the others, and what is left of that in corrected frames, in parts of 10 000. A "
    "square's area is the size; red is below zero; a cross is not measured.",
    draw=_drawn,
    alt=_alt,
)
