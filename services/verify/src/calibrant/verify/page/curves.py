"""Curves of amplifiers: their colours and legend, points that count and that do not, and numbers at the axes.

Must not know what is drawn.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from calibrant.verify.page.drawing import ACCENT, ALARM, INK

LEGEND_IN: Final = 0.25
"""Room above the axes for the legend, in inches."""
_COLOURS: Final = (ACCENT, "#d97706", "#0f9d76", "#c2417f", "#8a63d2", "#8a8a00", "#0891b2", "#a0623d")
"""Told apart on white and on black, none like `ALARM`."""
_TWO_FIVE: Final = 60.0
"""Ratio of the ends of an axis up to which it has numbers between powers of ten."""


def colours(amplifiers: int) -> tuple[str, ...]:
    """Return a colour for each amplifier: its own where they are few, else one for all."""
    return _COLOURS[:amplifiers] if amplifiers <= len(_COLOURS) else (ACCENT,) * amplifiers


def legend(figure: Figure, names: Sequence[str]) -> None:
    """Say at the top which colour is whose, where amplifiers have their own."""
    if 1 < len(names) <= len(_COLOURS):
        lines = [Line2D([], [], color=colour, marker="o", markersize=3) for colour in colours(len(names))]
        figure.legend(
            lines,
            list(names),
            loc="upper right",
            ncols=len(names),
            fontsize=7,
            frameon=False,
            borderaxespad=0.1,
        )


def dots_and_crosses(axes: Any, points: Sequence[tuple[float, float, bool]], colour: str) -> None:
    """Draw points: dots those that count, joined in their order, crosses those that do not.

    Parameters
    ----------
    axes : Axes
        Where.
    points : sequence of (x, y, counts)
        In the order in which a line joins them.
    colour : str
        Of the dots.
    """
    on = [(x, y) for x, y, counts in points if counts]
    off = [(x, y) for x, y, counts in points if not counts]
    axes.plot(
        [x for x, _ in on], [y for _, y in on], "o-", color=colour, markersize=3, linewidth=0.6, alpha=0.8
    )
    axes.plot([x for x, _ in off], [y for _, y in off], "x", color=ALARM, markersize=5)


def scaled(axes: Any, log: str = "") -> None:
    """Put a grid on axes that everything is drawn on, and say so where that is nothing.

    Parameters
    ----------
    axes : Axes
        Which.
    log : str
        ``x``, ``y`` or both: to be logarithmic, with numbers, as far as something lies above zero.
    """
    axes.grid(visible=True, color=INK, alpha=0.12, linewidth=0.5)
    if not all(map(math.isfinite, axes.dataLim.extents)):
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "nothing was measured", transform=axes.transAxes, ha="center", va="center")
        return
    for name in log:
        least, most = getattr(axes.dataLim, f"minpos{name}"), getattr(axes.dataLim, f"{name}max")
        if most > 0:
            _logarithmic(axes, name, most / least)


def _logarithmic(axes: Any, name: str, ratio: float) -> None:
    """Give one axis a logarithmic scale; one that is shorter than a power of ten has numbers, too."""
    axes.set(**{f"{name}scale": "log"})
    axis = getattr(axes, f"{name}axis")
    between = LogLocator(subs=(1, 2, 5) if ratio <= _TWO_FIVE else (1,))
    axis.set_major_locator(MaxNLocator(4) if ratio < 10 else between)
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
