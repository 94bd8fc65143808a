"""Products as small pictures: grey, with what is masked in orange. Must not know HTML."""

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from calibrant.frames.writing import ProductPreview

LIMITS: Final = (1.0, 99.0)
"""Percentiles of the good pixels that black and white stand for."""
MASKED: Final = (255, 122, 0)
_GREYS: Final = 250
_MASKED: Final = 255
_NOTHING: Final = 254


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A product as a picture.

    Parameters
    ----------
    address : str
        The picture, as a ``data:`` address.
    width, height : int
        Its size in pixels.
    black, white : float
        Values that black and white stand for; NaN where no pixel is good.
    masked : float
        Fraction of the product's pixels that are masked.
    """

    address: str
    width: int
    height: int
    black: float
    white: float
    masked: float


def thumbnail(preview: ProductPreview, most: int) -> Thumbnail:
    """Draw a product, the first row at the bottom.

    Parameters
    ----------
    preview : ProductPreview
        The binned product.
    most : int
        Most pixels along a side; what has more is thinned.
    """
    step = -(-max(preview.data.shape) // most)
    data, masked = preview.data[::step, ::step], preview.masked[::step, ::step]
    good = data[np.isfinite(data)]
    black, white = np.percentile(good, LIMITS) if good.size else (np.nan, np.nan)
    indices = _grey(data, float(black), float(white))
    indices[masked > 0] = _MASKED
    height, width = indices.shape
    return Thumbnail(
        _png(indices[::-1]),
        width,
        height,
        float(black),
        float(white),
        preview.masked_fraction,
    )


def _grey(data: NDArray[np.float32], black: float, white: float) -> NDArray[np.uint8]:
    span = white - black
    if not span > 0:
        return np.where(np.isfinite(data), _GREYS // 2, _NOTHING).astype(np.uint8)
    scaled = np.clip((data - black) / span, 0, 1) * (_GREYS - 1)
    return np.where(np.isfinite(data), scaled, _NOTHING).astype(np.uint8)


def _png(indices: NDArray[np.uint8]) -> str:
    image = Image.fromarray(np.ascontiguousarray(indices), mode="P")
    palette = [level for step in range(_GREYS) for level in [round(step * 255 / (_GREYS - 1))] * 3]
    palette += [0] * (3 * _NOTHING - len(palette)) + [90, 60, 120, *MASKED]
    image.putpalette(palette)
    stream = BytesIO()
    image.save(stream, format="PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
