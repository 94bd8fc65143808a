"""Many frames into one: an average of each pixel over the frames, with variance, count and mask.

It owns the public call: its options, their checks, and what stands in pixels without a good sample. It must not know
what the frames are, where their rows come from, or how a backend combines them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.choosing import BackendName, carry_out
from calibrant.pixels.clipping import Center, Clip, ClipRule, Spread
from calibrant.pixels.mask import MASK_DTYPE, UNUSABLE, Mask
from calibrant.pixels.numerals import whole_number
from calibrant.pixels.plan import (
    FEWEST_FOR_SCATTER,
    PLANES,
    Combined,
    CorrectedFrames,
    Plan,
    RawFrames,
    Statistic,
)
from calibrant.pixels.rows import RowSource, Stack, checked_stack
from calibrant.pixels.threads import thread_count
from calibrant.pixels.variances import Variances

__all__ = ["Combined", "combine"]

TILE_BYTES: Final = 4 * 2**20
"""Default of a thread's working memory."""

STATISTICS: Final = ("clipped-mean", "median", "mean", "minmax-mean", "weighted-mean")


def combine(
    stack: Stack,
    *,
    statistic: Statistic = "clipped-mean",
    center: Center = "median",
    spread: Spread = "std",
    sigma: float = 3.0,
    sigma_low: float | None = None,
    sigma_high: float | None = None,
    iterations: int | None = 3,
    clip: Clip = "astropy",
    reject_low: int = 1,
    reject_high: int = 1,
    weights: Sequence[float] | None = None,
    scales: Sequence[float] | None = None,
    variances: Stack | None = None,
    masks: Stack | None = None,
    ignore: Mask = UNUSABLE,
    backend: BackendName = "auto",
    threads: int | None = None,
    tile_bytes: int = TILE_BYTES,
    out: Combined | None = None,
) -> Combined:
    """Combine frames pixel by pixel.

    Samples are sorted first and computed in float64, so neither the order of the frames nor the size of the tiles nor
    the number of threads changes a bit of the result. Memory beyond the result is about `threads` times `tile_bytes`
    (each at least one row of every frame; 16 of the compiled kernel).

    The variance is, with fewer than five frames and with `variances`, the propagated ``sum(var) / n**2``; else
    the scatter of the samples used, ``sum((x - mean)**2) / (n - 1) / n``. For a median of three or more samples
    either is multiplied by pi/2, the value for many normal samples (high by 17 % at three, 7 % at seven). Of a
    weighted mean they are ``sum(w**2 var) / sum(w)**2`` and ``sum(w**2 (x - mean)**2) / sum(w)**2 * n / (n - 1)``.

    Parameters
    ----------
    stack
        N frames (ny, nx) of one type: a sequence of 2-D arrays or :class:`RowSource`, or one array (N, ny, nx). Any
        real type and byte order. Samples that are not finite, or would not be in float32, are left out. A stack that
        is a :class:`calibrant.pixels.plan.CorrectedFrames` brings variances and masks along.
    statistic
        "clipped-mean"; "median", "mean" and "weighted-mean" use every good sample; "minmax-mean" leaves out some at
        either end. The median of an even number is the mean of the middle two, exact to float32 rounding.
    center, spread, iterations, clip
        How samples are rejected; see :class:`calibrant.pixels.clipping.ClipRule`.
    sigma, sigma_low, sigma_high
        Bounds in spreads; `sigma` stands in for one that is None.
    reject_low, reject_high
        Of "minmax-mean": how many samples to leave out at either end. Where only some of a pixel's samples are good,
        the same part of them, rounded down.
    weights
        Of "weighted-mean": one for each frame, above zero.
    scales
        What each frame is divided by, above zero; its variances are divided by the square.
    variances
        N planes like the stack, in its unit squared, not negative where one goes into the result.
    masks
        N planes like the stack, of integers of at most 32 bits, or of booleans: True is BAD.
    ignore
        Samples with any of these bits are left out.
    backend
        "cupy" (GPU), "cpu" (compiled), "numpy", or "auto": the first of these that works here. A GPU that has no room
        even for narrow bands is given up for the processor, with a warning.
    threads
        How many work at the same time; None: as many as there are processors to use. On a GPU: streams, two to eight,
        and three where most of what is combined is copied from where it is (:func:`calibrant.pixels.page_locked`).
    tile_bytes
        Working memory of a thread, in bytes, with "numpy" three times as many; of a stream eight times as many, at most
        32 MiB, here and on the GPU, and 64 MiB on the GPU where frames are copied from where they are.
    out
        Planes to fill, as an earlier call gave them: new memory costs as much as combining. They are overwritten
        by a call that ends with an error, too.

    Returns
    -------
    Combined
        Planes of the stack's shape, those of `out` where it is given.

    Raises
    ------
    ValueError
        When shapes, types or options make no sense, or no pixel has a good sample.
    calibrant.pixels.backends.BackendMissingError
        When the backend asked for does not work here.
    """
    if statistic not in STATISTICS:
        raise ValueError(f"statistic: {statistic!r}, must be one of {', '.join(STATISTICS)}")
    low, high = (sigma if bound is None else bound for bound in (sigma_low, sigma_high))
    planes = checked_stack("stack", stack, "iuf")
    raw: RawFrames | None = None
    if isinstance(stack, CorrectedFrames):
        if masks is not None or variances is not None:
            raise ValueError("masks, variances: a stack of corrected frames has its own; leave them out")
        raw, masks, variances = stack.raw, stack.masks, stack.variances
    plan = Plan(
        stack=planes,
        variances=_variances(variances, planes),
        masks=_masks(masks, planes),
        statistic=statistic,
        rule=ClipRule(center, spread, low, high, iterations, clip),
        reject_low=whole_number("reject_low", reject_low, least=0),
        reject_high=whole_number("reject_high", reject_high, least=0),
        scales=_factors("scales", scales, len(planes)),
        weights=_factors("weights", weights, len(planes)),
        ignore=np.uint32(whole_number("ignore", ignore, least=0, most=2**32 - 1)),
        threads=thread_count(threads),
        tile_bytes=whole_number("tile_bytes", tile_bytes, least=1),
        raw=raw,
    )
    _check_statistic(plan)
    result = Combined.unfilled(plan.shape) if out is None else _checked_out(out, plan.shape)
    chosen, lacking = carry_out(backend, plan, result)
    if variances is not None:
        _check_propagated(result)
    if lacking:
        _fill_empty(result, len(planes))
    return replace(result, backend=chosen)


def _beside(
    name: str, stack: Stack | None, planes: tuple[RowSource, ...], kinds: str
) -> tuple[RowSource, ...] | None:
    if stack is None:
        return None
    others = checked_stack(name, stack, kinds)
    if len(others) != len(planes) or others[0].shape != planes[0].shape:
        raise ValueError(
            f"{name}: {len(others)} planes of shape {others[0].shape}, but the stack has {len(planes)} of "
            f"{planes[0].shape}; give one for each frame"
        )
    return others


def _variances(stack: Stack | None, planes: tuple[RowSource, ...]) -> tuple[RowSource, ...] | None:
    others = _beside("variances", stack, planes, "iuf")
    if others is None or len(others) >= FEWEST_FOR_SCATTER:
        return others
    return tuple(Variances(index, plane) for index, plane in enumerate(others))


def _masks(stack: Stack | None, planes: tuple[RowSource, ...]) -> tuple[RowSource, ...] | None:
    others = _beside("masks", stack, planes, "biu")
    for index, plane in enumerate(others or ()):
        if plane.dtype.itemsize > MASK_DTYPE.itemsize:
            raise ValueError(f"masks[{index}]: type {plane.dtype}, must have at most 32 bits; convert it")
    return others


def _factors(name: str, factors: Sequence[float] | None, frames: int) -> NDArray[np.float64] | None:
    if factors is None:
        return None
    values = np.asarray(factors, dtype=np.float64)
    if values.shape != (frames,):
        raise ValueError(f"{name}: shape {values.shape}, but there are {frames} frames; give one for each")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        raise ValueError(f"{name}[{wrong[0]}]: {values[wrong[0]]:g}, must be a number above zero")
    return values


def _check_statistic(plan: Plan) -> None:
    if (plan.weights is None) == (plan.statistic == "weighted-mean"):
        raise ValueError(
            "weights: give one for each frame with statistic 'weighted-mean', and with no other; "
            f"the statistic is {plan.statistic!r}"
        )
    if plan.statistic == "minmax-mean" and plan.reject_low + plan.reject_high >= len(plan.stack):
        raise ValueError(
            f"reject_low {plan.reject_low} and reject_high {plan.reject_high} leave nothing of {len(plan.stack)} frames"
        )


def _checked_out(out: Combined, shape: tuple[int, int]) -> Combined:
    if not isinstance(out, Combined):
        raise ValueError(f"out: of type {type(out).__name__}, must be what an earlier call gave")  # noqa: TRY004
    for name, wanted in PLANES.items():
        plane = getattr(out, name)
        if plane.shape != shape or plane.dtype != wanted or not plane.flags.carray:
            raise ValueError(
                f"out: {name} is {plane.dtype} of shape {plane.shape}, must be contiguous {wanted} of {shape}"
            )
    return out


def _check_propagated(result: Combined) -> None:
    wrong = np.argwhere(result.variance < 0)
    if len(wrong):
        y, x = wrong[0]
        raise ValueError(f"variances: negative at row {y}, column {x}, of the one sample that is left there")


def _fill_empty(result: Combined, frames: int) -> None:
    """Put the median of all others into pixels without a good sample."""
    empty = result.count == 0
    if empty.all():
        ny, nx = empty.shape
        raise ValueError(
            f"stack: none of the {ny} x {nx} pixels has a good sample in {frames} frames; check their masks, and "
            "whether their values are finite"
        )
    others = result.data[~empty]
    middle = [(others.size - 1) // 2, others.size // 2]
    others.partition(middle)
    result.data[empty] = others[middle].mean(dtype=np.float64)
