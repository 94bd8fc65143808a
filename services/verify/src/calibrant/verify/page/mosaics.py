"""The focal plane: every detector as its amplifiers, coloured by a metric. Must not know HTML or limits."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize

from calibrant.verify.page.charts import spread
from calibrant.verify.page.drawing import ALARM, INK, axes_in, drawn, finished
from calibrant.verify.page.focal_plane import Layout, Patch, Tile, laid_out
from calibrant.verify.page.metrics import Metric, Place

COLOURS: Final = "cividis"
"""Even steps for every eye, in grey too."""
WIDTH_IN: Final = 7.2
BESIDE_IN: Final = 1.1
"""For the bar of colours, its numbers and what they are."""
BAR_IN, GAP_IN, EDGE_IN = 0.15, 0.1, 0.05
MOST_WRITTEN: Final = 36
"""Amplifiers up to which numbers are written into them."""
MOST_NAMED: Final = 36
"""Detectors up to which names are written, not numbers alone."""
MOST_LINES: Final = 400
"""Amplifiers up to which they are drawn as shapes; more are one picture, which is smaller."""
PICTURE_ALARM: Final = "#c62f26"
"""What failed, in a picture: it does not follow the reader's mode."""


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
    scale = Normalize(*spread(list(typical.values())))
    layout = laid_out(tiles)
    wide_in = WIDTH_IN - BESIDE_IN - EDGE_IN
    tall_in = min(9.0, max(1.3, wide_in * layout.height / layout.width + 2 * EDGE_IN))
    with drawn(WIDTH_IN, tall_in) as figure:
        axes = axes_in(figure, EDGE_IN, EDGE_IN, BESIDE_IN, EDGE_IN)
        axes.set(xlim=(0, layout.width), ylim=(-layout.height, 0), aspect="equal")
        axes.set_axis_off()
        _name(axes, layout)
        _paint(axes, layout.patches, typical, scale)
        _cross(axes, [one for one in layout.patches if one.place in failing], layout.columns)
        beside = axes_in(
            figure, WIDTH_IN - BESIDE_IN + GAP_IN, 0.1 * tall_in, BESIDE_IN - GAP_IN - BAR_IN, 0.1 * tall_in
        )
        bar = figure.colorbar(ScalarMappable(scale, COLOURS), cax=beside)
        if bar.solids is not None:
            bar.solids.set_rasterized(True)
        bar.outline.set_linewidth(0.4)
        bar.set_label(metric.label)
        return finished(figure)


def _name(axes: Any, layout: Layout) -> None:
    few = len(layout.labels) <= MOST_NAMED
    for one in layout.labels:
        name = f"{one.tile.number} {one.tile.name}" if few else str(one.tile.number)
        size = min(9.0, 90 / layout.columns)
        axes.text(one.x, one.y, name, ha="center", va="bottom", fontsize=size)


def _paint(axes: Any, patches: Sequence[Patch], typical: dict[Place, float], scale: Normalize) -> None:
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


def _cross(axes: Any, patches: Sequence[Patch], columns: float) -> None:
    """Put a cross with a light rim on what failed: seen on any colour, and without colours; aside of what is written."""
    if not patches:
        return
    many = len(patches) > MOST_LINES
    points = (300 if many else 150) * min(one.width for one in patches) / columns
    for colour, width in (("white", 3.4), (PICTURE_ALARM if many else ALARM, 1.6)):
        x, y = zip(*(one.at(*((0.5, 0.5) if many else (0.82, 0.78))) for one in patches), strict=True)
        axes.plot(
            x,
            y,
            "x",
            color=colour,
            markersize=min(9.0, points),
            markeredgewidth=width * min(1.0, 8 / columns),
            rasterized=many,
        )
