"""Statistics and noise of a flat frame in one pass over its rows: before its flat and after, each step taken once.

It owns what is kept of the rows as they go by; it must not know the estimators or the steps.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.composition import Composition
from calibrant.pixels.corrected import CorrectedFrame
from calibrant.pixels.flats import NoiseRatio, noise_ratio
from calibrant.pixels.geometry import Amplifier, Box, Geometry
from calibrant.pixels.image import Image, Reference, Unit
from calibrant.pixels.mask import UNUSABLE
from calibrant.pixels.numbers import Measured
from calibrant.pixels.ordered import sorted_by
from calibrant.pixels.rows import RowSource
from calibrant.pixels.signature import Band, Signature, Terms
from calibrant.pixels.statistics import (
    AmplifierStatistics,
    RegionStatistics,
    describe,
    good_pixels,
    mean_of,
)
from calibrant.pixels.surveying import bands_of, gather, single_frame

BLOCKS: Final = 4
"""Along each side of an amplifier."""


@dataclass(frozen=True, eq=False, slots=True)
class FlatStatistics:
    """What a flat frame looks like, in the unit of the signature.

    Parameters
    ----------
    amplifiers
        By name, of the frame divided by the flat.
    noise
        By name: the noise over what is expected, or why it could not be had.
    illumination
        By name: what the flat leaves of the illumination; see :func:`residual_illumination`.
    overscan
        What the overscans say, by amplifier.
    backend
        As of :class:`FrameStatistics`.
    """

    amplifiers: Mapping[str, AmplifierStatistics]
    noise: Mapping[str, NoiseRatio | str]
    illumination: Mapping[str, float]
    overscan: Measured
    backend: str


def flat_statistics(
    raw: RowSource | NDArray[Any],
    geometry: Geometry,
    signature: Signature,
    *,
    terms: Terms | None = None,
    composition: Composition,
) -> FlatStatistics:
    """Correct a flat frame, describe it after division by its flat, and compare its noise with what is expected.

    The same numbers as of :func:`frame_statistics` with the flat, and of :func:`noise_ratio` for each amplifier of
    the frame without it. Memory holds the pixels of the amplifiers that rows are passing through.

    Parameters
    ----------
    raw
        Raw frame in ADU: an array or a :class:`RowSource`.
    geometry, signature, terms
        As for :func:`correct_frame`; the signature has the flat.
    composition
        As for :func:`noise_ratio`.

    Raises
    ------
    ValueError
        As of :func:`correct_frame`, or the signature has no flat.
    """
    flat = signature.flat
    if flat is None:
        raise ValueError("signature: has no flat; give the one that frames are divided by")
    signature.check(geometry)
    frame = single_frame(raw, geometry, replace(signature, flat=None), terms or Terms())
    placed = {one.placed: one for one in geometry.amplifiers}
    amplifiers: dict[str, AmplifierStatistics] = {}
    noise: dict[str, NoiseRatio | str] = {}
    illumination: dict[str, float] = {}
    for box, parts in gather(_divided(frame, signature), placed, _Part.of):
        amplifier, part = placed[box], _Part.joined(parts)
        found = amplifiers[amplifier.name] = part.statistics(amplifier)
        illumination[amplifier.name] = residual_illumination(part.divided, found)
        noise[amplifier.name] = _compared(
            part.undivided(signature.unit), flat.cut(box), amplifier, composition
        )
    return FlatStatistics(amplifiers, noise, illumination, frame.numbers.measured[0], sorted_by())


def residual_illumination(divided: NDArray[Any], found: RegionStatistics) -> float:
    """Give the difference of the brightest and the faintest of 4 x 4 blocks of a flat-divided frame, over its mean.

    Parameters
    ----------
    divided
        (ny, nx), NaN where a pixel does not count.
    found
        Its statistics: a block's mean is of what lies within 5 times the noise of the clipped mean.

    Returns
    -------
    float
        NaN where a block has no such pixel.
    """
    reach = 5 * found.noise
    means = []
    for rows in np.array_split(divided, BLOCKS, axis=0):
        for block in np.array_split(rows, BLOCKS, axis=1):
            within = block[np.abs(block - found.clipped_mean) <= reach]
            means.append(float(within.mean(dtype=np.float64)) if within.size else math.nan)
    return (max(means) - min(means)) / found.clipped_mean if all(map(math.isfinite, means)) else math.nan


@dataclass(frozen=True, eq=False, slots=True)
class _Rows:
    """Rows of a frame before the flat and after."""

    undivided: Band
    divided: Band

    @property
    def rows(self) -> slice:
        return self.undivided.rows


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """Pixels of an amplifier: before the flat with their mask, and after it with NaN where one does not count."""

    data: NDArray[Any]
    mask: NDArray[np.uint32]
    divided: NDArray[Any]

    @classmethod
    def of(cls, band: _Rows, box: Box) -> "_Part":
        part, before, after = box.slices, band.undivided, band.divided
        return cls(before.data[part], before.mask[part], good_pixels(after.data, after.mask, box, UNUSABLE))

    @classmethod
    def joined(cls, parts: "list[_Part]") -> "_Part":
        planes = zip(*((one.data, one.mask, one.divided) for one in parts), strict=True)
        return cls(*(np.concatenate(pieces) for pieces in planes))

    def undivided(self, unit: Unit) -> Image:
        unknown = np.broadcast_to(np.float32(np.nan), self.data.shape)
        return Image(self.data, unknown, self.mask, unit=unit)

    def statistics(self, amplifier: Amplifier) -> AmplifierStatistics:
        box, corner = amplifier.placed, amplifier.corner_box()
        inside = Box(corner.y0 - box.y0, corner.y1 - box.y0, corner.x0 - box.x0, corner.x1 - box.x0)
        found = describe(self.divided, box.area)
        return AmplifierStatistics(**vars(found), corner_mean=mean_of(self.divided[inside.slices]))


def _divided(frame: CorrectedFrame, signature: Signature) -> Iterator[_Rows]:
    """Give all rows of a frame that is corrected up to the flat, and what they are after it."""
    for band in bands_of(frame):
        yield _Rows(band, frame.divided(band, signature))


def _compared(
    frame: Image, flat: Reference, amplifier: Amplifier, composition: Composition
) -> NoiseRatio | str:
    """Compare the noise of an amplifier with what is expected, or say why that cannot be."""
    gain = 1.0 if frame.unit == "electron" else amplifier.gain_e_per_adu
    try:
        return noise_ratio(
            frame, flat, read_noise_e=amplifier.read_noise_e, gain=gain, composition=composition
        )
    except ValueError as problem:
        return str(problem)
