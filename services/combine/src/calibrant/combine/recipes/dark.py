"""The dark recipe: frames without light, per second of dark time where a bias is known. Knows pixels only."""

from typing import Final

from pydantic import Field

from calibrant.combine.recipes.base import Built, Calibration, Recipe, RecipeInputs, RecipeRefused, roles_of
from calibrant.combine.recipes.correction import combined, level_removed, signature
from calibrant.combine.recipes.parameters import Combination
from calibrant.frames.writing.product import Unit
from calibrant.pixels import CosmicRays
from calibrant.rules.association import TIME_TOLERANCE_S
from calibrant.rules.classification import ImageType

_PER_SECOND: Final[dict[str, Unit]] = {"electron": "electron/s", "adu": "adu/s"}
_WIDEST_GROWTH: Final = 50
"""So many rows at either end of a band are corrected beside it."""


class DarkParameters(Combination):
    """The parameters of a dark."""

    cosmic_rays: bool = Field(
        default=False,
        description="Whether cosmic rays are searched for in each frame and left out. Needs a bias or an overscan.",
    )
    cosmic_ray_sigma: float = Field(
        default=6.0,
        gt=0,
        description="How far a cosmic ray rises above its surroundings. Unit: standard deviations.",
    )
    cosmic_ray_grow: int = Field(
        default=2,
        ge=0,
        le=_WIDEST_GROWTH,
        description="How far around a cosmic ray pixels are left out, too. Unit: pixels.",
    )


def compute(inputs: RecipeInputs, parameters: DarkParameters) -> Built:
    """Build a dark.

    With a bias each frame is bias-subtracted and divided by its dark time. Without one a pedestal that does not
    grow with time stays in, so the result cannot be scaled: it is stored as it is and all dark times must agree.

    Parameters
    ----------
    inputs : RecipeInputs
        Dark frames, and a bias if there is one.
    parameters : DarkParameters
        How.

    Returns
    -------
    Built
        Per second of dark time with a bias, unscaled without.

    Raises
    ------
    RecipeRefused
        A frame has no dark time, there is no bias and the dark times differ, or cosmic rays are to be searched for
        on a pedestal.
    """
    bias = inputs.calibrations.get("bias")
    times_s = _dark_times_s(inputs, scalable=bias is not None)
    common_s = min(times_s) if max(times_s) - min(times_s) <= TIME_TOLERANCE_S else None
    scales = tuple(times_s) if bias is not None else (1.0,) * len(times_s)
    removed = signature(inputs, bias=bias, cosmic_rays=_cosmic_rays(inputs, parameters, bias))
    return Built(
        combined(inputs, parameters, removed, scales),
        _PER_SECOND[parameters.unit] if bias is not None else parameters.unit,
        scales,
        per_second=bias is not None,
        dark_time_s=common_s,
        used=() if bias is None else ("bias",),
    )


def _cosmic_rays(
    inputs: RecipeInputs, parameters: DarkParameters, bias: Calibration | None
) -> CosmicRays | None:
    if not parameters.cosmic_rays:
        return None
    if not level_removed(inputs, bias):
        raise RecipeRefused(
            "dark.cosmic_rays: the frames keep their pedestal, on which no ray stands out; give a bias, an overscan "
            "method where the camera has an overscan, or leave the search"
        )
    return CosmicRays(sigma=parameters.cosmic_ray_sigma, grow=parameters.cosmic_ray_grow)


def _dark_times_s(inputs: RecipeInputs, *, scalable: bool) -> list[float]:
    times_s = []
    for frame in inputs.frames:
        if frame.dark_time_s is None or (scalable and not frame.dark_time_s > 0):
            found = "no dark time" if frame.dark_time_s is None else f"a dark time of {frame.dark_time_s:g} s"
            raise RecipeRefused(f"{frame.name}: its header gives {found}; a dark needs one above zero")
        times_s.append(frame.dark_time_s)
    if not scalable and max(times_s) - min(times_s) > TIME_TOLERANCE_S:
        raise RecipeRefused(
            f"darks of {min(times_s):g} to {max(times_s):g} s cannot be combined without a bias: their level does "
            "not scale with time; give a bias, or darks of one dark time"
        )
    return times_s


DARK = Recipe(
    name="dark",
    version="1",
    summary="Overscan and bias removed, per second of dark time, combined; unscaled without a bias.",
    image_type=ImageType.DARK,
    roles=roles_of("bias", "crosstalk", "linearity", "defects"),
    parameters=DarkParameters,
    compute=compute,
)
