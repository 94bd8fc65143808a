"""The focal plane: every detector as its amplifiers, coloured by a metric. Must not know HTML or limits."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from calibrant.verify.page.colours import CIVIDIS, colour_of, is_dark, step_of
from calibrant.verify.page.drawing import (
    AIR,
    ALARM,
    HATCHED,
    INK,
    NAMED,
    POINTS_AN_INCH,
    TICK,
    WRITTEN,
    Drawing,
    Point,
    along,
    boxes,
    crosses,
    width_of,
)
from calibrant.verify.page.focal_plane import Layout, Patch, Tile, laid_out
from calibrant.verify.page.metrics import Metric, Place
from calibrant.verify.page.scales import Scale, spread, ticks, written

WIDTH_IN: Final = 7.2
LEAST_TALL_IN, MOST_TALL_IN = 1.3, 9.0
MOST_WRITTEN: Final = 36
"""Amplifiers up to which numbers are written into them."""
MOST_NAMED: Final = 36
"""Detectors up to which names are written, not numbers alone."""
MANY: Final = 400
"""Amplifiers up to which the lines between them are broad."""
_BAR: Final = 10.0
_BAR_TICKS: Final = 8


@dataclass(frozen=True, slots=True)
class _Plane:
    """The focal plane in the figure: points for a detector's width, and where its upper left corner is."""

    size: float
    left: float
    top: float

    def at(self, place: Point) -> Point:
        return self.left + place[0] * self.size, self.top - place[1] * self.size

    def box(self, patch: Patch) -> tuple[float, float, float, float]:
        left, top = self.at(patch.at(0, 1))
        return left, top, patch.width * self.size, patch.height * self.size


def mosaic(metric: Metric, tiles: Sequence[Tile], failing: Collection[Place]) -> str:
    """Draw a metric over the focal plane: the median over the exposures, by amplifier.

    Parameters
    ----------
    metric : Metric
        What is drawn.
    tiles : sequence of Tile
        At least one, in order of their numbers.
    failing : collection of (int, str)
        Detectors and amplifiers that get a cross.

    Returns
    -------
    str
        A ``data:`` address.
    """
    typical = metric.typical
    low, high = spread(list(typical.values()))
    steps = {place: step_of(Scale(low, high).at(value)) for place, value in typical.items()}
    layout = laid_out(tiles)
    marks = ticks(low, high, _BAR_TICKS)
    beside = max(width_of(words, WRITTEN) for words in written(marks))
    wide = WIDTH_IN * POINTS_AN_INCH - _BAR - TICK - beside - NAMED - 7 * AIR
    size = min(wide / layout.width, MOST_TALL_IN * POINTS_AN_INCH / layout.height)
    drawing = Drawing(WIDTH_IN, max(LEAST_TALL_IN, size * layout.height / POINTS_AN_INCH))
    left = AIR + (wide - size * layout.width) / 2
    plane = _Plane(size, left, (drawing.height - size * layout.height) / 2)
    _name(drawing, plane, layout)
    _paint(drawing, plane, layout.patches, steps)
    if len(layout.patches) <= MOST_WRITTEN:
        _write(drawing, plane, layout.patches, typical, steps)
    _cross(drawing, plane, [one for one in layout.patches if one.place in failing], layout.columns)
    _bar(drawing, left + size * layout.width + 2 * AIR, (low, high), marks, metric.label)
    return drawing.finished()


def _name(drawing: Drawing, plane: _Plane, layout: Layout) -> None:
    few = len(layout.labels) <= MOST_NAMED
    for one in layout.labels:
        name = f"{one.tile.number} {one.tile.name}" if few else str(one.tile.number)
        x, y = plane.at((one.x, one.y))
        drawing.text((x, y), name, size=min(NAMED, 110 / layout.columns))


def _paint(drawing: Drawing, plane: _Plane, patches: Sequence[Patch], steps: Mapping[Place, int]) -> None:
    """Fill the amplifiers, those of one colour together."""
    alike: dict[int, list[Patch]] = defaultdict(list)
    for one in patches:
        alike[steps.get(one.place, -1)].append(one)
    unknown = alike.pop(-1, [])
    width = 0.2 if len(patches) > MANY else 0.8
    for step, these in sorted(alike.items()):
        drawing.path(boxes(map(plane.box, these)), fill=colour_of(step), line="white", width=width)
    if unknown:
        drawing.path(boxes(map(plane.box, unknown)), fill=HATCHED, line=INK, width=0.4)


def _write(
    drawing: Drawing,
    plane: _Plane,
    patches: Sequence[Patch],
    typical: Mapping[Place, float],
    steps: Mapping[Place, int],
) -> None:
    for one in patches:
        if one.place not in typical:
            continue
        x, y = plane.at(one.at(0.5, 0.5))
        colour = "white" if is_dark(steps[one.place]) else "black"
        drawing.text((x, y - 0.2 * WRITTEN), one.place[1], colour=colour)
        drawing.text((x, y + WRITTEN), f"{typical[one.place]:.4g}", colour=colour)


def _cross(drawing: Drawing, plane: _Plane, patches: Sequence[Patch], columns: float) -> None:
    """Put a cross with a light rim into the corner of what failed: seen on any colour, and without colours."""
    if not patches:
        return
    reach = min(4.5, 0.19 * plane.size * min(one.width for one in patches))
    way = crosses((plane.at(one.at(0.82, 0.78)) for one in patches), reach)
    for colour, width in (("white", 3.4), (ALARM, 1.6)):
        drawing.path(way, line=colour, width=width * min(1.0, 8 / columns))


def _bar(
    drawing: Drawing, left: float, ends: tuple[float, float], marks: Sequence[float], label: str
) -> None:
    """Say which colours stand for which numbers."""
    tall = 0.9 * drawing.height - WRITTEN
    top = (drawing.height - tall) / 2
    scale = Scale(*ends, top + tall, top)
    right = left + _BAR
    colours = drawing.gradient("bar", CIVIDIS)
    drawing.path(boxes([(left, top, _BAR, tall)]), fill=colours, line=INK, width=0.4)
    words = written(marks)
    drawing.path(
        "".join(along([(right, scale.at(one)), (right + TICK, scale.at(one))]) for one in marks), line=INK
    )
    for mark, one in zip(marks, words, strict=True):
        drawing.text((right + TICK + AIR, scale.at(mark) + 0.36 * WRITTEN), one, anchor="start")
    beside = max(width_of(one, WRITTEN) for one in words)
    drawing.upright((right + TICK + beside + 2 * AIR + NAMED, drawing.height / 2), label, size=NAMED)
