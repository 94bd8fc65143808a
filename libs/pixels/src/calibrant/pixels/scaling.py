"""What each frame is divided by before frames are combined: a rule, or a solution over amplifiers and exposures.

It owns the rules and the solution; it must not know headers, or how frames are combined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.corrected import CorrectedFrame
from calibrant.pixels.geometry import Box, Geometry
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.pixels.numbers import gather_numbers
from calibrant.pixels.ordered import Ordered
from calibrant.pixels.rows import Stack, checked_stack
from calibrant.pixels.signature import Signature, Terms
from calibrant.pixels.statistics import clip
from calibrant.pixels.surveying import gather_good

Scaling = Literal["unity", "exposure-time", "dark-time", "mean-stats", "input-list"]

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
        (N, K), 3-sigma-clipped means (3 iterations) of the good pixels, in the unit of the signature; NaN where there
        is none.
    counts
        (N, K), pixels within the clip.
    names
        Of the regions.
    """

    levels: NDArray[np.float64]
    counts: NDArray[np.intp]
    names: tuple[str, ...]


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
    exclude: Mask = UNUSABLE,
) -> FrameLevels:
    """Measure the levels of corrected frames, each in one pass over its rows.

    Parameters
    ----------
    frames, geometry, signature, terms
        As for :func:`calibrant.pixels.combine_raw`.
    of
        One level for the whole frame, or one for each amplifier.
    exclude
        Pixels with any of these bits do not count.

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
    numbers = gather_numbers(sources, geometry, signature, terms or [Terms()] * len(sources))
    levels, counts = np.empty((len(sources), len(regions))), np.zeros((len(sources), len(regions)), np.intp)
    for index, source in enumerate(sources):
        frame = CorrectedFrame(index, source, numbers, noise=False)
        good = dict(gather_good(frame, regions.values(), exclude))
        for column, box in enumerate(regions.values()):
            found = clip(Ordered(good[box]), LEVEL_SIGMA, LEVEL_ITERATIONS)
            levels[index, column], counts[index, column] = found.mean, found.count
    return FrameLevels(levels, counts, tuple(regions))


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
    for axis, what in ((1, [f"frame {index}" for index in range(len(weights))]), (0, list(measured.names))):
        empty = np.flatnonzero(weights.sum(axis=axis) == 0)
        if empty.size:
            raise ValueError(f"{what[empty[0]]}: no good pixel gives it a level; leave it out")
