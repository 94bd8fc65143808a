"""Figures of analyses: levels over time, a line an amplifier, and the matrix of correlations. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.verify.page.curves import LEGEND_IN, colours, legend, scaled
from calibrant.verify.page.drawing import axes_in, drawn, finished
from calibrant.verify.page.kind_figure import KindFigure
from calibrant.verify.reports import SeriesRecord

SIZE_IN: Final = (7.2, 2.6)
MARGINS_IN: Final = (0.8, 0.45, 0.1, 0.05 + LEGEND_IN)
SQUARE_IN: Final = 2.8
NUMBERED: Final = 8
"""Amplifiers up to which the numbers fit into the squares."""
LEAST_FULL: Final = 0.1
"""The largest correlation has full colour, but no smaller one than this."""


def course_figure(title: str, note: str, time: tuple[str, str], level: tuple[str, str]) -> KindFigure:
    """Return the figure of a level over a time.

    Parameters
    ----------
    title, note : str
        Of its section.
    time, level : tuple of str
        What a report calls each, and what stands at the axis.
    """

    def draw(series: Sequence[SeriesRecord]) -> str:
        with drawn(*SIZE_IN) as figure:
            axes = axes_in(figure, *MARGINS_IN)
            for one, colour in zip(series, colours(len(series)), strict=True):
                x, y = (
                    [np.nan if v is None else v for v in one.values[name]] for name in (time[0], level[0])
                )
                axes.plot(x, y, "o-", color=colour, markersize=3, linewidth=0.6, alpha=0.7)
            axes.set(xlabel=time[1], ylabel=level[1])
            scaled(axes)
            legend(figure, [one.amplifier for one in series])
            return finished(figure)

    def alt(name: str, series: Sequence[SeriesRecord]) -> str:
        known = [v for one in series for v in one.values[level[0]] if v is not None]
        span = f": from {min(known):.4g} to {max(known):.4g}" if known else ": nothing was measured"
        return f"{level[1]} against {time[1]}, {len(series)} amplifiers of detector {name}{span}."

    return KindFigure(title, note, draw, alt)


def _matrices(series: Sequence[SeriesRecord]) -> str:
    types = list(series[0].values)
    names = [one.amplifier for one in series]
    with drawn(SQUARE_IN * len(types) + 0.4, SQUARE_IN + 0.3) as figure:
        for number, of in enumerate(types):
            axes = axes_in(
                figure, SQUARE_IN * number + 0.6, 0.6, SQUARE_IN * (len(types) - number - 1) + 0.1, 0.3
            )
            matrix = np.array([[np.nan if v is None else v for v in one.values[of]] for one in series])
            full = max(np.nanmax(np.abs(matrix), initial=0.0), LEAST_FULL)
            axes.pcolormesh(np.abs(matrix), cmap="Blues", vmin=0, vmax=full)
            places = np.arange(len(names)) + 0.5
            _number(axes, matrix, full)
            axes.set_xticks(places, names, rotation=90)
            axes.set_yticks(places, names)
            axes.set_title(f"{of}, darkest: {full:.2g}", fontsize=9)
            axes.invert_yaxis()
        return finished(figure)


def _number(axes: Any, matrix: NDArray[np.float64], full: float) -> None:
    """Write the correlations into their squares, where they fit."""
    if len(matrix) > NUMBERED:
        return
    for y, x in np.argwhere(np.isfinite(matrix)):
        colour = "white" if abs(matrix[y, x]) > full / 2 else "black"
        axes.text(x + 0.5, y + 0.5, f"{matrix[y, x]:.2g}", ha="center", va="center", fontsize=7, color=colour)


def _matrices_told(name: str, series: Sequence[SeriesRecord]) -> str:
    sizes = [
        (abs(v), of) for one in series for of, values in one.values.items() for v in values if v is not None
    ]
    most = "; the largest is {:.2g}, of {} frames".format(*max(sizes)) if sizes else ": nothing was measured"
    return f"Sizes of the correlations between {len(series)} amplifiers of detector {name}{most}."


FIGURES: Final = {
    "dark-current": course_figure(
        "Levels of darks",
        "Level of each dark against its dark time, a line an amplifier.",
        ("dark_time_s", "dark time [s]"),
        ("level_e", "level [electron]"),
    ),
    "bias-stability": course_figure(
        "Levels of biases",
        "What the overscan leaves of each bias, over the night, a line an amplifier.",
        ("time_h", "time since the first [h]"),
        ("level_e", "level [electron]"),
    ),
    "persistence": course_figure(
        "What light leaves",
        "Signal of the flooded pixels in the darks after the flood, above those before it, a line an amplifier.",
        ("time_s", "time since the flood [s]"),
        ("level_e", "signal [electron]"),
    ),
    "correlations": KindFigure(
        "Correlations",
        "Size of the correlation of each amplifier with each, white for none; by the type of the frames.",
        _matrices,
        _matrices_told,
    ),
}
