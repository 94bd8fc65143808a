"""Linearity: what signals deviate by from the light, as they are read and once corrected. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Final

from calibrant.verify.page.curves import LEGEND_IN, colours, dots_and_crosses, legend, scaled
from calibrant.verify.page.drawing import axes_in, drawn, finished
from calibrant.verify.page.kind_figure import KindFigure
from calibrant.verify.reports import SeriesRecord

WIDTH_IN, HEIGHT_IN = 7.2, 2.9
LEFT_IN, BOTTOM_IN, TOP_IN, RIGHT_IN = 0.75, 0.45, 0.1 + LEGEND_IN, 0.1
HALF_IN: Final = WIDTH_IN / 2

Point = tuple[float, float, bool]


def _drawn(series: Sequence[SeriesRecord]) -> str:
    """Draw both deviations of a detector's amplifiers: dots the points of the fit, crosses those left out of it."""
    with drawn(WIDTH_IN, HEIGHT_IN) as figure:
        read = axes_in(figure, LEFT_IN, BOTTOM_IN, HALF_IN + RIGHT_IN, TOP_IN)
        corrected = axes_in(figure, HALF_IN + LEFT_IN, BOTTOM_IN, RIGHT_IN, TOP_IN)
        for one, colour in zip(series, colours(len(series)), strict=True):
            dots_and_crosses(read, _points(one, "read_percent"), colour)
            dots_and_crosses(corrected, _points(one, "corrected_percent"), colour)
        read.set(xlabel="signal [adu]", ylabel="as read, off the light [%]")
        corrected.set(xlabel="signal [adu]", ylabel="corrected, off the light [%]")
        for axes in (read, corrected):
            scaled(axes, log="x")
        legend(figure, [one.amplifier for one in series])
        return finished(figure)


def _points(one: SeriesRecord, what: str) -> list[Point]:
    """Return signal, deviation and whether it is fitted, of each point that has both."""
    each = zip(*(one.values[name] for name in ("signal_adu", what, "on_curve")), strict=True)
    return [(signal, off, bool(kept)) for signal, off, kept in each if signal and off is not None]


def _alt(name: str, series: Sequence[SeriesRecord]) -> str:
    both = [_points(one, what) for one in series for what in ("read_percent", "corrected_percent")]
    before, after = (
        max((abs(off) for points in both[side::2] for _, off, kept in points if kept), default=0.0)
        for side in (0, 1)
    )
    return (
        f"Deviation from the light against signal of {len(series)} amplifiers of detector {name}: at most {before:.2g} % "
        f"as read, {after:.2g} % corrected."
    )


FIGURE: Final = KindFigure(
    title="Linearity",
    note="How far signals are from what the light would give, as they are read and once corrected, a line an amplifier. A "
    "cross marks a point that the fit left out.",
    draw=_drawn,
    alt=_alt,
)
