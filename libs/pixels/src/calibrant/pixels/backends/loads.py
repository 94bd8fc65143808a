"""What is sent to a device for a band: the samples of a stack or of raw frames, and what is done to them.

It must not know streams, or where the planes come out.
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.blocks import block_of, sorted_as
from calibrant.pixels.backends.cargo import Cargo, aligned, stored_type
from calibrant.pixels.backends.library import TYPES, Block, Frame, Steps
from calibrant.pixels.backends.raw import Planes, linearity_arrays, raw_pieces
from calibrant.pixels.mask import MASK_DTYPE
from calibrant.pixels.plan import Combined, Plan, RawFrames
from calibrant.pixels.rows import ArrayRows, RowSource
from calibrant.pixels.stages import segments

Piece = tuple[Block, "ctypes.Array[Frame]", int]
"""What is done to a part of the band, its frames, and its first pixel in the band."""

HEADER: Final = aligned(ctypes.sizeof(Block)) + aligned(ctypes.sizeof(Steps))


class Load(Protocol):
    """What is sent for one combination."""

    bits: int
    stored: np.dtype[Any]

    def size(self, rows: slice, *, propagate: bool) -> int:
        """Give the bytes of a band that are put into a cargo, at most."""
        ...

    def straight_size(self, rows: slice) -> int:
        """Give the bytes of a band that are copied from where they are."""
        ...

    def pieces(self, cargo: Cargo, into: Combined, rows: slice, *, propagate: bool) -> Iterator[Piece]:
        """Put a band into a cargo, and tell what is done to it; pointers to planes are those of `into`."""
        ...


def load_of(plan: Plan, is_page_locked: Callable[[NDArray[Any]], bool]) -> Load:
    """Give what is sent for a plan: raw frames where the kernel can correct them, else the stack.

    Parameters
    ----------
    plan
        What is combined and how.
    is_page_locked
        Tells whether the device copies from where an array is.
    """
    if plan.raw is None or plan.raw.numbers.signature.barriers:
        return StackLoad(plan, is_page_locked)
    return RawLoad(plan, plan.raw)


class StackLoad:
    """The rows of a stack, with masks and variances. Frames of one page-locked array are copied from there."""

    def __init__(self, plan: Plan, is_page_locked: Callable[[NDArray[Any]], bool]) -> None:
        self._plan = plan
        self.stored, self._zero = stored_type(plan.stack, plan.dtype)
        frames = _together(plan.stack, self.stored)
        self._frames_there = frames if frames is not None and is_page_locked(frames) else None
        self.bits, self._base = sorted_as(plan)
        single = all(plane.dtype == np.float32 for plane in plan.variances or ())
        self._noise = np.dtype(np.float32 if single else np.float64)
        columns = plan.shape[1]
        self._frames = (Frame * len(plan.stack))()
        for index, frame in enumerate(self._frames):
            frame.column_step = self.stored.itemsize
            frame.row_step = columns * self.stored.itemsize
            frame.bits_step = columns * MASK_DTYPE.itemsize
            frame.variances_step = columns * self._noise.itemsize
            frame.type, frame.swapped = TYPES[self.stored.str[1:]], not self.stored.isnative
            frame.zero = self._zero - self._base
            frame.scale = 1.0 if plan.scales is None else plan.scales[index]
            frame.weight = 1.0 if plan.weights is None else plan.weights[index]
            frame.wide = self._noise == np.float64

    def size(self, rows: slice, *, propagate: bool) -> int:
        """Give the bytes of a band."""
        plan = self._plan
        types = [self.stored] if self._frames_there is None else []
        types += [MASK_DTYPE] if plan.masks is not None else []
        types += [self._noise] if propagate else []
        pixels = (rows.stop - rows.start) * plan.shape[1]
        of_frames = sum(aligned(pixels * one.itemsize) for one in types)
        return HEADER + aligned(len(plan.stack) * ctypes.sizeof(Frame)) + len(plan.stack) * of_frames

    def straight_size(self, rows: slice) -> int:
        """Give the bytes of a band that are copied from where they are."""
        if self._frames_there is None:
            return 0
        row = self._plan.shape[1] * self.stored.itemsize
        return len(self._frames_there) * aligned((rows.stop - rows.start) * row)

    def pieces(self, cargo: Cargo, into: Combined, rows: slice, *, propagate: bool) -> Iterator[Piece]:
        """Put a band into a cargo, and tell what is done to it."""
        plan = self._plan
        frames = type(self._frames).from_buffer_copy(self._frames)

        def point(name: str, addresses: Iterable[int]) -> None:
            for frame, address in zip(frames, addresses, strict=True):
                setattr(frame, name, address)

        def send(name: str, planes: Sequence[RowSource], dtype: np.dtype[Any]) -> None:
            point(name, cargo.addresses(cargo.stack(planes, rows, dtype)))

        if self._frames_there is None:
            send("samples", plan.stack, self.stored)
        else:
            point("samples", cargo.straight(self._frames_there, rows))
        if plan.masks is not None:
            send("bits", plan.masks, MASK_DTYPE)
        if propagate and plan.variances is not None:
            send("variances", plan.variances, self._noise)
        yield block_of(plan, into, rows, base=self._base, propagate=propagate), frames, 0


def _together(stack: Sequence[RowSource], stored: np.dtype[Any]) -> NDArray[Any] | None:
    """Give the frames of a stack as one array, where they are frames of one, each contiguous, at one distance."""
    arrays = [one.array for one in stack if isinstance(one, ArrayRows) and one.dtype == stored]
    if len(arrays) < len(stack) or not all(one.flags.c_contiguous for one in arrays):
        return None
    first, whole = arrays[0], arrays[0].base
    places = [one.ctypes.data for one in arrays]
    apart = places[1] - places[0] if len(places) > 1 else first.nbytes
    evenly = all(after - before == apart for before, after in pairwise(places))
    if whole is None or apart < first.nbytes or not evenly or any(one.base is not whole for one in arrays):
        return None
    return np.lib.stride_tricks.as_strided(first, (len(arrays), *first.shape), (apart, *first.strides))


class RawLoad:
    """The raw rows of frames, with the planes and numbers of the steps that they go through."""

    def __init__(self, plan: Plan, raw: RawFrames) -> None:
        self._plan, self._raw = plan, raw
        self.stored, self._zero = stored_type(raw.sources, raw.numbers.dtype)
        self.bits = 8 * raw.numbers.dtype.itemsize

    def size(self, rows: slice, *, propagate: bool) -> int:  # noqa: ARG002  variances are computed there
        """Give the bytes of a band, at most: planes and numbers are counted whether there are any or not."""
        numbers, frames = self._raw.numbers, len(self._raw.sources)
        parts, item = segments(numbers.geometry, rows), numbers.dtype.itemsize
        row = self._raw.sources[0].shape[1] * self.stored.itemsize
        size = sum(frames * aligned((last - first) * row) for first, last in {one.raw[:2] for one in parts})
        plane = (rows.stop - rows.start) * self._plan.shape[1] * MASK_DTYPE.itemsize
        size += len(Planes.__slots__) * aligned(plane)
        for part in parts:
            lines, columns = part.rows.stop - part.rows.start, part.columns.stop - part.columns.start
            tables = linearity_arrays(numbers.channels[part.channel].linearity, numbers.dtype)
            size += (
                HEADER + aligned(frames * ctypes.sizeof(Frame)) + sum(aligned(one.nbytes) for one in tables)
            )
            size += aligned(frames * lines * item) + aligned(frames * columns * item)
        return size

    def straight_size(self, rows: slice) -> int:  # noqa: ARG002  all is put into the cargo
        """Give the bytes of a band that are copied from where they are."""
        return 0

    def pieces(self, cargo: Cargo, into: Combined, rows: slice, *, propagate: bool) -> Iterator[Piece]:
        """Put a band into a cargo, and tell what is done to each amplifier's part of it."""
        for piece in raw_pieces(self._raw, rows, cargo):
            for frame in piece.frames:
                frame.zero = self._zero
                cargo.redirect(frame, "samples", "levels", "columns")
            for name in Planes.__slots__:
                cargo.redirect(getattr(piece.steps, name), "at")
            cargo.redirect(piece.steps, "numbers", "knots")
            part = piece.segment.rows
            whole = slice(rows.start + part.start, rows.start + part.stop)
            block = block_of(self._plan, into, whole, columns=piece.segment.columns, propagate=propagate)
            steps = cargo.put(piece.steps)
            block.steps = ctypes.cast(steps, ctypes.POINTER(Steps))
            yield block, piece.frames, part.start * self._plan.shape[1] + piece.segment.columns.start
