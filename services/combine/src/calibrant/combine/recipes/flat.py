"""The flat recipe: evenly lit frames, bias and dark removed, relative to their level. Knows pixels only."""

import math
from typing import Final, Literal

import numpy as np
from pydantic import Field

from calibrant.combine.recipes.base import (
    Built,
    FrameInput,
    Parameters,
    Recipe,
    RecipeInputs,
    RecipeRefused,
    Role,
)
from calibrant.combine.recipes.correction import combined, signature
from calibrant.pixels import (
    UNUSABLE,
    Box,
    Combined,
    Signature,
    Terms,
    clipped_statistics,
    frame_statistics,
)
from calibrant.rules.classification import ImageType

_SIGMA: Final = 3.0
_ITERATIONS: Final = 3


class FlatParameters(Parameters):
    """The parameters of a flat."""

    normalise: Literal["each", "combined"] = Field(
        default="each",
        description="Divide each frame by its level before combining, or the combined frame by its level; the "
        "level is of the statistic that combines: median, mean or clipped mean (3 sigma, 3 iterations).",
    )


def compute(inputs: RecipeInputs, parameters: FlatParameters) -> Built:
    """Build a flat.

    Parameters
    ----------
    inputs : RecipeInputs
        Flat frames, and bias and dark if there are.
    parameters : FlatParameters
        How.

    Returns
    -------
    Built
        The relative response, without unit.

    Raises
    ------
    RecipeRefused
        A dark does not apply, or a level is not above zero.
    """
    bias, dark = inputs.calibrations.get("bias"), inputs.calibrations.get("dark")
    if dark is not None and not dark.per_second:
        bias = None  # the unscaled dark holds the bias's structure itself
    removed = signature(inputs, parameters, bias=bias, dark=dark)
    scales = [1.0] * len(inputs.frames)
    if parameters.normalise == "each":
        scales = [_level_of(frame, inputs, removed, parameters) for frame in inputs.frames]
    master = combined(inputs, parameters, removed, scales)
    if parameters.normalise == "combined":
        level = _level(master, parameters)
        master = _divided(master, level)
        scales = [level] * len(scales)
    return Built(
        master,
        "",
        scales=tuple(scales),
        normalisation=parameters.normalise,
        used=tuple(role for role, one in [("bias", bias), ("dark", dark)] if one is not None),
    )


def _level_of(
    frame: FrameInput, inputs: RecipeInputs, removed: Signature, parameters: FlatParameters
) -> float:
    """Return the level of one frame."""
    rows, columns = inputs.geometry.shape
    try:
        found = frame_statistics(
            frame.rows,
            inputs.geometry,
            removed,
            Terms(dark_time_s=frame.dark_time_s),
            regions={"image": Box(0, rows, 0, columns)},
            sigma=_SIGMA,
            iterations=_ITERATIONS,
        ).regions["image"]
    except ValueError as problem:
        raise RecipeRefused(f"{frame.name}: {problem}") from problem
    levels = {"mean": found.mean, "median": found.median, "clipped-mean": found.clipped_mean}
    return _above_zero(frame.name, levels[parameters.statistic])


def _level(master: Combined, parameters: FlatParameters) -> float:
    """Return the level of the combined frame."""
    good = master.data[((master.mask & np.uint32(UNUSABLE)) == 0) & np.isfinite(master.data)].astype(
        np.float64
    )
    if parameters.statistic == "clipped-mean":
        return _above_zero("the combined frame", clipped_statistics(good, _SIGMA, _ITERATIONS).mean)
    estimate = np.median if parameters.statistic == "median" else np.mean
    return _above_zero("the combined frame", float(estimate(good)) if good.size else math.nan)


def _above_zero(name: str, level: float) -> float:
    if not level > 0:
        raise RecipeRefused(f"{name}: level {level:g} is not above zero; is it a flat?")
    return level


def _divided(master: Combined, level: float) -> Combined:
    return Combined(
        (master.data / level).astype(np.float32),
        (master.variance / level**2).astype(np.float32),
        master.count,
        master.mask,
    )


FLAT = Recipe(
    name="flat",
    version="1",
    summary="Overscan, bias and dark removed, relative to the level, combined.",
    image_type=ImageType.FLAT,
    roles=(Role("bias", "bias"), Role("dark", "dark")),
    parameters=FlatParameters,
    compute=compute,
    by_filter=True,
)
