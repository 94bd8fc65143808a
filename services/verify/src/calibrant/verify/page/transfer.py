"""Photon transfer curves: variance against level, and both as a ratio, one figure a detector. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.ticker import NullFormatter, StrMethodFormatter

from calibrant.verify.page.drawing import ACCENT, ALARM, INK, axes_in, drawn, finished
from calibrant.verify.reports import CurveRecord

WIDTH_IN, HEIGHT_IN = 7.2, 2.9
LEFT_IN, BOTTOM_IN, TOP_IN, RIGHT_IN = 0.75, 0.45, 0.15, 0.1
HALF_IN: Final = WIDTH_IN / 2


def transfer_figure(curves: Sequence[CurveRecord]) -> str:
    """Draw the pairs of a detector's amplifiers: dots those on the curve, crosses those that are not.

    Parameters
    ----------
    curves : sequence of CurveRecord
        One an amplifier; a line joins what is on its curve.

    Returns
    -------
    str
        A ``data:`` address.
    """
    with drawn(WIDTH_IN, HEIGHT_IN) as figure:
        whole = axes_in(figure, LEFT_IN, BOTTOM_IN, HALF_IN + RIGHT_IN, TOP_IN)
        ratio = axes_in(figure, HALF_IN + LEFT_IN, BOTTOM_IN, RIGHT_IN, TOP_IN)
        for curve in curves:
            points = list(zip(curve.mean_adu, curve.variance_adu2, curve.on_curve, strict=True))
            _draw(whole, points)
            _draw(ratio, [(mean, variance / mean, kept) for mean, variance, kept in points])
        whole.set(xlabel="mean level [adu]", ylabel="variance [adu2]", xscale="log", yscale="log")
        ratio.set(xlabel="mean level [adu]", ylabel="variance over mean [adu]", xscale="log")
        for axis in (whole.xaxis, whole.yaxis, ratio.xaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(NullFormatter())
        return finished(figure)


def _draw(axes: Any, points: Sequence[tuple[float, float, bool]]) -> None:
    on = [(x, y) for x, y, kept in points if kept]
    off = [(x, y) for x, y, kept in points if not kept]
    axes.plot(
        [x for x, _ in on], [y for _, y in on], "o-", color=ACCENT, markersize=3, linewidth=0.6, alpha=0.8
    )
    axes.plot([x for x, _ in off], [y for _, y in off], "x", color=ALARM, markersize=5)
    axes.grid(visible=True, color=INK, alpha=0.12, linewidth=0.5)
