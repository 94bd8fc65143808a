"""Photon transfer curves: variance against level, and both as a ratio. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Final

from calibrant.verify.page.curves import LEGEND_IN, colours, dots_and_crosses, legend, scaled
from calibrant.verify.page.drawing import axes_in, drawn, finished
from calibrant.verify.page.kind_figure import KindFigure
from calibrant.verify.reports import SeriesRecord

WIDTH_IN, HEIGHT_IN = 7.2, 2.9
LEFT_IN, BOTTOM_IN, TOP_IN, RIGHT_IN = 0.75, 0.45, 0.1 + LEGEND_IN, 0.1
HALF_IN: Final = WIDTH_IN / 2


def _drawn(curves: Sequence[SeriesRecord]) -> str:
    """Draw the pairs of a detector's amplifiers: dots those on the curve, crosses those that are not.

    Parameters
    ----------
    curves : sequence of SeriesRecord
        One an amplifier; a line joins what is on its curve.

    Returns
    -------
    str
        A ``data:`` address.
    """
    with drawn(WIDTH_IN, HEIGHT_IN) as figure:
        whole = axes_in(figure, LEFT_IN, BOTTOM_IN, HALF_IN + RIGHT_IN, TOP_IN)
        ratio = axes_in(figure, HALF_IN + LEFT_IN, BOTTOM_IN, RIGHT_IN, TOP_IN)
        for curve, colour in zip(curves, colours(len(curves)), strict=True):
            points = _points(curve)
            dots_and_crosses(whole, points, colour)
            dots_and_crosses(
                ratio, [(mean, variance / mean, kept) for mean, variance, kept in points], colour
            )
        whole.set(xlabel="mean level [adu]", ylabel="variance [adu2]")
        ratio.set(xlabel="mean level [adu]", ylabel="variance over mean [adu]")
        scaled(whole, log="xy")
        scaled(ratio, log="x")
        legend(figure, [curve.amplifier for curve in curves])
        return finished(figure)


def _points(curve: SeriesRecord) -> list[tuple[float, float, bool]]:
    """Return level, variance and whether it is on the curve, of each pair."""
    each = zip(*(curve.values[name] for name in ("mean_adu", "variance_adu2", "on_curve")), strict=True)
    return [(mean, variance, bool(kept)) for mean, variance, kept in each if mean and variance is not None]


def _alt(name: str, curves: Sequence[SeriesRecord]) -> str:
    points = [point for curve in curves for point in _points(curve)]
    kept = sum(on_curve for _, _, on_curve in points)
    return (
        f"Variance against level of {len(curves)} amplifiers of detector {name}: {kept} of {len(points)} points on the "
        "curves."
    )


TRANSFER: Final = KindFigure(
    title="Photon transfer",
    note="Variance of one frame against level, and over it, a line an amplifier. A cross marks a pair that is not on the "
    "curve.",
    draw=_drawn,
    alt=_alt,
)
