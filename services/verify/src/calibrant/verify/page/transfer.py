"""Photon transfer curves: variance against level, one figure a detector. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Final

from calibrant.verify.page.drawing import ACCENT, ALARM, INK, axes_in, drawn, finished
from calibrant.verify.reports import CurveRecord

SIZE_IN: Final = (7.2, 3.2)
MARGINS_IN: Final = (0.8, 0.45, 0.1, 0.1)


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
    with drawn(*SIZE_IN) as figure:
        axes = axes_in(figure, *MARGINS_IN)
        for curve in curves:
            points = list(zip(curve.mean_adu, curve.variance_adu2, curve.on_curve, strict=True))
            on = [(mean, variance) for mean, variance, kept in points if kept]
            off = [(mean, variance) for mean, variance, kept in points if not kept]
            axes.plot(*_columns(on), "o-", color=ACCENT, markersize=3, linewidth=0.6, alpha=0.8)
            axes.plot(*_columns(off), "x", color=ALARM, markersize=5)
        axes.set(xscale="log", yscale="log", xlabel="mean level [adu]", ylabel="variance [adu2]")
        axes.grid(visible=True, color=INK, alpha=0.12, linewidth=0.5)
        return finished(figure)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [mean for mean, _ in points], [variance for _, variance in points]
