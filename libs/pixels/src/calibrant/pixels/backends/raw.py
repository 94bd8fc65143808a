"""Raw frames as the kernel sees them: the parts of the amplifiers in a band, with the steps that each goes through.

It turns numbers and planes into the kernel's structures; it must not know the arithmetic of a step.
"""

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.library import LINEARITIES, Frame, Plane, Steps
from calibrant.pixels.backends.memory import hand_over, stored_rows
from calibrant.pixels.image import Reference
from calibrant.pixels.linearity import DoubleSpline, Linearity, Lookup, Polynomial
from calibrant.pixels.mask import MASK_DTYPE, Mask
from calibrant.pixels.numbers import Numbers
from calibrant.pixels.plan import RawFrames
from calibrant.pixels.rows import RowSource
from calibrant.pixels.signature import Signature
from calibrant.pixels.stages import Segment, segments


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """The part of an amplifier that lies in a band; it holds on to the memory that its structures point to."""

    segment: Segment
    frames: "ctypes.Array[Frame]"
    steps: Steps
    memory: tuple[Any, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Planes:
    """Rows of a signature's planes, float32 and contiguous; None where there is none.

    The flat is NaN where it is not to be used. `bits` are the masks of all of them, and the defects.
    """

    bias: NDArray[Any] | None
    dark: NDArray[Any] | None
    flat: NDArray[Any] | None
    bias_variance: NDArray[Any] | None
    dark_variance: NDArray[Any] | None
    flat_variance: NDArray[Any] | None
    bits: NDArray[Any] | None

    def all(self) -> tuple[NDArray[Any] | None, ...]:
        """Give them in this order."""
        return tuple(getattr(self, name) for name in self.__slots__)


class Reach(Protocol):
    """Puts arrays where the kernel reaches them."""

    def array(self, array: NDArray[Any], /) -> NDArray[Any]:
        """Give an array there."""
        ...

    def rows(self, plane: RowSource, rows: slice, working: np.dtype[Any], /) -> NDArray[Any]:
        """Give rows there, as they are stored or as values of the working type."""
        ...


class HostMemory:
    """Arrays are reached where they are."""

    @staticmethod
    def array(array: NDArray[Any], /) -> NDArray[Any]:
        """Give the array itself."""
        return array

    rows = staticmethod(stored_rows)


def raw_pieces(raw: RawFrames, rows: slice, reach: Reach = HostMemory) -> Iterator[Piece]:
    """Give the parts of the amplifiers that lie in rows of the assembled frame; each raw row is read once."""
    numbers = raw.numbers
    found = planes_of(numbers.signature, rows)
    planes = Planes(*(plane if plane is None else reach.array(plane) for plane in found.all()))
    stored: dict[tuple[int, int], list[NDArray[Any]]] = {}
    for segment in segments(numbers.geometry, rows):
        y0, y1, x0, x1 = segment.raw
        if (y0, y1) not in stored:
            stored[y0, y1] = [reach.rows(one, slice(y0, y1), numbers.dtype) for one in raw.sources]
        along, across = segment.steps
        samples = [one[::along, x0:x1][:, ::across] for one in stored[y0, y1]]
        steps, memory = steps_of(numbers, planes, segment, reach)
        yield Piece(segment, frames_of(raw, segment, samples, reach), steps, (samples, planes, memory))


def frames_of(
    raw: RawFrames, segment: Segment, samples: list[NDArray[Any]], reach: Reach
) -> "ctypes.Array[Frame]":
    """Give each frame's samples of a part, and its numbers."""
    numbers, channel = raw.numbers, raw.numbers.channels[segment.channel]
    levels = reach.array(channel.rows[:, segment.lines])
    columns = None if channel.columns is None else reach.array(channel.columns)
    frames = (Frame * len(samples))()
    for index, frame in enumerate(frames):
        hand_over(samples[index], raw.sources[index], frame)
        frame.levels = levels[index].ctypes.data
        if columns is not None:
            frame.columns = columns[index].ctypes.data
        frame.dark_time = numbers.dark_times[index]
        frame.scale = numbers.scales[index, segment.channel]
        frame.weight = numbers.weights[index]
    return frames


def steps_of(
    numbers: Numbers, planes: Planes, segment: Segment, reach: Reach
) -> tuple[Steps, tuple[Any, ...]]:
    """Give the steps of a part, and memory that has to be kept for them."""
    channel = numbers.channels[segment.channel]
    steps = Steps(
        saturation=math.nan if channel.saturation is None else channel.saturation,
        gain=channel.gain,
        photon_gain=channel.photon_gain,
        read_variance=channel.read_variance,
        photon_noise=numbers.signature.photon_noise,
        saturated=int(Mask.SATURATED),
        suspect=int(Mask.SUSPECT),
        no_data=int(Mask.NO_DATA),
    )
    for name in Planes.__slots__:
        plane = getattr(planes, name)
        if plane is not None:
            setattr(steps, name, Plane(plane[segment.part].ctypes.data, plane.strides[0]))
    linearity: Linearity | None = channel.linearity
    memory = tuple(map(reach.array, linearity_arrays(linearity, numbers.dtype)))
    if memory:
        steps.linearity = LINEARITIES.index(type(linearity).__name__)
        steps.numbers, steps.knots = (array.ctypes.data for array in memory)
        steps.count = len(memory[1]) or len(memory[0])
    if isinstance(linearity, Lookup):
        steps.first = numbers.dtype.type(linearity.first)
    if isinstance(linearity, DoubleSpline):
        steps.first = len(linearity.first.knots)
    return steps, memory


def linearity_arrays(linearity: Linearity | None, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    """Give the numbers and the knots of a linearity, in the working type; nothing where there is none."""
    if linearity is None:
        return ()
    if isinstance(linearity, Polynomial):
        return np.array(linearity.coefficients, dtype=dtype), np.empty(0, dtype=dtype)
    if isinstance(linearity, Lookup):
        return np.ascontiguousarray(linearity.table, dtype=dtype), np.empty(0, dtype=dtype)
    splines = (linearity.first, linearity.second) if isinstance(linearity, DoubleSpline) else (linearity,)
    knots = np.concatenate([spline.knots for spline in splines])
    return np.concatenate([spline.cubics for spline in splines]).astype(dtype), knots.astype(dtype)


def planes_of(signature: Signature, rows: slice) -> Planes:
    """Give rows of a signature's planes."""
    bias, dark, flat = signature.bias, signature.dark, signature.flat
    masks = [one.mask for one in (bias, dark, flat) if one is not None and one.mask is not None]
    if signature.defects is not None:
        masks.append(signature.defects)
    bits = _joined([mask[rows] for mask in masks])
    response = _float_rows(flat, "data", rows)
    if response is not None:
        bad = ~(np.isfinite(response) & (response > 0))
        if bad.any():
            response = np.where(bad, np.float32(np.nan), response)
            bits = _joined([bad * np.uint32(Mask.BAD), *([] if bits is None else [bits])])
    return Planes(
        bias=_float_rows(bias, "data", rows),
        dark=_float_rows(dark, "data", rows),
        flat=response,
        bias_variance=_float_rows(bias, "variance", rows),
        dark_variance=_float_rows(dark, "variance", rows),
        flat_variance=_float_rows(flat, "variance", rows),
        bits=bits,
    )


def _float_rows(reference: Reference | None, name: str, rows: slice) -> NDArray[Any] | None:
    plane = None if reference is None else getattr(reference, name)
    return (
        None
        if plane is None
        else np.require(plane[rows].astype(np.float32, copy=False), requirements=["C", "A"])
    )


def _joined(masks: list[NDArray[Any]]) -> NDArray[Any] | None:
    if not masks:
        return None
    joined = np.zeros(masks[0].shape, dtype=MASK_DTYPE)
    for mask in masks:
        joined |= mask.astype(MASK_DTYPE, copy=False)
    return joined
