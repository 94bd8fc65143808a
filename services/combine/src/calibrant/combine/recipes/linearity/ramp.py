"""From flats to the signals that a linearity is fitted to, and their range. Must not know curves, files or tables."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.correction import (
    bias_and_dark,
    check_level,
    corrected_frame,
    in_adu,
    named,
    signature,
)
from calibrant.combine.recipes.linearity.light import Lights
from calibrant.combine.recipes.linearity.parameters import LinearityParameters
from calibrant.frames.writing import ProductTables
from calibrant.pixels import UNUSABLE, Image, Mask, Signature, clipped_statistics
from calibrant.pixels.memory import level_bytes, threads_within
from calibrant.pixels.nonlinearity import FitRules, Ramp, Reason, flicker
from calibrant.pixels.threads import side_by_side

Values = NDArray[np.float64]

FRAME_BYTES: Final = 32
"""A pixel of a flat while it is corrected, row by row, and measured."""

MOST_SATURATED: Final = 1e-3
"""Part of an amplifier's pixels beyond which saturated ones pull its mean down."""

UNSATURATED: Final = 0.9
"""Part of the saturated raw value up to which signals are fitted, where nobody says."""


@dataclass(frozen=True, eq=False, slots=True)
class Signals:
    """What the flats gave, (amplifiers, exposures), in ADU; NaN where an amplifier could not be measured.

    Parameters
    ----------
    names : tuple of str
        The amplifiers.
    mean, error : ndarray
        Level above the electronic one, and its standard deviation by photons and read noise.
    saturated : ndarray
        Whether too many pixels are.
    """

    names: tuple[str, ...]
    mean: Values
    error: Values
    saturated: NDArray[np.bool_]

    @property
    def unsaturated(self) -> Values:
        """(amplifiers, exposures): the levels, NaN where too many pixels are saturated."""
        return np.where(self.saturated, np.nan, self.mean)


def measured_signals(inputs: RecipeInputs) -> Signals:
    """Correct every flat and measure its amplifiers.

    Raises
    ------
    RecipeRefused
        The pedestal stays in, or a frame does not fit the detector.
    """
    subtracted = bias_and_dark(inputs)
    check_level("linearity", inputs, subtracted)
    removed = signature(inputs, bias=subtracted.get("bias"), dark=subtracted.get("dark"))
    shape = inputs.geometry.raw_shape
    each = max(FRAME_BYTES * math.prod(shape), level_bytes(shape, removed))
    threads = threads_within(inputs.memory_bytes, each)
    found = side_by_side(partial(_levels, inputs=inputs, removed=removed), inputs.frames, threads)
    mean, error, saturated = np.array(found).transpose(2, 1, 0)
    names = tuple(one.name for one in inputs.geometry.amplifiers)
    return Signals(names, mean, error, saturated > MOST_SATURATED)


def _levels(frame: FrameInput, inputs: RecipeInputs, removed: Signature) -> list[tuple[float, float, float]]:
    """Return of each amplifier its level, the level's error, and the part of its pixels that is saturated."""
    try:
        image = in_adu(corrected_frame(frame, inputs.geometry, removed), inputs.geometry)
    except ValueError as problem:
        raise RecipeRefused(f"{frame.name}: {named(str(problem), inputs)}") from problem
    return [_level(image.cut(one.placed)) for one in inputs.geometry.amplifiers]


def _level(part: Image) -> tuple[float, float, float]:
    saturated = float(np.mean((part.mask & np.uint32(Mask.SATURATED)) != 0))
    good = ((part.mask & np.uint32(UNUSABLE)) == 0) & np.isfinite(part.data)
    clipped = clipped_statistics(part.data[good])
    if not clipped.count:
        return math.nan, math.nan, saturated
    variance = float(np.mean(part.variance[good], dtype=np.float64))
    return clipped.mean, math.sqrt(variance / clipped.count), saturated


def ramp_of(inputs: RecipeInputs, signals: Signals, lights: Lights, parameters: LinearityParameters) -> Ramp:
    """Join signals and lights; signals out of the range of their amplifier are none.

    Parameters
    ----------
    inputs : RecipeInputs
        Its geometry tells where amplifiers are saturated.
    signals, lights
        What was measured.
    parameters : LinearityParameters
        Range and scatter of the light.
    """
    top = np.array(tops_adu(inputs, parameters))[:, None]
    usable = ~signals.saturated & (signals.error > 0) & (signals.mean <= top)
    signal, error = (np.where(usable, one, np.nan) for one in (signals.mean, signals.error))
    ramp = Ramp(lights.light, signal, error, filters=lights.groups, brightness=lights.brightness)
    scatter = parameters.light_scatter
    if scatter is None:
        found = flicker(ramp, rules_of(parameters, lights))
        scatter = 0.0 if isinstance(found, Reason) else found
    return replace(ramp, light_error=scatter * np.where(np.isfinite(lights.light), lights.light, 0.0))


def tops_adu(inputs: RecipeInputs, parameters: LinearityParameters) -> list[float]:
    """Return up to which signal each amplifier is fitted, in ADU: what is asked for, else its turnoff, else its saturation."""
    amplifiers = inputs.geometry.amplifiers
    if parameters.highest_adu is not None:
        return [parameters.highest_adu] * len(amplifiers)
    turnoffs = _turnoffs_adu(inputs.tables.get("ptc"))
    saturated = [math.inf if one.saturation_adu is None else one.saturation_adu for one in amplifiers]
    both = zip(amplifiers, saturated, strict=True)
    return [turnoffs.get(one.name, UNSATURATED * saturation) for one, saturation in both]


def _turnoffs_adu(curve: ProductTables | None) -> dict[str, float]:
    """Return the turnoff of each amplifier that has one."""
    if curve is None:
        return {}
    table = curve.table("AMPLIFIERS")
    both = zip(table["AMPLIFIER"].tolist(), table["TURNOFF"].tolist(), strict=True)
    return {name: turnoff for name, turnoff in both if math.isfinite(turnoff)}


def rules_of(parameters: LinearityParameters, lights: Lights) -> FitRules:
    """Return how the fit is made."""
    return FitRules(
        lowest=parameters.lowest_adu,
        highest=math.inf if parameters.highest_adu is None else parameters.highest_adu,
        sigma=parameters.point_sigma,
        light_offset=parameters.fit_shutter and lights.source == "time",
    )
