"""The focal plane: every detector as its amplifiers, coloured by a metric. Must not know HTML or limits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize

from calibrant.verify.page.charts import spread
from calibrant.verify.page.drawing import ALARM, INK, drawn, finished
from calibrant.verify.page.metrics import Metric, Place
from calibrant.verify.reports import AmplifierRecord

COLOURS: Final = "cividis"
"""Even steps for every eye, in grey too."""
WIDTH_IN: Final = 7.2
GAP: Final = 0.12
"""Between detectors, as a part of one's width."""
FLATTEST: Final = 0.22
"""Height over width that a detector is drawn with at least; its inverse at most."""
MOST_WRITTEN: Final = 36
"""Amplifiers up to which numbers are written into them."""
MOST_NAMED: Final = 36
"""Detectors up to which names are written, not numbers alone."""
MOST_LINES: Final = 400
"""Amplifiers up to which they are drawn as shapes; more are one picture, which is smaller."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A detector: its number, name and amplifiers."""

    number: int
    name: str
    amplifiers: tuple[AmplifierRecord, ...]

    @property
    def height_over_width(self) -> float:
        """How it is drawn: not too flat and not too narrow to be seen."""
        real = max(one.y1 for one in self.amplifiers) / max(one.x1 for one in self.amplifiers)
        return min(max(real, FLATTEST), 1 / FLATTEST)


@dataclass(frozen=True, slots=True)
class _Patch:
    """An amplifier in the drawing: where it is, in units of a detector's width."""

    place: Place
    left: float
    bottom: float
    width: float
    height: float

    @property
    def corners(self) -> list[tuple[float, float]]:
        right, top = self.left + self.width, self.bottom + self.height
        return [(self.left, self.bottom), (right, self.bottom), (right, top), (self.left, top)]

    def at(self, across: float, up: float) -> tuple[float, float]:
        """Return a point of it: (0, 0) is its lower left corner, (1, 1) the upper right one."""
        return self.left + across * self.width, self.bottom + up * self.height


def mosaic(metric: Metric, tiles: Sequence[Tile], failing: Collection[Place]) -> str:
    """Draw a metric over the focal plane: the median over the exposures, by amplifier.

    Parameters
    ----------
    metric : Metric
        What is drawn.
    tiles : sequence of Tile
        At least one, in the order in which they are laid out: row by row from the top.
    failing : collection of (int, str)
        Detectors and amplifiers that get a cross.

    Returns
    -------
    str
        A ``data:`` address.
    """
    typical = metric.typical
    scale = Normalize(*spread(list(typical.values())))
    tall = max(tile.height_over_width for tile in tiles)
    columns = _columns(len(tiles), tall)
    width, height = columns * (1 + GAP), -(-len(tiles) // columns) * (tall + 2 * GAP)
    with drawn(WIDTH_IN, min(9.0, max(1.3, 0.84 * WIDTH_IN * height / width))) as figure:
        axes = figure.subplots()
        axes.set(xlim=(0, width), ylim=(-height, 0), aspect="equal")
        axes.set_axis_off()
        patches: list[_Patch] = []
        for index, tile in enumerate(tiles):
            left, top = (index % columns) * (1 + GAP), -(index // columns) * (tall + 2 * GAP) - 1.4 * GAP
            patches += _patches(tile, left, top)
            name = f"{tile.number} {tile.name}" if len(tiles) <= MOST_NAMED else str(tile.number)
            size = min(9.0, 110 / columns)
            written = axes.text(left + 0.5, top + 0.02, name, ha="center", va="bottom", fontsize=size)
            written.set_in_layout(False)
        _paint(axes, patches, typical, scale)
        _cross(axes, [one for one in patches if one.place in failing], columns)
        bar = figure.colorbar(ScalarMappable(scale, COLOURS), ax=axes, shrink=0.9, aspect=25, pad=0.01)
        if bar.solids is not None:
            bar.solids.set_rasterized(True)
        bar.outline.set_linewidth(0.4)
        bar.set_label(metric.label)
        return finished(figure)


def _columns(count: int, tall: float) -> int:
    """Give the number of columns that makes the whole about as wide as a page asks for."""
    wanted = 1.6
    shapes = {
        columns: columns * (1 + GAP) / (-(-count // columns) * (tall + 2 * GAP))
        for columns in range(1, count + 1)
    }
    return min(shapes, key=lambda columns: (abs(np.log(shapes[columns] / wanted)), columns))


def _patches(tile: Tile, left: float, top: float) -> list[_Patch]:
    rows, columns = max(one.y1 for one in tile.amplifiers), max(one.x1 for one in tile.amplifiers)
    tall = tile.height_over_width
    return [
        _Patch(
            place=(tile.number, one.name),
            left=left + one.x0 / columns,
            bottom=top - tall + one.y0 / rows * tall,
            width=(one.x1 - one.x0) / columns,
            height=(one.y1 - one.y0) / rows * tall,
        )
        for one in tile.amplifiers
    ]


def _paint(axes: Any, patches: Sequence[_Patch], typical: dict[Place, float], scale: Normalize) -> None:
    known = [one for one in patches if one.place in typical]
    unknown = [one.corners for one in patches if one.place not in typical]
    many = len(patches) > MOST_LINES
    painted = PolyCollection([one.corners for one in known], cmap=COLOURS, norm=scale, rasterized=many)
    painted.set(
        array=np.array([typical[one.place] for one in known]),
        edgecolor="white",
        linewidth=0.2 if many else 0.8,
    )
    axes.add_collection(painted)
    axes.add_collection(PolyCollection(unknown, facecolor="none", edgecolor=INK, hatch="////", linewidth=0.4))
    if len(patches) > MOST_WRITTEN:
        return
    for one in known:
        value = typical[one.place]
        dark = colormaps[COLOURS](scale(value))[1] < 0.5
        words = f"{one.place[1]}\n{value:.4g}"
        axes.text(
            *one.at(0.5, 0.5), words, ha="center", va="center", fontsize=8, color="white" if dark else "black"
        )


def _cross(axes: Any, patches: Sequence[_Patch], columns: int) -> None:
    """Put a cross with a light rim into the corner of what failed: seen on any colour, and without colours."""
    if not patches:
        return
    size = min(9.0, 150 * min(one.width for one in patches) / columns)
    for colour, width in (("white", 3.4), (ALARM, 1.6)):
        x, y = zip(*(one.at(0.82, 0.78) for one in patches), strict=True)
        thin = width * min(1.0, 8 / columns)
        axes.plot(
            x,
            y,
            "x",
            color=colour,
            markersize=size,
            markeredgewidth=thin,
            rasterized=len(patches) > MOST_LINES,
        )
