"""Maps of defects: where on a detector they are, and of which kind. Must not know HTML or limits."""

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from calibrant.pixels import Mask
from calibrant.verify.page.drawing import ACCENT, ALARM, INK, axes_in, drawn, finished
from calibrant.verify.reports import AmplifierRecord, RegionRecord

WIDTH_IN: Final = 7.2
LEFT_IN, BOTTOM_IN, TOP_IN, RIGHT_IN = 0.6, 0.45, 0.1, 1.6
TALLEST_IN: Final = 9.0
LEAST: Final = 1 / 160
"""Side of a single pixel as it is drawn, of the detector's longer side; smaller ones would not be seen."""
KINDS: Final = (("hot", Mask.HOT, ALARM), ("dead", Mask.DEAD, ACCENT), ("other", Mask.BAD, INK))
"""Each region is drawn once, as the first that it is."""


def defect_map(regions: Sequence[RegionRecord], amplifiers: Sequence[AmplifierRecord]) -> str:
    """Draw the defects of a detector over the outlines of its amplifiers.

    Parameters
    ----------
    regions : sequence of RegionRecord
        Of one detector.
    amplifiers : sequence of AmplifierRecord
        At least one.

    Returns
    -------
    str
        A ``data:`` address.
    """
    rows, columns = max(one.y1 for one in amplifiers), max(one.x1 for one in amplifiers)
    wide_in = WIDTH_IN - LEFT_IN - RIGHT_IN
    tall_in = min(TALLEST_IN, wide_in * rows / columns + BOTTOM_IN + TOP_IN)
    with drawn(WIDTH_IN, max(1.5, tall_in)) as figure:
        axes = axes_in(figure, LEFT_IN, BOTTOM_IN, RIGHT_IN, TOP_IN)
        for one in amplifiers:
            axes.add_patch(_rectangle(one, 0, fill=False, edgecolor=INK, linewidth=0.4))
        least = LEAST * max(rows, columns)
        for name, _, colour in KINDS:
            mine = [one for one in regions if kind_of(one) == name]
            axes.add_collection(
                PatchCollection([_rectangle(one, least) for one in mine], color=colour, linewidth=0)
            )
            pixels = sum((one.y1 - one.y0) * (one.x1 - one.x0) for one in mine)
            axes.plot([], [], "s", color=colour, markersize=4, label=f"{name}: {pixels} pixels")
        axes.set(xlim=(0, columns), ylim=(0, rows), aspect="equal", xlabel="column", ylabel="row")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        return finished(figure)


def kind_of(region: RegionRecord) -> str:
    """Name the kind of a region: hot, dead or other."""
    return next((name for name, bit, _ in KINDS if region.bits & bit), "other")


def _rectangle(box: AmplifierRecord | RegionRecord, least: float, **style: Any) -> Rectangle:
    """Return a box as a patch, its sides at least of some length about its centre."""
    width, height = max(box.x1 - box.x0, least), max(box.y1 - box.y0, least)
    left, bottom = (box.x0 + box.x1 - width) / 2, (box.y0 + box.y1 - height) / 2
    return Rectangle((left, bottom), width, height, **style)
