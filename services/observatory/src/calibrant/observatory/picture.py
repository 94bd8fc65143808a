"""A picture of masters: one row a kind, one column a detector, each with its own scale; defects as points.

Owns the layout. Knows products as FITS files and what is said about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from calibrant.frames.writing import ProductImage, read_product
from calibrant.pixels import Mask

LIMITS = (1.0, 99.0)
"""Percentiles of the data that black and white stand for."""
LONGEST = 600
"""Pixels shown along a side; larger frames are thinned."""
DEFECTS = (
    ("hot", Mask.HOT, "firebrick"),
    ("dead", Mask.DEAD, "steelblue"),
    ("other", Mask.BAD, "black"),
)
"""Defects as they are drawn; each pixel once, as the first that it is."""


@dataclass(frozen=True, slots=True)
class Master:
    """One product in the picture."""

    kind: str
    detector: int
    path: Path
    verdict: str


def save_picture(masters: Sequence[Master], path: Path, title: str) -> None:
    """Draw the masters into a PNG file.

    Parameters
    ----------
    masters : sequence of Master
        At least one.
    path : Path
        File to write.
    title : str
        Heading.
    """
    kinds = list(dict.fromkeys(master.kind for master in masters))
    detectors = sorted({master.detector for master in masters})
    wide, tall = 1.2 + 3.6 * len(detectors), 0.6 + 3.4 * len(kinds)
    figure = Figure(figsize=(wide, tall))
    FigureCanvasAgg(figure)
    figure.suptitle(title, y=1 - 0.15 / tall)
    axes = figure.subplots(len(kinds), len(detectors), squeeze=False)
    # What is around axes is of known size here; to let Matplotlib find out takes it as long as to draw.
    figure.subplots_adjust(
        left=0.1 / wide, right=1 - 0.6 / wide, bottom=0.1 / tall, top=1 - 0.6 / tall, wspace=0.1, hspace=0.1
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for master in masters:
        axis = axes[kinds.index(master.kind)][detectors.index(master.detector)]
        product = read_product(master.path)
        if master.kind == "defects":
            _mark(axis, product)
        else:
            image = _shade(axis, product)
            bar = figure.colorbar(image, ax=axis, shrink=0.85)
            bar.set_label(product.unit or "relative", fontsize=8)
            bar.ax.tick_params(labelsize=7)
        axis.set_axis_on()
        axis.set_xticks([])
        axis.set_yticks([])
        good = master.verdict.startswith("certified")
        axis.set_title(
            f"{master.kind}, detector {master.detector}: {master.verdict}",
            fontsize=9,
            color="black" if good else "firebrick",
        )
    figure.savefig(path, dpi=110)


def _shade(axis: Axes, product: ProductImage) -> AxesImage:
    """Draw the data in grey."""
    step = max(1, max(product.data.shape) // LONGEST)
    data = product.data[::step, ::step]
    low, high = np.nanpercentile(data, LIMITS)
    return axis.imshow(data, origin="lower", cmap="gray", vmin=low, vmax=high, interpolation="nearest")


def _mark(axis: Axes, product: ProductImage) -> None:
    """Draw a point for each defect, however large the detector, and say how many there are of which colour."""
    left = product.mask != 0
    for name, bit, colour in DEFECTS:
        marked = left & ((product.mask & np.uint32(bit)) != 0)
        left &= ~marked
        y, x = np.nonzero(marked)
        axis.plot(x, y, ".", color=colour, markersize=2.5, label=f"{len(x)} {name}", rasterized=True)
    box, (rows, columns) = axis.get_position(), product.mask.shape
    axis.set_position((box.x0, box.y0, 0.8 * box.width, box.height))  # beside it is what the colours are
    axis.set(xlim=(-0.5, columns - 0.5), ylim=(-0.5, rows - 0.5), aspect="equal")
    axis.legend(loc="upper left", bbox_to_anchor=(0.99, 1.0), handletextpad=0.1, fontsize=7, frameon=False)
