"""The flat recipe: evenly lit frames, bias and dark removed, relative to their level. Knows pixels only."""

import math
from dataclasses import replace
from typing import Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from calibrant.combine.recipes.base import Built, FrameInput, Recipe, RecipeInputs, RecipeRefused, roles_of
from calibrant.combine.recipes.correction import bias_and_dark, combined, named, per_frame, signature
from calibrant.combine.recipes.parameters import Combination, PerFrame
from calibrant.pixels import (
    UNUSABLE,
    Combined,
    FrameLevels,
    Geometry,
    Signature,
    clipped_statistics,
    frame_levels,
    solve_exposures,
)
from calibrant.pixels.memory import level_bytes, threads_within
from calibrant.rules.classification import ImageType

_SIGMA: Final = 3.0
_ITERATIONS: Final = 3

Scaling = Literal["unity", "exposure-time", "mean-stats", "input-list", "solution"]


class FlatParameters(Combination):
    """The parameters of a flat."""

    normalise: Literal["each", "combined"] = Field(
        default="each",
        description="Divide each frame by its level before combining, or the combined frame by its level; the "
        "level is of the statistic that combines: median, mean or clipped mean (3 sigma, 3 iterations).",
    )
    scaling: Scaling | None = Field(
        default=None,
        description="What each frame is divided by before combining: unity, exposure-time, mean-stats (its level), "
        "input-list (scales) or solution (of amplifiers and exposures); null: mean-stats with normalise each, "
        "unity with combined.",
    )
    scales: PerFrame | None = Field(
        default=None,
        description="Scales of the input-list: one for each frame, the earliest first; needed there only. "
        "Unit: that of the product's unit parameter.",
    )

    @model_validator(mode="after")
    def _scaling_makes_sense(self) -> Self:
        if (self.scales is None) == (self.scaling == "input-list"):
            raise ValueError(
                "scales: give one for each frame with scaling input-list, and with no other; "
                f"the scaling is {self.rule}"
            )
        if self.normalise == "each" and self.rule in {"unity", "exposure-time"}:
            raise ValueError(
                f"scaling: {self.rule} leaves a flat at its level; set normalise to combined with it"
            )
        return self

    @property
    def rule(self) -> Scaling:
        """The scaling in force."""
        return self.scaling or ("mean-stats" if self.normalise == "each" else "unity")


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
        A dark does not apply, an exposure time is missing, or a level is not above zero.
    """
    subtracted = bias_and_dark(inputs)
    removed = signature(inputs, bias=subtracted.get("bias"), dark=subtracted.get("dark"))
    scales, measured = _scales(inputs, removed, parameters)
    master = combined(inputs, parameters, removed, scales, measured)
    if parameters.normalise == "combined":
        level = _level(master, parameters, inputs.geometry)
        master = _divided(master, level)
        scales = [scale * level for scale in scales]
    return Built(
        master,
        "",
        scales=tuple(scales),
        normalisation=parameters.normalise,
        used=tuple(subtracted),
    )


def _scales(
    inputs: RecipeInputs, removed: Signature, parameters: FlatParameters
) -> tuple[list[float], FrameLevels | None]:
    """Return what each frame is divided by, and the levels where they were measured for it."""
    rule = parameters.rule
    if rule == "input-list":
        return list(per_frame("scales", parameters.scales, inputs) or ()), None
    if rule == "exposure-time":
        return [_exposure_time_s(frame) for frame in inputs.frames], None
    if rule == "unity":
        return [1.0] * len(inputs.frames), None
    try:
        measured = frame_levels(
            [frame.rows for frame in inputs.frames],
            inputs.geometry,
            removed,
            [frame.terms() for frame in inputs.frames],
            of="amplifier" if rule == "solution" else "detector",
            statistic=_statistic(parameters),
            threads=threads_within(inputs.memory_bytes, level_bytes(inputs.geometry.raw_shape, removed)),
        )
        if rule == "solution":
            return solve_exposures(measured).exposures.tolist(), measured
    except ValueError as problem:
        raise RecipeRefused(named(str(problem), inputs)) from problem
    levels = measured.levels[:, 0].tolist()
    named_levels = zip(inputs.frames, levels, strict=True)
    return [_above_zero(one.name, level, inputs.geometry) for one, level in named_levels], measured


def _exposure_time_s(frame: FrameInput) -> float:
    if frame.exptime_s is None or not frame.exptime_s > 0:
        found = (
            "no exposure time" if frame.exptime_s is None else f"an exposure time of {frame.exptime_s:g} s"
        )
        raise RecipeRefused(f"{frame.name}: its header gives {found}; choose another scaling")
    return frame.exptime_s


def _statistic(parameters: FlatParameters) -> Literal["clipped-mean", "median", "mean"]:
    """Return the statistic of levels: that which combines, where it is one of many pixels."""
    if parameters.statistic in ("median", "mean"):
        return parameters.statistic
    return "clipped-mean"


def _level(master: Combined, parameters: FlatParameters, geometry: Geometry) -> float:
    """Return the level of the combined frame."""
    good = master.data[((master.mask & np.uint32(UNUSABLE)) == 0) & np.isfinite(master.data)].astype(
        np.float64
    )
    statistic = _statistic(parameters)
    if statistic == "clipped-mean":
        level = clipped_statistics(good, _SIGMA, _ITERATIONS).mean
    else:
        estimate = np.median if statistic == "median" else np.mean
        level = float(estimate(good)) if good.size else math.nan
    return _above_zero("the combined frame", level, geometry)


def _above_zero(name: str, level: float, geometry: Geometry) -> float:
    if math.isnan(level):
        every = ", ".join(one.name for one in geometry.amplifiers)
        raise RecipeRefused(
            f"{name}: no pixel gives a level, in none of its amplifiers ({every}): all are saturated or masked; take it "
            "again with less light, or leave it out"
        )
    if not level > 0:
        raise RecipeRefused(f"{name}: level {level:g} is not above zero; is it a flat?")
    return level


def _divided(master: Combined, level: float) -> Combined:
    return replace(
        master,
        data=(master.data / level).astype(np.float32),
        variance=(master.variance / level**2).astype(np.float32),
    )


FLAT = Recipe(
    name="flat",
    version="1",
    summary="Overscan, bias and dark removed, relative to the level, combined.",
    image_type=ImageType.FLAT,
    roles=roles_of("bias", "dark", "crosstalk", "linearity", "defects", "cti", "gain", "ptc", "bfk"),
    parameters=FlatParameters,
    compute=compute,
    by_filter=True,
)
