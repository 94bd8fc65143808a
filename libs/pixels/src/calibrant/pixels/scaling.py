"""What each frame is divided by before frames are combined: a rule, or a solution over amplifiers and exposures.

It owns the rules and the solution; it must not know headers, or how frames are combined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.corrected import CorrectedFrame
from calibrant.pixels.geometry import Box, Geometry
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.pixels.numbers import Numbers, gather_numbers
from calibrant.pixels.ordered import Ordered
from calibrant.pixels.rows import Stack, checked_stack
from calibrant.pixels.signature import Signature, Terms
from calibrant.pixels.statistics import clip
from calibrant.pixels.surveying import gather_good
from calibrant.pixels.threads import side_by_side, thread_count

Scaling = Literal["unity", "exposure-time", "dark-time", "mean-stats", "input-list"]

LevelStatistic = Literal["clipped-mean", "median", "mean"]

LEVEL_SIGMA: Final = 3.0
LEVEL_ITERATIONS: Final = 3

SOLUTION_ITERATIONS: Final = 10

Scales = tuple[float, ...]


@dataclass(frozen=True, eq=False, slots=True)
class FrameLevels:
    """Levels of N frames in K regions.

    Parameters
    ----------
    levels
        (N, K), of the good pixels, in the unit of the signature; NaN where there is none.
    counts
        (N, K), pixels that the level is of.
    names
        Of the regions.
    numbers
        What the frames were corrected with, their measured overscans among it: :func:`calibrant.pixels.combine_raw`
        takes it, and does not measure them again.
    """

    levels: NDArray[np.float64]
    counts: NDArray[np.intp]
    names: tuple[str, ...]
    numbers: Numbers | None = None


@dataclass(frozen=True, eq=False, slots=True)
class ExposureSolution:
    """Levels of N frames in K regions as a product: ``level[n, k] = exposures[n] * responses[k]``.

    Parameters
    ----------
    exposures
        (N,), what each frame is divided by, in the unit of the levels.
    responses
        (K,), their mean weighted by pixels is 1.
    """

    exposures: NDArray[np.float64]
    responses: NDArray[np.float64]


def frame_scales(
    rule: Scaling, count: int, values: Sequence[float | Scales] | None = None
) -> list[float | Scales]:
    """Give what each frame is divided by.

    Parameters
    ----------
    rule
        "unity": nothing changes. "exposure-time", "dark-time": the times in s. "mean-stats": levels, see
        :func:`frame_levels`. "input-list": what is given, see :func:`solve_exposures`.
    count
        Number of frames.
    values
        One for each frame, or one for each of its amplifiers; needed unless the rule is "unity".

    Returns
    -------
    list
        For :class:`calibrant.pixels.Terms`.

    Raises
    ------
    ValueError
        When the rule is unknown, or a value is missing or not above zero; the message names the frame.
    """
    if rule not in get_args(Scaling):
        raise ValueError(f"scaling: {rule!r}, must be one of {', '.join(get_args(Scaling))}")
    if rule == "unity":
        return [1.0] * count
    if values is None or len(values) != count:
        found = "none" if values is None else len(values)
        raise ValueError(f"scaling {rule!r}: {found} values for {count} frames; give one for each")
    for index, value in enumerate(values):
        numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
        if not (np.isfinite(numbers) & (numbers > 0)).all():
            raise ValueError(f"frame {index}: {rule} is {value}, must be above zero")
    return list(values)


def frame_levels(
    frames: Stack,
    geometry: Geometry,
    signature: Signature,
    terms: Sequence[Terms] | None = None,
    *,
    of: Literal["detector", "amplifier"] = "detector",
    statistic: LevelStatistic = "clipped-mean",
    exclude: Mask = UNUSABLE,
    threads: int | None = None,
) -> FrameLevels:
    """Measure the levels of corrected frames, each in one pass over its rows, several frames at once.

    Parameters
    ----------
    frames, geometry, signature, terms
        As for :func:`calibrant.pixels.combine_raw`.
    of
        One level for the whole frame, or one for each amplifier.
    statistic
        What a level is: the 3-sigma-clipped mean (3 iterations), the median or the mean of the good pixels.
    exclude
        Pixels with any of these bits do not count.
    threads
        How many frames are measured at the same time, each with its pixels in memory; None: as many as there are
        processors to use.

    Raises
    ------
    ValueError
        As of :func:`calibrant.pixels.combine_raw`.
    """
    sources = checked_stack("frames", frames, "iuf")
    if sources[0].shape != geometry.raw_shape:
        raise ValueError(f"frames: shape {sources[0].shape}, but the geometry says {geometry.raw_shape}")
    regions = {"detector": Box(0, geometry.shape[0], 0, geometry.shape[1])}
    if of == "amplifier":
        regions = {one.name: one.placed for one in geometry.amplifiers}
    if statistic not in get_args(LevelStatistic):
        raise ValueError(f"statistic: {statistic!r}, must be one of {', '.join(get_args(LevelStatistic))}")
    terms = terms or [Terms()] * len(sources)
    numbers = gather_numbers(sources, geometry, signature, terms, threads=threads)

    def measure(index: int) -> list[tuple[float, int]]:
        corrected = CorrectedFrame(index, sources[index], numbers, noise=False)
        return _levels(list(regions.values()), statistic, exclude, corrected)

    measured = side_by_side(measure, range(len(sources)), min(len(sources), thread_count(threads)))
    levels = np.array([[level for level, _ in one] for one in measured])
    counts = np.array([[count for _, count in one] for one in measured], dtype=np.intp)
    return FrameLevels(levels, counts, tuple(regions), numbers)


def _levels(
    boxes: list[Box], statistic: LevelStatistic, exclude: Mask, frame: CorrectedFrame
) -> list[tuple[float, int]]:
    """Give level and count of each box of a frame."""
    found = {box: _level(good, statistic) for box, good in gather_good(frame, boxes, exclude)}
    return [found[box] for box in boxes]


def _level(good: NDArray[Any], statistic: LevelStatistic) -> tuple[float, int]:
    ordered = Ordered(
        good
    )  # selecting three quartiles by np.partition takes twice as long as the compiled sort
    if statistic == "clipped-mean":
        clipped = clip(ordered, LEVEL_SIGMA, LEVEL_ITERATIONS)
        return clipped.mean, clipped.count
    level = ordered.pivot if statistic == "median" else ordered.moments(0, len(ordered))[0]
    return level, len(ordered)


def solve_exposures(measured: FrameLevels, iterations: int = SOLUTION_ITERATIONS) -> ExposureSolution:
    """Split levels into one number for each frame and one for each region.

    With the frames divided by `exposures`, what is combined keeps the structure between the regions, with a mean of
    1. The logarithms are fitted by alternating least squares, weighted by the pixels; the responses are divided by
    their weighted mean in each iteration.

    Parameters
    ----------
    measured
        Levels; a region of a frame with no pixel has no weight.
    iterations
        How often, one or more.

    Raises
    ------
    ValueError
        When a level is not above zero, or a frame or a region has none; the message names it.
    """
    weights = measured.counts.astype(np.float64)
    _check_levels(measured, weights)
    logs = np.log(np.where(weights > 0, measured.levels, 1.0))
    responses = np.ones(logs.shape[1])
    for _ in range(max(1, iterations)):
        exposures = np.average(logs - np.log(responses), axis=1, weights=weights)
        responses = np.exp(np.average(logs - exposures[:, None], axis=0, weights=weights))
        responses /= np.average(responses, weights=weights.sum(axis=0))
    return ExposureSolution(np.exp(np.average(logs - np.log(responses), axis=1, weights=weights)), responses)


def _check_levels(measured: FrameLevels, weights: NDArray[np.float64]) -> None:
    for frame, region in np.argwhere((weights > 0) & ~(measured.levels > 0)):
        raise ValueError(
            f"frame {frame}, {measured.names[region]}: level {measured.levels[frame, region]:g} is not above zero; "
            "is it a flat?"
        )
    for frame in np.flatnonzero(weights.sum(axis=1) == 0):
        raise ValueError(f"frame {frame}: no pixel gives a level: all are saturated or masked; leave it out")
    for region in np.flatnonzero(weights.sum(axis=0) == 0):
        raise ValueError(
            f"{measured.names[region]}: no pixel of any frame gives a level: all are saturated or masked; take flats "
            "of less light, or scale by mean-stats, the level of all amplifiers together"
        )
