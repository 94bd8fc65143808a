"""Charts of a metric: how its values are spread, and how they go over the exposures. Must not know HTML or limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from calibrant.verify.page.drawing import (
    ACCENT,
    AIR,
    INK,
    NAMED,
    TICK,
    WRITTEN,
    Drawing,
    Point,
    along,
    around,
    boxes,
    dots,
    width_of,
)
from calibrant.verify.page.metrics import Metric
from calibrant.verify.page.scales import Scale, spread, ticks, with_margin, written

SIZE_IN: Final = (3.5, 2.1)
MOST_BINS: Final = 30
_TOP: Final = 6.0
_BOTTOM: Final = 31.0


@dataclass(frozen=True, slots=True)
class _Axis:
    """What one axis shows: a range, the numbers written, a name."""

    low: float
    high: float
    ticks: list[float]
    name: str


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where numbers are in a chart."""

    x: Scale
    y: Scale

    def at(self, x: float, y: float) -> Point:
        return self.x.at(x), self.y.at(y)


def histogram(metric: Metric) -> str:
    """Draw how many of a metric's values lie where: one an amplifier and exposure.

    Returns
    -------
    str
        A ``data:`` address.
    """
    values = np.array(metric.all_values)
    low, high = spread(metric.all_values)
    bins = min(MOST_BINS, max(5, round(2 * np.cbrt(values.size))))
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    most = float(counts.max()) * 1.05
    drawing = Drawing(*SIZE_IN)
    axes = _framed(
        drawing,
        _Axis(*(ends := with_margin(low, high)), ticks(*ends, 5), metric.label),
        _Axis(0.0, most, ticks(0.0, most, 4, whole=True), "measurements"),
    )
    floor, wide = axes.y.begin, axes.x.at(edges[1]) - axes.x.at(edges[0])
    bars = (
        (axes.x.at(edge), axes.y.at(count), wide, floor - axes.y.at(count))
        for edge, count in zip(edges[:-1].tolist(), counts.tolist(), strict=True)
        if count
    )
    drawing.path(boxes(bars), fill=ACCENT, opacity=0.85)
    return drawing.finished()


def course(metric: Metric, exposures: Sequence[str]) -> str:
    """Draw a metric over the exposures: the median of all amplifiers, and from the least to the greatest.

    Parameters
    ----------
    metric : Metric
        What is drawn.
    exposures : sequence of str
        In order of time.

    Returns
    -------
    str
        A ``data:`` address.
    """
    found = [(number, metric.in_exposure(one)) for number, one in enumerate(exposures, 1)]
    known = [(number, values) for number, values in found if values]
    across = with_margin(*spread([number for number, _ in known]))
    up = with_margin(*spread(metric.all_values))
    drawing = Drawing(*SIZE_IN)
    axes = _framed(
        drawing,
        _Axis(*across, ticks(*across, 8, whole=True), "exposure"),
        _Axis(*up, ticks(*up, 4), metric.label),
    )
    if any(len(values) > 1 for _, values in known):
        least = [axes.at(number, min(values)) for number, values in known]
        most = [axes.at(number, max(values)) for number, values in known]
        drawing.path(around([*least, *reversed(most)]), fill=ACCENT, opacity=0.22)
    medians = [axes.at(number, float(np.median(values))) for number, values in known]
    drawing.path(along(medians), line=ACCENT, width=1)
    drawing.path(dots(medians, 2.0), fill=ACCENT)
    return drawing.finished()


def _framed(drawing: Drawing, x: _Axis, y: _Axis) -> _Axes:
    """Draw both axes with their numbers and names, and a faint grid."""
    beside = max((width_of(words, WRITTEN) for words in written(y.ticks)), default=0.0)
    left = NAMED + beside + TICK + 3 * AIR
    right, floor = drawing.width - 2 * AIR, drawing.height - _BOTTOM
    axes = _Axes(Scale(x.low, x.high, left, right), Scale(y.low, y.high, floor, _TOP))
    columns, rows = [axes.x.at(one) for one in x.ticks], [axes.y.at(one) for one in y.ticks]
    grid = [along([(one, floor), (one, _TOP)]) for one in columns]
    grid += [along([(left, one), (right, one)]) for one in rows]
    drawing.path("".join(grid), line=INK, width=0.5, opacity=0.12)
    frame = [along([(left, _TOP), (left, floor), (right, floor)])]
    frame += [along([(one, floor), (one, floor + TICK)]) for one in columns]
    frame += [along([(left - TICK, one), (left, one)]) for one in rows]
    drawing.path("".join(frame), line=INK)
    for column, words in zip(columns, written(x.ticks), strict=True):
        drawing.text((column, floor + TICK + WRITTEN + 1), words)
    for row, words in zip(rows, written(y.ticks), strict=True):
        drawing.text((left - TICK - AIR, row + 0.36 * WRITTEN), words, anchor="end")
    drawing.text(((left + right) / 2, drawing.height - 5), x.name, size=NAMED)
    drawing.upright((NAMED, (floor + _TOP) / 2), y.name, size=NAMED)
    return axes
