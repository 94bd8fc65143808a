"""Combination by the compiled kernel: bands of rows through ``native/kernel.c``, on several threads.

It turns a plan into the kernel's structures; it must not know what the kernel does to a pixel.
"""

import ctypes
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.bands import bands, work_through
from calibrant.pixels.backends.blocks import SHORT, block_of, sorted_as
from calibrant.pixels.backends.library import Frame, entry
from calibrant.pixels.backends.memory import hand_over, lies_in_place, plain_rows, stored_rows
from calibrant.pixels.backends.raw import raw_pieces
from calibrant.pixels.mask import MASK_DTYPE
from calibrant.pixels.plan import FEWEST_FOR_SCATTER, Combined, Plan, RawFrames
from calibrant.pixels.rows import RowSource

FEWEST_ROWS: Final = 16
"""Of a band: fewer cost more to prepare than to combine."""

MASKS: Final = (MASK_DTYPE,)
VARIANCES: Final = (np.dtype(np.float64), np.dtype(np.float32))
"""Types that the kernel reads them in; others are converted to the first one."""


class Work(Protocol):
    """Combines some rows."""

    def __call__(self, rows: slice, /, *, propagate: bool) -> None:
        """Combine rows, with or without the variances of the inputs."""
        ...


def check() -> None:
    """Load the kernel.

    Raises
    ------
    BackendMissingError
        When it is not there.
    """
    entry(SHORT)


def combine(plan: Plan, into: Combined) -> bool:
    """Fill the planes, and tell whether a pixel has no good sample; raw frames are corrected and combined at once, unless a barrier is among the steps.

    Parameters
    ----------
    plan
        What to combine and how.
    into
        Contiguous planes of the plan's shape.
    """
    if plan.raw is None or plan.raw.numbers.signature.barriers:
        return _combine_stack(plan, into)
    return _combine_raw(plan, plan.raw, into)


def _combine_stack(plan: Plan, into: Combined) -> bool:
    bits, base = sorted_as(plan)
    kernel = entry(bits)

    def work(rows: slice, *, propagate: bool) -> None:
        kept: list[NDArray[Any]] = []
        frames = _frames(plan, rows, base, kept)
        if propagate and plan.variances is not None:
            _hand_over_variances(frames, plan.variances, rows, kept)
        kernel(block_of(plan, into, rows, base=base, propagate=propagate), frames)

    copied = [plane for plane in plan.stack if not lies_in_place(plane)]
    copied += [plane for plane in plan.masks or () if not lies_in_place(plane, MASKS)]
    copied += [plane for plane in plan.variances or () if not lies_in_place(plane, VARIANCES)]
    return _through_bands(plan, into, copied, work)


def _combine_raw(plan: Plan, raw: RawFrames, into: Combined) -> bool:
    kernel = entry(8 * raw.numbers.dtype.itemsize)

    def work(rows: slice, *, propagate: bool) -> None:
        for piece in raw_pieces(raw, rows):
            part = slice(rows.start + piece.segment.rows.start, rows.start + piece.segment.rows.stop)
            block = block_of(plan, into, part, columns=piece.segment.columns, propagate=propagate)
            block.steps = ctypes.pointer(piece.steps)
            kernel(block, piece.frames)

    return _through_bands(plan, into, [one for one in raw.sources if not lies_in_place(one)], work)


def _through_bands(plan: Plan, into: Combined, copied: list[RowSource], work: Work) -> bool:
    """Work through all bands, which copies of planes limit; variances are asked for only where they are propagated."""
    row_bytes = sum(plane.shape[1] * max(plane.dtype.itemsize, plan.dtype.itemsize) for plane in copied)
    few = len(plan.stack) < FEWEST_FOR_SCATTER

    def once_or_twice(rows: slice) -> bool:
        work(rows, propagate=few and plan.variances is not None)
        if not few and plan.variances is not None:
            for part in _with_one_sample(into, rows):
                work(part, propagate=True)
        return into.lacks(rows)

    parts = bands(plan.shape[0], row_bytes, plan.tile_bytes, plan.threads, max(FEWEST_ROWS, plan.fewest_rows))
    return work_through(once_or_twice, parts, plan.threads)


def _with_one_sample(into: Combined, rows: slice) -> list[slice]:
    """Give the runs of rows in which some pixel is of one sample."""
    some = (into.count[rows] == 1).any(axis=1)
    ends = np.flatnonzero(np.diff(some, prepend=False, append=False)) + rows.start
    return [slice(first, last) for first, last in ends.reshape(-1, 2).tolist()]


def _hand_over_variances(
    frames: "ctypes.Array[Frame]", planes: tuple[RowSource, ...], rows: slice, kept: list[NDArray[Any]]
) -> None:
    for frame, plane in zip(frames, planes, strict=True):
        variances = plain_rows(plane, rows, VARIANCES)
        kept.append(variances)
        frame.variances, frame.variances_step = variances.ctypes.data, variances.strides[0]
        frame.wide = variances.dtype == np.float64


def _frames(plan: Plan, rows: slice, base: float, kept: list[NDArray[Any]]) -> "ctypes.Array[Frame]":
    """Give where each frame's rows are in memory; `kept` holds on to what was read for it."""
    frames = (Frame * len(plan.stack))()
    for index, frame in enumerate(frames):
        plane = plan.stack[index]
        samples = stored_rows(plane, rows, plan.dtype)
        kept.append(samples)
        hand_over(samples, plane, frame, base)
        frame.scale = 1.0 if plan.scales is None else plan.scales[index]
        frame.weight = 1.0 if plan.weights is None else plan.weights[index]
        if plan.masks is not None:
            bits = plain_rows(plan.masks[index], rows, MASKS)
            kept.append(bits)
            frame.bits, frame.bits_step = bits.ctypes.data, bits.strides[0]
    return frames
