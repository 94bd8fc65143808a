"""How figures look, and their form: an SVG by itself that follows the reader's light or dark mode.

The same bytes for the same numbers. Must not know what is drawn.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK: Final = "#010203"
ACCENT: Final = "#040506"
ALARM: Final = "#070809"
"""Stand for text and lines, numbers, and what failed, until `finished` puts in what the reader's mode asks for."""
_MODES: Final = {INK: "var(--ink)", ACCENT: "var(--accent)", ALARM: "var(--alarm)"}
_THEME: Final = (
    "<style>:root{--ink:#1d2733;--accent:#2563a8;--alarm:#b3261e}"
    "@media (prefers-color-scheme:dark){:root{--ink:#dfe5ec;--accent:#7db4f0;--alarm:#ff8a80}}"
    "text{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif !important}</style>"
)
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "calibrant",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}
_RASTER_DPI: Final = 160


@contextmanager
def drawn(width_in: float, height_in: float) -> Iterator[Figure]:
    """Give an empty figure in the page's style.

    Parameters
    ----------
    width_in, height_in : float
        Size in inches; 72 points each.
    """
    with styled():
        yield blank(width_in, height_in)


@contextmanager
def styled() -> Iterator[None]:
    """Let what is made and drawn within be in the page's style."""
    with rc_context(_STYLE):
        yield


def blank(width_in: float, height_in: float) -> Figure:
    """Return an empty figure of that size in inches; inside `styled`."""
    figure = Figure(figsize=(width_in, height_in))
    FigureCanvasSVG(figure)
    return figure


def axes_in(figure: Figure, left_in: float, bottom_in: float, right_in: float, top_in: float) -> Any:
    """Add axes that leave so much free on each side, in inches.

    What is beside axes is of known size here; to let Matplotlib find out takes it as long as to draw.
    """
    width, height = figure.get_size_inches()
    across, up = width - left_in - right_in, height - bottom_in - top_in
    return figure.add_axes((left_in / width, bottom_in / height, across / width, up / height))


def finished(figure: Figure) -> str:
    """Return a figure as a ``data:`` address; inside `drawn`."""
    stream = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, dpi=_RASTER_DPI, metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    for stands, colour in _MODES.items():
        text = text.replace(stands, colour)
    head, close, rest = text.partition(">")
    return "data:image/svg+xml;base64," + base64.b64encode(f"{head}{close}{_THEME}{rest}".encode()).decode(
        "ascii"
    )
