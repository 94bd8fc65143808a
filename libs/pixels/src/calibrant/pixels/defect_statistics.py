"""What a mask of defects does to the statistics of a corrected frame. Must not know how defects are found, or limits."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Box, Geometry
from calibrant.pixels.mask import Mask
from calibrant.pixels.rows import RowSource
from calibrant.pixels.signature import Band, Signature, Terms
from calibrant.pixels.statistics import RegionStatistics, describe, good_pixels
from calibrant.pixels.surveying import bands_of, gather, single_frame

DEFECTS = Mask.BAD | Mask.HOT | Mask.DEAD
"""Bits that mark a defect."""


@dataclass(frozen=True, slots=True)
class DefectStatistics:
    """One amplifier of a frame, with its defects left out and with all of its pixels.

    Parameters
    ----------
    masked, unmasked
        Without the defects, and with them; the extremes are the first and last percentile.
    defects
        Pixels that the mask marks, of those that were measured.
    improbable
        Pixels so far from the clipped mean that a normal distribution of the clipped noise has a density below
        1 / pixels there, in units of that noise: what a search by chance alone would call a defect.
    """

    masked: RegionStatistics
    unmasked: RegionStatistics
    defects: int
    improbable: int


def defect_statistics(
    raw: RowSource | NDArray[Any],
    geometry: Geometry,
    signature: Signature,
    terms: Terms,
    defects: NDArray[Any],
) -> dict[str, DefectStatistics]:
    """Correct a frame and describe each amplifier without its defects and with them, in one pass over its rows.

    Parameters
    ----------
    raw, geometry, signature, terms
        As for :func:`frame_statistics`.
    defects
        uint32, of shape ``geometry.shape``: where any of :data:`DEFECTS` stands, there is one.

    Raises
    ------
    ValueError
        As of :func:`correct_frame`, or the shape of the defects differs.
    """
    if defects.shape != geometry.shape:
        raise ValueError(f"defects: shape {defects.shape}, but the geometry says {geometry.shape}")
    frame = single_frame(raw, geometry, signature, terms)

    def take(band: Band, part: Box) -> tuple[NDArray[Any], NDArray[Any]]:
        return good_pixels(band.data, band.mask, part, Mask.NO_DATA), defects[band.rows][part.slices]

    placed = {one.placed: one.name for one in geometry.amplifiers}
    found = {}
    for box, parts in gather(bands_of(frame), placed, take):
        values, bits = (np.concatenate(planes) for planes in zip(*parts, strict=True))
        found[placed[box]] = _of(values, bits, box.area)
    return found


def _of(values: NDArray[Any], bits: NDArray[Any], area: int) -> DefectStatistics:
    defective = np.isfinite(values) & ((bits & np.uint32(DEFECTS)) != 0)
    unmasked = describe(values, area)
    return DefectStatistics(
        masked=describe(np.where(defective, np.nan, values), area),
        unmasked=unmasked,
        defects=int(np.count_nonzero(defective)),
        improbable=_improbable(values, unmasked),
    )


def _improbable(values: NDArray[Any], found: RegionStatistics) -> int:
    """Count the values whose normal density, in standard deviations, is below one over their number."""
    if not found.noise > 0:
        return 0
    farthest = 2 * math.log(max(found.count / math.sqrt(2 * math.pi), 1.0))
    z = (values - found.clipped_mean) / found.noise
    return int(np.count_nonzero(z * z > farthest))
