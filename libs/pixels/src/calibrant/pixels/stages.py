"""The steps themselves, on rows of one frame: NumPy, one operation after another in the working type.

It owns the arithmetic of every pointwise step, which other backends repeat bit for bit, and the loop that takes
steps and barriers in their order. It must not know files, combinations, or how numbers were gathered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Box, Geometry
from calibrant.pixels.image import Reference
from calibrant.pixels.mask import MASK_DTYPE, Mask
from calibrant.pixels.numbers import Channel, Numbers
from calibrant.pixels.rows import RowSource, rows_as_stored
from calibrant.pixels.signature import Band, Step


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of an amplifier that lies in a band.

    Parameters
    ----------
    channel
        Number of the amplifier.
    raw
        Where its pixels are in the raw frame.
    rows, columns
        Where they go in the band.
    lines
        Its rows, counted from the amplifier's first placed row.
    steps
        How rows and columns run from the raw frame to the band: 1, or -1 where they are reversed.
    """

    channel: int
    raw: Box
    rows: slice
    columns: slice
    lines: slice
    steps: tuple[int, int]

    @property
    def part(self) -> tuple[slice, slice]:
        """Index of its pixels in a plane of the band."""
        return self.rows, self.columns


def segments(geometry: Geometry, rows: slice) -> tuple[Segment, ...]:
    """Give the parts of the amplifiers that lie in rows of the assembled frame."""
    found = []
    for index, amplifier in enumerate(geometry.amplifiers):
        placed, image = amplifier.placed, amplifier.image
        first, last = max(placed.y0, rows.start), min(placed.y1, rows.stop)
        if first >= last:
            continue
        lines = slice(first - placed.y0, last - placed.y0)
        if amplifier.flip_y:
            raw = Box(image.y1 - lines.stop, image.y1 - lines.start, image.x0, image.x1)
        else:
            raw = Box(image.y0 + lines.start, image.y0 + lines.stop, image.x0, image.x1)
        within = slice(first - rows.start, last - rows.start)
        steps = (-1 if amplifier.flip_y else 1, -1 if amplifier.flip_x else 1)
        found.append(Segment(index, raw, within, slice(placed.x0, placed.x1), lines, steps))
    return tuple(found)


@dataclass(frozen=True, eq=False, slots=True)
class Passage:
    """One frame on its way: its number among the others, its raw rows, and what it meets."""

    frame: int
    source: RowSource
    numbers: Numbers
    segments: tuple[Segment, ...]

    def channel(self, segment: Segment) -> Channel:
        """Give the amplifier's numbers."""
        return self.numbers.channels[segment.channel]

    def plane(self, plane: NDArray[Any], rows: slice) -> NDArray[Any]:
        """Give rows of a reference's plane: rounded to float32, in the working type."""
        return plane[rows].astype(np.float32, copy=False).astype(self.numbers.dtype, copy=False)


def new_band(rows: slice, numbers: Numbers, *, frame: int, noise: bool) -> Band:
    """Give an empty band of a frame; its variance is 0, for barriers before the noise to add to."""
    shape = (rows.stop - rows.start, numbers.geometry.shape[1])
    variance = np.zeros(shape, dtype=numbers.dtype) if noise else None
    data, mask = np.empty(shape, dtype=numbers.dtype), np.empty(shape, dtype=MASK_DTYPE)
    return Band(rows, data, mask, variance, numbers.others[frame])


def pass_through(band: Band, passage: Passage) -> None:
    """Take a frame's rows through all steps of its signature, into a band."""
    signature = passage.numbers.signature
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for step in Step:
            if step.kind == "pointwise":
                POINTWISE[step](band, passage)
            elif step in signature.barriers:
                signature.barriers[step].apply(band, passage.numbers.geometry)


def _assemble(band: Band, passage: Passage) -> None:
    """Read the raw rows and put them in their places, as values of the working type."""
    source = passage.source
    pieces: dict[tuple[int, int], NDArray[Any]] = {}
    for segment in passage.segments:
        y0, y1, x0, x1 = segment.raw
        if (y0, y1) not in pieces:
            pieces[y0, y1] = rows_as_stored(source, y0, y1)
        along, across = segment.steps
        band.data[segment.part] = pieces[y0, y1][::along, x0:x1][:, ::across]
    if source.zero:
        band.data += source.zero
    band.mask[...] = 0


def _mark_saturated(band: Band, passage: Passage) -> None:
    for segment in passage.segments:
        level = passage.channel(segment).saturation
        if level is not None:
            band.mask[segment.part][band.data[segment.part] >= level] |= np.uint32(Mask.SATURATED)


def _subtract_rows(band: Band, passage: Passage) -> None:
    for segment in passage.segments:
        band.data[segment.part] -= passage.channel(segment).rows[passage.frame, segment.lines, None]


def _apply_gain(band: Band, passage: Passage) -> None:
    if passage.numbers.signature.unit == "electron":
        for segment in passage.segments:
            band.data[segment.part] *= passage.channel(segment).gain


def _subtract_columns(band: Band, passage: Passage) -> None:
    for segment in passage.segments:
        columns = passage.channel(segment).columns
        if columns is not None:
            band.data[segment.part] -= columns[passage.frame]


def _linearise(band: Band, passage: Passage) -> None:
    for segment in passage.segments:
        linearity = passage.channel(segment).linearity
        if linearity is not None:
            band.data[segment.part], outside = linearity.apply(band.data[segment.part])
            if outside is not None:
                band.mask[segment.part][outside] |= np.uint32(Mask.SUSPECT)


def _subtract_bias(band: Band, passage: Passage) -> None:
    bias = passage.numbers.signature.bias
    if bias is not None:
        band.data -= passage.plane(bias.data, band.rows)
        _join_mask(band, bias)


def _estimate_noise(band: Band, passage: Passage) -> None:
    """Give the variance of what was read and of the bias; dark current makes shot noise too, so it is still in.

    What barriers before this step put into the variance is added.
    """
    if band.variance is None:
        return
    signature = passage.numbers.signature
    earlier = band.variance.copy() if signature.barriers else None
    for segment in passage.segments:
        channel, variance = passage.channel(segment), band.variance[segment.part]
        if signature.photon_noise:
            np.maximum(band.data[segment.part], 0, out=variance)
            variance /= channel.photon_gain
            variance += channel.read_variance
        else:
            variance[...] = channel.read_variance
    if signature.bias is not None and signature.bias.variance is not None:
        band.variance += passage.plane(signature.bias.variance, band.rows)
    if earlier is not None:
        band.variance += earlier


def _subtract_dark(band: Band, passage: Passage) -> None:
    dark, time = passage.numbers.signature.dark, passage.numbers.dark_times[passage.frame]
    if dark is None:
        return
    band.data -= passage.plane(dark.data, band.rows) * time
    if band.variance is not None and dark.variance is not None:
        band.variance += passage.plane(dark.variance, band.rows) * (time * time)
    _join_mask(band, dark)


def _mark_defects(band: Band, passage: Passage) -> None:
    """Join the defects, and mark what is not finite: it has no value and no variance."""
    defects = passage.numbers.signature.defects
    if defects is not None:
        band.mask |= defects[band.rows].astype(MASK_DTYPE, copy=False)
    missing = ~np.isfinite(band.data)
    if missing.any():
        band.data[missing] = np.nan
        band.mask[missing] |= np.uint32(Mask.NO_DATA)
        if band.variance is not None:
            band.variance[missing] = np.nan


def _divide_by_flat(band: Band, passage: Passage) -> None:
    """Divide by the flat: ``var = (var + (data / flat)**2 * var_flat) / flat**2``."""
    flat = passage.numbers.signature.flat
    if flat is None:
        return
    response = passage.plane(flat.data, band.rows)
    bad = ~(np.isfinite(response) & (response > 0))
    if bad.any():
        response = np.where(bad, passage.numbers.dtype.type(np.nan), response)
        band.mask[bad] |= np.uint32(Mask.BAD)
    band.data /= response
    if band.variance is not None:
        if flat.variance is not None:
            band.variance += band.data * band.data * passage.plane(flat.variance, band.rows)
        band.variance /= response * response
    _join_mask(band, flat)


def _divide_by_scale(band: Band, passage: Passage) -> None:
    for segment in passage.segments:
        scale = passage.numbers.scales[passage.frame, segment.channel]
        if scale == 1:
            continue
        band.data[segment.part] /= scale
        if band.variance is not None:
            band.variance[segment.part] /= scale * scale


def _join_mask(band: Band, reference: Reference) -> None:
    if reference.mask is not None:
        band.mask |= reference.mask[band.rows].astype(MASK_DTYPE, copy=False)


POINTWISE: Final[Mapping[Step, Callable[[Band, Passage], None]]] = MappingProxyType(
    {
        Step.ASSEMBLY: _assemble,
        Step.SATURATION: _mark_saturated,
        Step.SERIAL_OVERSCAN: _subtract_rows,
        Step.GAIN: _apply_gain,
        Step.PARALLEL_OVERSCAN: _subtract_columns,
        Step.LINEARITY: _linearise,
        Step.BIAS: _subtract_bias,
        Step.NOISE: _estimate_noise,
        Step.DARK: _subtract_dark,
        Step.DEFECTS: _mark_defects,
        Step.FLAT: _divide_by_flat,
        Step.SCALE: _divide_by_scale,
    }
)
"""What each pointwise step does."""
