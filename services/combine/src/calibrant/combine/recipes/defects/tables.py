"""What a mask of defects tells as tables: its regions, each amplifier's numbers, and how each image was searched.

It owns their columns; it must not know how defects are found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels import Geometry, Mask
from calibrant.pixels.defects import Bounds, Found, Searched, count_defects, regions_of


@dataclass(frozen=True, eq=False, slots=True)
class SearchedImage:
    """An image, what to call it, and what was found in it."""

    image: Searched
    name: str
    found: Found


_NOWHERE: Final = Bounds(np.nan, np.nan)


def regions_table(mask: NDArray[np.uint32]) -> ProductTable:
    """Return the table ``REGIONS``: rectangles of equal bits, in the coordinates of FITS and DS9."""
    regions = regions_of(mask)
    boxes = np.array([region.box for region in regions], dtype=np.int32).reshape(-1, 4)
    return ProductTable(
        "REGIONS",
        (
            TableColumn("X1", boxes[:, 2] + np.int32(1), "First column, from 1", "pixel"),
            TableColumn("X2", boxes[:, 3].copy(), "Last column", "pixel"),
            TableColumn("Y1", boxes[:, 0] + np.int32(1), "First row, from 1", "pixel"),
            TableColumn("Y2", boxes[:, 1].copy(), "Last row", "pixel"),
            TableColumn("BITS", np.array([r.bits for r in regions], np.int32), "Bits of MASK"),
            TableColumn("MEANING", _texts([_names(r.bits) for r in regions]), "Their names"),
        ),
    )


def counts_table(mask: NDArray[np.uint32], geometry: Geometry) -> ProductTable:
    """Return the table ``AMPLIFIERS``: how many defects each has."""
    found = count_defects(mask, geometry)
    rows = list(found.values())
    return ProductTable(
        "AMPLIFIERS",
        (
            TableColumn("AMP", _texts(list(found)), "Amplifier"),
            TableColumn("PIXELS", np.array([r.pixels for r in rows], np.int32), "Defects", "pixel"),
            TableColumn("FRACTION", np.array([r.fraction for r in rows]), "Part of its pixels"),
            TableColumn("HOT", np.array([r.hot for r in rows], np.int32), "Hot ones", "pixel"),
            TableColumn("DEAD", np.array([r.dead for r in rows], np.int32), "Dead ones", "pixel"),
            TableColumn("BRIGHTC", np.array([r.bright_columns for r in rows], np.int32), "Bright columns"),
            TableColumn("DARKC", np.array([r.dark_columns for r in rows], np.int32), "Dark columns"),
        ),
    )


def searches_table(searches: Sequence[SearchedImage]) -> ProductTable:
    """Return the table ``SEARCH``: a row an image and amplifier; a reason says why one was not searched."""
    rows = [
        (one.image, one.name, amplifier, search)
        for one in searches
        for amplifier, search in one.found.amplifiers.items()
    ]
    bounds = [one.bounds or _NOWHERE for _, _, _, one in rows]
    return ProductTable(
        "SEARCH",
        (
            TableColumn("TYPE", _texts([image.kind for image, _, _, _ in rows]), "Type of the image"),
            TableColumn("IMAGE", _texts([_ascii(name) for _, name, _, _ in rows]), "Combined, or a frame"),
            TableColumn("AMP", _texts([amplifier for _, _, amplifier, _ in rows]), "Amplifier"),
            TableColumn("UNIT", _texts([_unit(image) for image, _, _, _ in rows]), "Unit of the next four"),
            TableColumn("LEVEL", _numbers([one.level for _, _, _, one in rows]), "Clipped mean"),
            TableColumn("SPREAD", _numbers([one.spread for _, _, _, one in rows]), "Clipped deviation"),
            TableColumn("LOW", np.array([one.low for one in bounds]), "Pixels below are defects"),
            TableColumn("HIGH", np.array([one.high for one in bounds]), "Pixels above are defects"),
            TableColumn("BRIGHT", np.array([one.n_bright for *_, one in rows], np.int32), "Pixels above"),
            TableColumn("COLD", np.array([one.n_cold for *_, one in rows], np.int32), "Pixels below"),
            TableColumn("REASON", _texts([one.reason or "" for *_, one in rows]), "Why not searched"),
        ),
    )


def _unit(image: Searched) -> str:
    if image.kind == "flat":
        return ""
    return image.unit if image.dark_time_s is not None else f"{image.unit}/s"


def _names(bits: int) -> str:
    return "+".join(str(bit.name) for bit in Mask if bits & bit)


def _ascii(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode("ascii")


def _texts(values: list[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_)


def _numbers(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
