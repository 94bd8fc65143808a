"""Brighter-fatter kernels: areas by distance, and covariances before and after the correction. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Any, Final

from calibrant.verify.page.curves import scaled
from calibrant.verify.page.drawing import ACCENT, ALARM, INK, axes_in, drawn, finished
from calibrant.verify.page.kind_figure import KindFigure
from calibrant.verify.reports import SeriesRecord

WIDTH_IN, HEIGHT_IN = 7.2, 2.9
LEFT_IN, BOTTOM_IN, TOP_IN, RIGHT_IN = 0.8, 0.45, 0.15, 0.1
HALF_IN: Final = WIDTH_IN / 2
NEAR_PX: Final = 1.5
"""Distance within which pixels are the nearest."""


def _drawn(found: Sequence[SeriesRecord]) -> str:
    """Draw the areas of all amplifiers, and the covariances of their corrected pairs with those before."""
    with drawn(WIDTH_IN, HEIGHT_IN) as figure:
        areas = axes_in(figure, LEFT_IN, BOTTOM_IN, HALF_IN + RIGHT_IN, TOP_IN)
        pairs = axes_in(figure, HALF_IN + LEFT_IN, BOTTOM_IN, RIGHT_IN, TOP_IN)
        for one in found:
            _marks(areas, one, "area_per_e", "o", 1e6)
            _marks(pairs, one, "before", "x", 100)
            _marks(pairs, one, "after", "o", 100)
        areas.set(xlabel="distance [pixel]", ylabel="change of area [1e-6 / electron]")
        pairs.set(xlabel="distance [pixel]", ylabel="covariance over variance [%]")
        for axes in (areas, pairs):
            scaled(axes)
            axes.axhline(0, color=INK, alpha=0.4, linewidth=0.6)
        return finished(figure)


def _marks(axes: Any, one: SeriesRecord, name: str, mark: str, factor: float) -> None:
    points = [
        (x, factor * y)
        for x, y in zip(one.values["distance_px"], one.values[name], strict=True)
        if x is not None and y is not None
    ]
    axes.plot(
        [x for x, _ in points],
        [y for _, y in points],
        mark,
        color=ALARM if mark == "x" else ACCENT,
        markersize=4 if mark == "x" else 2.5,
        alpha=0.7,
    )


def _alt(name: str, found: Sequence[SeriesRecord]) -> str:
    before, after = (
        sum(abs(value or 0) for one in found for value in _near(one, which)) for which in ("before", "after")
    )
    return (
        f"Changes of area against distance of {len(found)} amplifiers of detector {name}, and covariances of corrected pairs: "
        f"of the nearest pixels {100 * after / before if before else 0:.0f} % of those before."
    )


def _near(one: SeriesRecord, which: str) -> list[float | None]:
    pairs = zip(one.values["distance_px"], one.values[which], strict=True)
    return [value for distance, value in pairs if distance is not None and distance < NEAR_PX]


BRIGHTER_FATTER: Final = KindFigure(
    title="Brighter-fatter effect",
    note="Change of a pixel's area by an electron so far away, a dot a pixel and amplifier; and covariances of a pair of flats over its "
    "variance, a cross before its correction, a dot after.",
    draw=_drawn,
    alt=_alt,
)
