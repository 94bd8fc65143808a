"""Charts of a metric: how its values are spread, and how they go over the exposures. Must not know HTML or limits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import numpy as np
from matplotlib.ticker import MaxNLocator

from calibrant.verify.page.drawing import ACCENT, INK, axes_in, blank, finished, styled
from calibrant.verify.page.metrics import Metric

SIZE_IN: Final = (3.5, 2.1)
MARGINS_IN: Final = (0.8, 0.45, 0.3, 0.1)
"""Left, bottom, right, top: for numbers of up to nine digits, and what they are."""
MOST_BINS: Final = 30
LONG: Final = 0.05
"""Range of values over the largest below which the numbers at the axis are long, and fewer fit."""


def histogram(metric: Metric) -> str:
    """Draw how many of a metric's values lie where: one an amplifier and exposure.

    Returns
    -------
    str
        A ``data:`` address.
    """
    values = np.array(metric.all_values)
    low, high = spread(metric.all_values)
    with _chart() as axes:
        bins = min(MOST_BINS, max(5, round(2 * np.cbrt(values.size))))
        axes.hist(values, bins=bins, range=(low, high), color=ACCENT, alpha=0.85, edgecolor="none")
        axes.set(xlabel=metric.label, ylabel="measurements")
        long = high - low < LONG * max(abs(low), abs(high))
        axes.xaxis.set_major_locator(MaxNLocator(2 if long else 5))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        return finished(axes.figure)


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
    numbers = [number for number, _ in known]
    with _chart() as axes:
        if any(len(values) > 1 for _, values in known):
            least, most = [min(v) for _, v in known], [max(v) for _, v in known]
            axes.fill_between(numbers, least, most, color=ACCENT, alpha=0.22, linewidth=0)
        axes.plot(numbers, [np.median(v) for _, v in known], "o-", color=ACCENT, markersize=3, linewidth=1)
        axes.set(xlabel="exposure", ylabel=metric.label)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        return finished(axes.figure)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest value, kept apart where they are one."""
    low, high = min(values), max(values)
    apart = high - low > 1e-9 * max(abs(low), abs(high))
    room = 0.0 if apart else abs(low) * 0.01 or 0.5
    return low - room, high + room


@contextmanager
def _chart() -> Iterator[Any]:
    """Give axes on which nothing is drawn: the same ones each time, for to make them takes longer than to draw."""
    with styled():
        axes = _axes()
        try:
            yield axes
        finally:
            for artist in (*axes.patches, *axes.lines, *axes.collections):
                artist.remove()
            axes.relim()
            axes.autoscale()


@cache
def _axes() -> Any:
    axes = axes_in(blank(*SIZE_IN), *MARGINS_IN)
    axes.grid(visible=True, color=INK, alpha=0.12, linewidth=0.5)
    axes.set_axisbelow(True)
    return axes
