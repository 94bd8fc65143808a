"""A picture of masters: one row a kind, one column a detector, each with its own scale.

Owns the layout. Knows products as FITS files and what is said about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from calibrant.frames.writing import read_product
from calibrant.verify.page.scales import Scale, spread, ticks, written

LIMITS = (1.0, 99.0)
"""Percentiles of the data that black and white stand for."""
LONGEST = 600
"""Pixels shown along a side; larger frames are thinned."""
PANEL: Final = (396, 352)
"""Pixels across and down that a master has with its title and its bar."""
HEADING: Final = 40
_FRAME: Final = (8, 30, 316, 338)
"""Left, top, right and bottom of a master's own part of its panel; the bar's is beside it."""
_BAR: Final = (328, 50, 341, 318)
_INK, _RED, _PAPER = "black", "firebrick", "white"
_NOTHING: Final = 255


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
    across, down = PANEL
    picture = Image.new("RGB", (across * len(detectors), HEADING + down * len(kinds)), _PAPER)
    words = ImageDraw.Draw(picture)
    words.text((picture.width / 2, HEADING / 2), title, fill=_INK, font=_font(17), anchor="mm")
    for master in masters:
        column, row = detectors.index(master.detector), kinds.index(master.kind)
        picture.paste(_panel(master), (column * across, HEADING + row * down))
    picture.save(path)


def _panel(master: Master) -> Image.Image:
    product = read_product(master.path)
    step = max(1, max(product.data.shape) // LONGEST)
    data = product.data[::step, ::step]
    low, high = spread(np.nanpercentile(data, LIMITS).tolist())
    panel = Image.new("RGB", PANEL, _PAPER)
    draw = ImageDraw.Draw(panel)
    colour = _INK if master.verdict.startswith("certified") else _RED
    title = f"{master.kind}, detector {master.detector}: {master.verdict}"
    draw.text((sum(_FRAME[::2]) / 2, 16), title, fill=colour, font=_font(13), anchor="mm")
    frame = _fitted(Image.fromarray(_grey(data, low, high)[::-1]))
    left, top = ((_FRAME[n] + _FRAME[n + 2] - frame.size[n]) // 2 for n in (0, 1))
    panel.paste(frame, (left, top))
    draw.rectangle((left - 1, top - 1, left + frame.width, top + frame.height), outline=_INK)
    _bar(panel, draw, (low, high), product.unit or "relative")
    return panel


def _grey(data: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    scaled = np.clip((data - low) / (high - low), 0, 1) * 255
    return np.where(np.isfinite(data), scaled, _NOTHING).astype(np.uint8)


def _fitted(frame: Image.Image) -> Image.Image:
    """Return a frame as large as its part of the panel allows, each pixel a rectangle."""
    room = (_FRAME[2] - _FRAME[0], _FRAME[3] - _FRAME[1])
    factor = min(room[0] / frame.width, room[1] / frame.height)
    size = (max(1, round(frame.width * factor)), max(1, round(frame.height * factor)))
    return frame.resize(size, Image.Resampling.NEAREST)


def _bar(panel: Image.Image, draw: ImageDraw.ImageDraw, ends: tuple[float, float], unit: str) -> None:
    """Say which numbers black and white stand for."""
    left, top, right, bottom = _BAR
    tall = bottom - top
    greys = np.linspace(255, 0, tall).astype(np.uint8)[:, None].repeat(right - left, axis=1)
    panel.paste(Image.fromarray(greys), (left, top))
    draw.rectangle((left - 1, top - 1, right, bottom), outline=_INK)
    scale, marks = Scale(*ends, bottom, top), ticks(*ends, 6)
    for mark, words in zip(marks, written(marks), strict=True):
        draw.line((right, scale.at(mark), right + 4, scale.at(mark)), fill=_INK)
        plain = words.replace("\N{MINUS SIGN}", "-")  # the font has no other
        draw.text((right + 7, scale.at(mark)), plain, fill=_INK, font=_font(10), anchor="lm")
    name = Image.new("RGB", (tall, 14), _PAPER)
    ImageDraw.Draw(name).text((tall / 2, 7), unit, fill=_INK, font=_font(11), anchor="mm")
    panel.paste(name.rotate(90, expand=True), (PANEL[0] - 15, top))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
