"""Statistics of a raw frame in one pass over its rows: amplifiers, and any other regions.

It owns how pixels are gathered while rows go by; it must not know the estimators or the steps.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.corrected import CorrectedFrame
from calibrant.pixels.geometry import Box, Geometry
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.pixels.numbers import Measured, gather_numbers
from calibrant.pixels.rows import RowSource, checked_stack
from calibrant.pixels.signature import Signature, Terms
from calibrant.pixels.statistics import (
    AmplifierStatistics,
    RegionStatistics,
    describe,
    good_pixels,
    mean_of,
)

ROWS: Final = 64
"""Rows that are corrected at a time."""

_NOWHERE: Final[Mapping[str, Box]] = MappingProxyType({})


@dataclass(frozen=True, eq=False, slots=True)
class FrameStatistics:
    """What a corrected frame looks like, in the unit of the signature.

    Parameters
    ----------
    amplifiers, regions
        By name.
    overscan
        What the overscans say, by amplifier.
    """

    amplifiers: Mapping[str, AmplifierStatistics]
    regions: Mapping[str, RegionStatistics]
    overscan: Measured


def frame_statistics(
    raw: RowSource | NDArray[Any],
    geometry: Geometry,
    signature: Signature,
    terms: Terms | None = None,
    *,
    regions: Mapping[str, Box] = _NOWHERE,
    exclude: Mask = UNUSABLE,
    sigma: float = 5.0,
    iterations: int = 3,
    corner_size: int = 200,
) -> FrameStatistics:
    """Correct a frame and describe it, in one pass over its rows once its overscans are measured.

    The same numbers as of :func:`correct_frame` and then :func:`amplifier_statistics`, to the bit; the pixels of the
    regions that rows are passing through are all that is kept.

    Parameters
    ----------
    raw
        Raw frame in ADU: an array or a :class:`RowSource`.
    geometry, signature, terms
        As for :func:`correct_frame`.
    regions
        Boxes of the assembled frame, by name; they may overlap.
    exclude, sigma, iterations, corner_size
        As for :func:`amplifier_statistics`.

    Raises
    ------
    ValueError
        As of :func:`correct_frame`; or a region is empty or outside the frame.
    """
    (source,) = checked_stack("frame", [raw], "iuf")
    if source.shape != geometry.raw_shape:
        raise ValueError(f"raw frame: shape {source.shape}, but the geometry says {geometry.raw_shape}")
    for name, box in regions.items():
        if not box.inside(geometry.shape):
            raise ValueError(
                f"region {name!r}: {tuple(box)} (y0, y1, x0, x1) is empty or outside {geometry.shape}"
            )
    numbers = gather_numbers([source], geometry, signature, [terms or Terms()])
    frame = CorrectedFrame(0, source, numbers, noise=False)
    boxes = {one.placed for one in geometry.amplifiers} | set(regions.values())
    corners = {one.name: one.corner_box(corner_size) for one in geometry.amplifiers}
    found: dict[Box, RegionStatistics] = {}
    means: dict[Box, float] = {}
    for box, good in gather_good(frame, geometry, boxes | set(corners.values()), exclude):
        if box in boxes:
            found[box] = describe(good, box.area, sigma=sigma, iterations=iterations)
        means[box] = found[box].mean if box in boxes else mean_of(good)
    return FrameStatistics(
        {
            one.name: AmplifierStatistics(**vars(found[one.placed]), corner_mean=means[corners[one.name]])
            for one in geometry.amplifiers
        },
        {name: found[box] for name, box in regions.items()},
        numbers.measured[0],
    )


def gather_good(
    frame: CorrectedFrame, geometry: Geometry, boxes: Iterable[Box], exclude: Mask
) -> Iterable[tuple[Box, NDArray[Any]]]:
    """Yield each box with its good pixels, as soon as its last row has gone by."""
    gathered: dict[Box, list[NDArray[Any]]] = {box: [] for box in boxes}
    for first in range(0, geometry.shape[0], ROWS):
        last = min(first + ROWS, geometry.shape[0])
        band = frame.band(first, last, noise=False)
        for box, parts in list(gathered.items()):
            y0, y1 = max(box.y0, first), min(box.y1, last)
            if y0 < y1:
                part = Box(y0 - first, y1 - first, box.x0, box.x1)
                parts.append(good_pixels(band.data, band.mask, part, exclude))
            if box.y1 <= last:
                yield box, np.concatenate(gathered.pop(box))
