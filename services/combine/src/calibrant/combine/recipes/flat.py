"""The flat recipe: evenly lit frames, bias and dark removed, relative to their level. Knows arrays only."""

from typing import Literal

import numpy as np
from pydantic import Field

from calibrant.combine.recipes.base import (
    Built,
    Parameters,
    Recipe,
    RecipeInputs,
    RecipeRefused,
    Role,
)
from calibrant.combine.recipes.correction import combined, correct
from calibrant.pixels import UNUSABLE, Combined, Image, clipped_level
from calibrant.rules.classification import ImageType


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
    images = [correct(frame, inputs, parameters, bias=bias, dark=dark) for frame in inputs.frames]
    scales = [1.0] * len(images)
    if parameters.normalise == "each":
        levels = [_level(f.name, i, parameters) for f, i in zip(inputs.frames, images, strict=True)]
        images, scales = [_divided(i, s) for i, s in zip(images, levels, strict=True)], levels
    master = combined(images, parameters)
    if parameters.normalise == "combined":
        level = _level("the combined frame", Image(master.data, master.variance, master.mask), parameters)
        master = Combined(
            (master.data / level).astype(np.float32),
            (master.variance / level**2).astype(np.float32),
            master.count,
            master.mask,
        )
        scales = [level] * len(images)
    return Built(
        master,
        "",
        scales=tuple(scales),
        normalisation=parameters.normalise,
        used=tuple(role for role, one in [("bias", bias), ("dark", dark)] if one is not None),
    )


def _level(name: str, image: Image, parameters: FlatParameters) -> float:
    good = ((image.mask & np.uint32(UNUSABLE)) == 0) & np.isfinite(image.data)
    try:
        if parameters.statistic == "clipped-mean" or not good.any():
            return clipped_level(image.data, image.mask)
    except ValueError as problem:
        raise RecipeRefused(f"{name}: {problem}") from problem
    estimate = np.median if parameters.statistic == "median" else np.mean
    level = float(estimate(image.data[good].astype(np.float64)))
    if not level > 0:
        raise RecipeRefused(f"{name}: level {level:g} is not above zero; is it a flat?")
    return level


def _divided(image: Image, level: float) -> Image:
    return Image(
        (image.data / level).astype(np.float32),
        (image.variance / level**2).astype(np.float32),
        image.mask,
        image.overscan,
        image.unit,
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
