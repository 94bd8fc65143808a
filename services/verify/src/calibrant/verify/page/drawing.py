"""How figures look, and their form: an SVG by itself that follows the reader's light or dark mode.

Lengths are in points, from the upper left corner. The same bytes for the same shapes. Must not know what is drawn.
"""

import base64
from collections.abc import Iterable
from html import escape
from typing import Final

INK: Final = "var(--ink)"
ACCENT: Final = "var(--accent)"
ALARM: Final = "var(--alarm)"
"""Text and lines, numbers, and what failed: as the reader's mode asks for."""
POINTS_AN_INCH: Final = 72
WRITTEN, NAMED = 8.0, 9.0
"""Sizes of numbers along axes, and of what these are."""
TICK, AIR = 3.0, 3.0
"""Length of a mark on an axis, and what is free between things."""
_THEME: Final = (
    "<style>:root{--ink:#1d2733;--accent:#2563a8;--alarm:#b3261e}"
    "@media (prefers-color-scheme:dark){:root{--ink:#dfe5ec;--accent:#7db4f0;--alarm:#ff8a80}}"
    "text{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:var(--ink)}</style>"
)
_HATCH: Final = (
    '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    f'<path d="M0 0v5" stroke="{INK}"/></pattern>'
)
HATCHED: Final = "url(#hatch)"
"""Fills what has no number."""
_OF_ITS_SIZE: Final = 0.58
"""Width of a letter or digit, as a part of the size of its font."""

Point = tuple[float, float]


class Drawing:
    """A figure in the making.

    Parameters
    ----------
    width_in, height_in : float
        Its size in inches.
    """

    def __init__(self, width_in: float, height_in: float) -> None:
        self.width, self.height = width_in * POINTS_AN_INCH, height_in * POINTS_AN_INCH
        self._parts: list[str] = []

    def path(
        self,
        way: str,
        *,
        fill: str = "none",
        line: str = "none",
        width: float = 0.6,
        opacity: float = 1.0,
        caps: str = "butt",
    ) -> None:
        """Add lines or areas, given as an SVG path; see `around`, `along` and `boxes`."""
        drawn = f' stroke="{line}" stroke-width="{width:g}" stroke-linecap="{caps}"' if line != "none" else ""
        faint = f' opacity="{opacity:g}"' if opacity != 1.0 else ""
        self._parts.append(f'<path d="{way}" fill="{fill}"{drawn}{faint}/>')

    def text(
        self, place: Point, words: str, *, size: float = WRITTEN, anchor: str = "middle", colour: str = ""
    ) -> None:
        """Write a line of text; its base line goes through the place."""
        own = f' style="fill:{colour}"' if colour else ""
        x, y = map(short, place)
        self._parts.append(
            f'<text x="{x}" y="{y}" font-size="{size:g}" text-anchor="{anchor}"{own}>{escape(words)}</text>'
        )

    def upright(self, place: Point, words: str, *, size: float) -> None:
        """Write a line of text that is read from below upwards; its base line goes through the place."""
        x, y = map(short, place)
        self._parts.append(
            f'<text transform="translate({x} {y})rotate(-90)" font-size="{size:g}" text-anchor="middle">'
            f"{escape(words)}</text>"
        )

    def gradient(self, name: str, colours: Iterable[str]) -> str:
        """Define a fill that goes through colours from below upwards in even steps; return it."""
        steps = list(colours)
        stops = "".join(
            f'<stop offset="{index / (len(steps) - 1):.4f}" stop-color="{colour}"/>'
            for index, colour in enumerate(steps)
        )
        self._parts.append(
            f'<linearGradient id="{name}" x1="0" y1="1" x2="0" y2="0">{stops}</linearGradient>'
        )
        return f"url(#{name})"

    def finished(self) -> str:
        """Return the whole as a ``data:`` address."""
        width, height = short(self.width), short(self.height)
        hatch = _HATCH if any(HATCHED in part for part in self._parts) else ""
        text = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
            f'viewBox="0 0 {width} {height}">{_THEME}{hatch}{"".join(self._parts)}</svg>'
        )
        return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode("ascii")


def along(points: Iterable[Point]) -> str:
    """Return the path of a line through points."""
    return "M" + "L".join(f"{short(x)} {short(y)}" for x, y in points)


def around(points: Iterable[Point]) -> str:
    """Return the path around an area, given by its corners."""
    return along(points) + "z"


def boxes(found: Iterable[tuple[float, float, float, float]]) -> str:
    """Return the path of upright rectangles: left, top, width, height."""
    return "".join(
        f"M{short(left)} {short(top)}h{short(width)}v{short(height)}h{short(-width)}z"
        for left, top, width, height in found
    )


def dots(places: Iterable[Point], radius: float) -> str:
    """Return the path of discs about places."""
    r, across = short(radius), short(2 * radius)
    return "".join(
        f"M{short(x - radius)} {short(y)}a{r} {r} 0 1 0 {across} 0a{r} {r} 0 1 0 -{across} 0z"
        for x, y in places
    )


def crosses(places: Iterable[Point], reach: float) -> str:
    """Return the path of slanting crosses about places, as far as `reach` up and down and to the sides."""
    there, back = short(2 * reach), short(-2 * reach)
    return "".join(
        f"M{short(x - reach)} {short(y - reach)}l{there} {there}m0 {back}l{back} {there}" for x, y in places
    )


def width_of(words: str, size: float) -> float:
    """Return about how wide a line of text is."""
    return len(words) * size * _OF_ITS_SIZE


def short(length: float) -> str:
    """Write a length, to a hundredth of a point."""
    return f"{length + 0.0:.2f}".rstrip("0").rstrip(".")
