"""Statistics of a raw frame in one pass over its rows: amplifiers, and any other regions.

It owns how pixels are gathered while rows go by; it must not know the estimators or the steps.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.corrected import CorrectedFrame
from calibrant.pixels.geometry import Box, Geometry
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.pixels.numbers import Measured, gather_numbers
from calibrant.pixels.ordered import sorted_by
from calibrant.pixels.rows import RowSource, checked_stack
from calibrant.pixels.signature import Band, Signature, Step, Terms
from calibrant.pixels.statistics import (
    AmplifierStatistics,
    RegionStatistics,
    WithoutCosmicRays,
    describe,
    good_pixels,
    mean_of,
    without,
)

ROWS: Final = 64
"""Rows that are corrected at a time."""

_NOTHING: Final[Mapping[str, WithoutCosmicRays]] = MappingProxyType({})

_NOWHERE: Final[Mapping[str, Box]] = MappingProxyType({})


class HasRows(Protocol):
    """Rows of an assembled frame, whatever is known of them."""

    @property
    def rows(self) -> slice:
        """Which."""
        ...


Rows = TypeVar("Rows", bound=HasRows)
Taken = TypeVar("Taken")


@dataclass(frozen=True, eq=False, slots=True)
class FrameStatistics:
    """What a corrected frame looks like, in the unit of the signature.

    Parameters
    ----------
    amplifiers, regions
        By name.
    overscan
        What the overscans say, by amplifier.
    cosmic_rays
        By name, of each amplifier without what cosmic rays struck; empty where the signature does not search for them.
    backend
        Name of the backend that sorted the pixels, which takes longest: "cpu" where that is compiled, else "numpy".
    """

    amplifiers: Mapping[str, AmplifierStatistics]
    regions: Mapping[str, RegionStatistics]
    overscan: Measured
    backend: str
    cosmic_rays: Mapping[str, WithoutCosmicRays]


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
    regions that rows are passing through are all that is kept. Where the signature searches for cosmic rays, pixels
    that they struck count like the others, and each amplifier is described without them, too.

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
    frame = single_frame(raw, geometry, signature, terms or Terms())
    for name, box in regions.items():
        if not box.inside(geometry.shape):
            raise ValueError(
                f"region {name!r}: {tuple(box)} (y0, y1, x0, x1) is empty or outside {geometry.shape}"
            )
    searched = Step.COSMIC_RAYS in signature.barriers
    boxes = {one.placed for one in geometry.amplifiers} | set(regions.values())
    corners = {one.name: one.corner_box(corner_size) for one in geometry.amplifiers}
    found: dict[Box, RegionStatistics] = {}
    means: dict[Box, float] = {}
    repaired: dict[Box, WithoutCosmicRays] = {}
    for box, good, struck in _gather_both(frame, boxes | set(corners.values()), exclude):
        if box in boxes:
            found[box] = describe(good, box.area, sigma=sigma, iterations=iterations)
            repaired[box] = without(found[box], struck)
        means[box] = found[box].mean if box in boxes else mean_of(good)
    return FrameStatistics(
        {
            one.name: AmplifierStatistics(**vars(found[one.placed]), corner_mean=means[corners[one.name]])
            for one in geometry.amplifiers
        },
        {name: found[box] for name, box in regions.items()},
        frame.numbers.measured[0],
        sorted_by(),
        {one.name: repaired[one.placed] for one in geometry.amplifiers} if searched else _NOTHING,
    )


def single_frame(
    raw: RowSource | NDArray[Any], geometry: Geometry, signature: Signature, terms: Terms
) -> CorrectedFrame:
    """Measure the overscans of a frame whose rows are corrected as they are asked for.

    Raises
    ------
    ValueError
        As of :func:`frame_statistics`.
    """
    (source,) = checked_stack("frame", [raw], "iuf")
    if source.shape != geometry.raw_shape:
        raise ValueError(f"raw frame: shape {source.shape}, but the geometry says {geometry.raw_shape}")
    numbers = gather_numbers([source], geometry, signature, [terms])
    return CorrectedFrame(0, source, numbers, noise=False)


def gather_good(
    frame: CorrectedFrame, boxes: Iterable[Box], exclude: Mask
) -> Iterator[tuple[Box, NDArray[Any]]]:
    """Yield each box with its pixels, as :func:`good_pixels`, as soon as its last row has gone by."""
    found: dict[Box, NDArray[Any]] = {}
    for band, box, part in _passing(bands_of(frame), boxes):
        if box not in found:
            found[box] = np.empty((box.y1 - box.y0, box.x1 - box.x0), dtype=np.float32)
        first = band.rows.start + part.y0 - box.y0
        found[box][first : first + part.y1 - part.y0] = good_pixels(band.data, band.mask, part, exclude)
        if box.y1 <= band.rows.stop:
            yield box, found.pop(box)


def _gather_both(
    frame: CorrectedFrame, boxes: Iterable[Box], exclude: Mask
) -> Iterator[tuple[Box, NDArray[Any], NDArray[Any]]]:
    """Do as :func:`gather_good`, and beside give the values of the good pixels that cosmic rays struck."""
    if Step.COSMIC_RAYS not in frame.numbers.signature.barriers:
        yield from ((box, good, good[:0]) for box, good in gather_good(frame, boxes, exclude))
        return

    def take(band: Band, part: Box) -> tuple[NDArray[Any], NDArray[Any]]:
        good = good_pixels(band.data, band.mask, part, exclude & ~Mask.COSMIC_RAY)
        struck = good[(band.mask[part.slices] & np.uint32(Mask.COSMIC_RAY)) != 0]
        return good, struck[np.isfinite(struck)]

    for box, parts in gather(bands_of(frame), boxes, take):
        yield (
            box,
            np.concatenate([good for good, _ in parts]),
            np.concatenate([struck for _, struck in parts]),
        )


def bands_of(frame: CorrectedFrame) -> Iterator[Band]:
    """Give all rows of a frame, some at a time, without variance."""
    height = frame.numbers.geometry.shape[0]
    for first in range(0, height, ROWS):
        yield frame.band(first, min(first + ROWS, height), noise=False)


def gather(
    bands: Iterable[Rows], boxes: Iterable[Box], take: Callable[[Rows, Box], Taken]
) -> Iterator[tuple[Box, list[Taken]]]:
    """Yield each box with what was taken of it from the bands, as soon as its last row has gone by.

    Parameters
    ----------
    bands
        All rows, in order.
    boxes
        Of the assembled frame.
    take
        Called with a band and the part of a box in it, which counts from the band's first row.
    """
    gathered: dict[Box, list[Taken]] = {}
    for band, box, part in _passing(bands, boxes):
        gathered.setdefault(box, []).append(take(band, part))
        if box.y1 <= band.rows.stop:
            yield box, gathered.pop(box)


def _passing(bands: Iterable[Rows], boxes: Iterable[Box]) -> Iterator[tuple[Rows, Box, Box]]:
    """Yield each band with each box that has rows in it, and the part of the box there, from the band's first row."""
    left = list(dict.fromkeys(boxes))
    for band in bands:
        first, last = band.rows.start, band.rows.stop
        for box in left:
            y0, y1 = max(box.y0, first), min(box.y1, last)
            if y0 < y1:
                yield band, box, Box(y0 - first, y1 - first, box.x0, box.x1)
        left = [box for box in left if box.y1 > last]
