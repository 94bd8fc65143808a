"""The dark current recipe: a line through the levels of darks over their dark times, by amplifier. Knows pixels only."""

from collections.abc import Mapping

from pydantic import Field

from calibrant.combine.recipes.analyses.dark_current_tables import Measured, tables_of
from calibrant.combine.recipes.analyses.shared import images, some_measured
from calibrant.combine.recipes.analyses.telegraph import telegraph_of
from calibrant.combine.recipes.base import BuiltTables, Recipe, RecipeInputs, RecipeRefused, roles_of
from calibrant.combine.recipes.correction import signature
from calibrant.combine.recipes.parameters import Parameters
from calibrant.pixels.analyses import Reason, amplifier_glow, dark_ramp
from calibrant.rules.classification import ImageType


class DarkCurrentParameters(Parameters):
    """The parameters of a dark current."""

    ramp_sigma: float = Field(
        default=5.0,
        gt=0,
        description="Clip of pixels about their amplifier's level, and of frames about the line. Unit: standard "
        "deviations.",
    )
    glow_corner: int = Field(
        default=200, ge=1, description="Side of the square at the readout corner that may glow. Unit: pixels."
    )
    telegraph: bool = Field(
        default=True,
        description="Whether pixels that jump between two levels are searched for where eight darks have one time.",
    )
    telegraph_sigma: float = Field(
        default=6.0,
        gt=0,
        description="How far apart the levels of such a pixel are. Unit: standard deviations.",
    )
    telegraph_fewest: int = Field(
        default=3, ge=2, le=4, description="Fewest darks at either level. Unit: frames."
    )


def compute(inputs: RecipeInputs, parameters: DarkCurrentParameters) -> BuiltTables:
    """Measure dark currents.

    Parameters
    ----------
    inputs : RecipeInputs
        Dark frames of different dark times, and a bias if there is one: each amplifier and pixel has a constant of its
        own, but the bias's variance and mask count.
    parameters : DarkCurrentParameters
        How.

    Returns
    -------
    BuiltTables
        See `dark_current_tables`.

    Raises
    ------
    RecipeRefused
        A dark has no dark time, or no amplifier can be measured.
    """
    bias = inputs.calibrations.get("bias")
    removed = signature(inputs, bias=bias)
    times_s = [_dark_time(one.name, one.dark_time_s) for one in inputs.frames]
    ramp = dark_ramp(
        zip(times_s, images(inputs.frames, inputs, removed), strict=True),
        inputs.geometry,
        sigma=parameters.ramp_sigma,
    )
    some_measured("dark-current", ramp.amplifiers)
    found: Mapping[str, Measured | Reason] = {
        one.name: current
        if isinstance(current := ramp.amplifiers[one.name], Reason)
        else Measured(
            current,
            amplifier_glow(ramp.pixels, one, corner=parameters.glow_corner, sigma=parameters.ramp_sigma),
            ramp.pixels.error[one.placed.slices],
        )
        for one in inputs.geometry.amplifiers
    }
    jumping = (
        telegraph_of(inputs, removed, sigma=parameters.telegraph_sigma, fewest=parameters.telegraph_fewest)
        if parameters.telegraph
        else {}
    )
    return BuiltTables(
        tables=tables_of(found, ramp.levels, times_s, jumping, parameters.unit),
        backend="numpy",
        used=() if bias is None else ("bias",),
    )


def _dark_time(name: str, time_s: float | None) -> float:
    if time_s is None:
        raise RecipeRefused(f"{name}: its header gives no dark time; a dark current needs one")
    return time_s


DARK_CURRENT = Recipe(
    name="dark-current",
    version="1",
    summary="Levels of darks over their dark times: dark current, glow and telegraph pixels of every amplifier.",
    image_type=ImageType.DARK,
    roles=roles_of("bias", "crosstalk", "linearity", "defects"),
    parameters=DarkCurrentParameters,
    compute=compute,
)
