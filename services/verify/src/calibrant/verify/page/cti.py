"""Charge transfer: inefficiency against the signal, along rows and along columns. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Any, Final

from calibrant.verify.page.curves import LEGEND_IN, colours, legend, scaled
from calibrant.verify.page.drawing import ALARM, axes_in, drawn, finished
from calibrant.verify.page.kind_figure import KindFigure
from calibrant.verify.reports import SeriesRecord

WIDTH_IN, HEIGHT_IN = 7.2, 2.9
LEFT_IN, BOTTOM_IN, TOP_IN, RIGHT_IN = 0.75, 0.45, 0.3 + LEGEND_IN, 0.1
HALF_IN: Final = WIDTH_IN / 2
MILLIONTHS: Final = 1e6

Level = tuple[float, float, float, bool]


def _drawn(amplifiers: Sequence[SeriesRecord]) -> str:
    """Draw the flats of a detector's amplifiers: dots with errors those that count, crosses those that do not.

    Parameters
    ----------
    amplifiers : sequence of SeriesRecord
        A line joins what counts of one.

    Returns
    -------
    str
        A ``data:`` address.
    """
    with drawn(WIDTH_IN, HEIGHT_IN) as figure:
        serial = axes_in(figure, LEFT_IN, BOTTOM_IN, HALF_IN + RIGHT_IN, TOP_IN)
        parallel = axes_in(figure, HALF_IN + LEFT_IN, BOTTOM_IN, RIGHT_IN, TOP_IN)
        for axes, along_rows, title in ((serial, True, "serial"), (parallel, False, "parallel")):
            for one, colour in zip(amplifiers, colours(len(amplifiers)), strict=True):
                _draw(axes, _levels(one, along_rows), colour)
            axes.set(xlabel="signal [adu]", title=title)
            scaled(axes, log="x")
        legend(figure, [one.amplifier for one in amplifiers])
        serial.set(ylabel="CTI [millionths a transfer]")
        return finished(figure)


def _levels(amplifier: SeriesRecord, along_rows: bool) -> list[Level]:
    """Return signal, inefficiency, its error and whether it counts, of each flat in one direction."""
    names = ("serial", "signal_adu", "cti", "cti_error", "used")
    each = zip(*(amplifier.values[name] for name in names), strict=True)
    return [
        (signal, cti * MILLIONTHS, error * MILLIONTHS, bool(used))
        for serial, signal, cti, error, used in each
        if bool(serial) is along_rows and signal and cti is not None and error is not None
    ]


def _alt(name: str, amplifiers: Sequence[SeriesRecord]) -> str:
    levels = [
        level for one in amplifiers for along_rows in (True, False) for level in _levels(one, along_rows)
    ]
    kept = sum(used for *_, used in levels)
    return (
        f"Inefficiency of charge transfer against signal of {len(amplifiers)} amplifiers of detector {name}, along rows "
        f"and columns: {kept} of {len(levels)} measurements count."
    )


def _draw(axes: Any, levels: Sequence[Level], colour: str) -> None:
    on = [level for level in levels if level[3]]
    off = [level for level in levels if not level[3]]
    axes.errorbar(
        [signal for signal, *_ in on],
        [cti for _, cti, *_ in on],
        [error for _, _, error, _ in on],
        fmt="o-",
        color=colour,
        markersize=3,
        linewidth=0.6,
        alpha=0.8,
    )
    axes.plot([level[0] for level in off], [level[1] for level in off], "x", color=ALARM, markersize=5)


CTI: Final = KindFigure(
    title="Charge transfer",
    note="Inefficiency of one transfer against the signal, a line an amplifier. A cross marks a flat that does not count: "
    "beyond the turnoff, or too bright.",
    draw=_drawn,
    alt=_alt,
)
