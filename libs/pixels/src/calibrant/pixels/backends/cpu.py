"""Combination by the compiled kernel: bands of rows through ``native/kernel.c``, on several threads.

It turns a plan into the kernel's structures; it must not know what the kernel does to a pixel.
"""

import ctypes
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.bands import bands, work_through
from calibrant.pixels.backends.library import STATISTICS, TYPES, Block, Entry, Frame, entry
from calibrant.pixels.mask import MASK_DTYPE
from calibrant.pixels.plan import EMPTY, FEWEST_FOR_SCATTER, Combined, Plan
from calibrant.pixels.rows import ArrayRows, RowSource, load, value_type

SHORT: Final = 16
"""Bits of the samples that are sorted as unsigned integers."""


def check() -> None:
    """Load the kernel.

    Raises
    ------
    BackendMissingError
        When it is not there.
    """
    entry(SHORT)


def combine(plan: Plan, into: Combined) -> None:
    """Fill the planes.

    Parameters
    ----------
    plan
        What to combine and how.
    into
        Contiguous planes of the plan's shape.
    """
    values = value_type(plan.stack[0])
    short = values.kind in "iu" and values.itemsize <= 2 and plan.scales is None
    kernel = entry(SHORT if short else 8 * plan.dtype.itemsize)
    base = float(min(np.iinfo(values).min, 0)) if short else 0.0

    def work(rows: slice) -> None:
        few = len(plan.stack) < FEWEST_FOR_SCATTER
        _combine_rows(kernel, plan, rows, into, base=base, propagate=few)
        if not few and plan.variances is not None and (into.count[rows] == 1).any():
            _combine_rows(kernel, plan, rows, into, base=base, propagate=True)

    sources = [plane for planes in (plan.stack, plan.masks, plan.variances) for plane in planes or ()]
    row_bytes = sum(plan.shape[1] * plane.dtype.itemsize for plane in sources)
    work_through(work, bands(plan.shape[0], row_bytes, plan.tile_bytes, plan.threads), plan.threads)


def _combine_rows(
    kernel: Entry, plan: Plan, rows: slice, into: Combined, *, base: float, propagate: bool
) -> None:
    """Combine a band; variances of the inputs are read only where they are propagated."""
    kept: list[NDArray[Any]] = []
    frames = _frames(plan, rows, base, kept)
    if propagate and plan.variances is not None:
        for frame, plane in zip(frames, plan.variances, strict=True):
            variances = _plain_rows(plane, rows, (np.dtype(np.float64), np.dtype(np.float32)))
            kept.append(variances)
            frame.variances, frame.variances_step = variances.ctypes.data, variances.strides[0]
            frame.wide = variances.dtype == np.float64
    kernel(_block(plan, rows, base, into), frames)


def _block(plan: Plan, rows: slice, base: float, into: Combined) -> Block:
    rule = plan.rule
    return Block(
        frames=len(plan.stack),
        rows=rows.stop - rows.start,
        columns=plan.shape[1],
        data=into.data[rows].ctypes.data,
        variance=into.variance[rows].ctypes.data,
        count=into.count[rows].ctypes.data,
        mask=into.mask[rows].ctypes.data,
        step=plan.shape[1],
        base=base,
        sigma_low=rule.sigma_low,
        sigma_high=rule.sigma_high,
        iterations=-1 if rule.iterations is None else rule.iterations,
        reject_low=plan.reject_low,
        reject_high=plan.reject_high,
        statistic=STATISTICS.index(plan.statistic),
        mean_center=rule.center == "mean",
        mad_spread=rule.spread == "mad",
        cumulative=rule.clip == "cumulative",
        scaled=plan.scales is not None,
        ignore=int(plan.ignore),
        empty=int(EMPTY),
    )


def _frames(plan: Plan, rows: slice, base: float, kept: list[NDArray[Any]]) -> "ctypes.Array[Frame]":
    """Give where each frame's rows are in memory; `kept` holds on to what was read for it."""
    frames = (Frame * len(plan.stack))()
    for index, frame in enumerate(frames):
        plane = plan.stack[index]
        samples = _rows(plane, rows, plan.dtype)
        kept.append(samples)
        frame.samples, (frame.row_step, frame.column_step) = samples.ctypes.data, samples.strides
        frame.type, frame.swapped = TYPES[samples.dtype.str[1:]], not samples.dtype.isnative
        frame.zero = (plane.zero if samples.dtype == plane.dtype else 0) - base
        frame.scale = 1.0 if plan.scales is None else plan.scales[index]
        frame.weight = 1.0 if plan.weights is None else plan.weights[index]
        if plan.masks is not None:
            bits = _plain_rows(plan.masks[index], rows, (MASK_DTYPE,))
            kept.append(bits)
            frame.bits, frame.bits_step = bits.ctypes.data, bits.strides[0]
    return frames


def _rows(plane: RowSource, rows: slice, working: np.dtype[Any]) -> NDArray[Any]:
    """Give rows as they are stored: an array's own memory, or read; converted only where the kernel cannot."""
    if plane.dtype.str[1:] not in TYPES:
        return load([plane], rows, working).reshape(-1, plane.shape[1])
    if isinstance(plane, ArrayRows):
        part: NDArray[Any] = plane.array[rows]
        if part.flags.aligned and all(step % part.itemsize == 0 for step in part.strides):
            return part
    stored = np.empty((rows.stop - rows.start, plane.shape[1]), dtype=plane.dtype)
    plane.read_rows(rows.start, rows.stop, stored)
    return stored


def _plain_rows(plane: RowSource, rows: slice, types: tuple[np.dtype[Any], ...]) -> NDArray[Any]:
    """Give rows of native numbers of one of the types, each row contiguous; else converted to the first one."""
    if isinstance(plane, ArrayRows) and plane.dtype in types:
        part: NDArray[Any] = plane.array[rows]
        if part.flags.aligned and part.strides[1] == part.itemsize:
            return part
    return load([plane], rows, types[0]).reshape(-1, plane.shape[1])
