"""The bias stability recipe: levels, noise and shifts of biases from frame to frame, by amplifier. Knows pixels only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from numpy.typing import NDArray
from pydantic import Field

from calibrant.combine.recipes.analyses.bias_stability_tables import Overscans, tables_of
from calibrant.combine.recipes.analyses.shared import some_measured, with_raw
from calibrant.combine.recipes.base import BuiltTables, Recipe, RecipeInputs, roles_of
from calibrant.combine.recipes.correction import signature
from calibrant.combine.recipes.parameters import Parameters
from calibrant.pixels import Geometry, Image
from calibrant.pixels.analyses import Reason, Shift, amplifier_shifts, bias_stability, overscan_mean
from calibrant.rules.classification import ImageType

NS_PER_HOUR: Final = 3_600_000_000_000


class BiasStabilityParameters(Parameters):
    """The parameters of a bias stability."""

    level_sigma: float = Field(
        default=10.0,
        gt=0,
        description="Clip of pixels about their amplifier's level. Unit: standard deviations.",
    )
    corner: int = Field(
        default=200, ge=1, description="Side of the square at the readout corner. Unit: pixels."
    )
    shift_sigma: float = Field(
        default=5.0, gt=0, description="How large a shift is at least. Unit: standard deviations."
    )
    shift_window: int = Field(
        default=30, ge=2, description="Rows before and after a shift that are averaged. Unit: rows."
    )
    shift_skip_columns: int = Field(
        default=3, ge=0, description="Overscan columns that are left out, those read first. Unit: columns."
    )
    shift_skip_rows: int = Field(
        default=30, ge=0, description="First rows of the overscan that are left out. Unit: rows."
    )


def compute(inputs: RecipeInputs, parameters: BiasStabilityParameters) -> BuiltTables:
    """Follow the biases of a night.

    Parameters
    ----------
    inputs : RecipeInputs
        Bias frames.
    parameters : BiasStabilityParameters
        How.

    Returns
    -------
    BuiltTables
        See `bias_stability_tables`.

    Raises
    ------
    RecipeRefused
        No amplifier can be measured, or a frame does not fit the detector.
    """
    first_ns = min(one.begin_tai_ns for one in inputs.frames)
    hours = [(one.begin_tai_ns - first_ns) / NS_PER_HOUR for one in inputs.frames]
    overscans = Overscans(
        {one.name: [] for one in inputs.geometry.amplifiers},
        {one.name: [] for one in inputs.geometry.amplifiers},
    )
    series = bias_stability(
        _followed(hours, inputs, parameters, overscans),
        inputs.geometry,
        sigma=parameters.level_sigma,
        corner=parameters.corner,
    )
    some_measured("bias-stability", series)
    return BuiltTables(tables=tables_of(series, overscans, hours, parameters.unit), backend="numpy")


def _followed(
    hours: Sequence[float], inputs: RecipeInputs, parameters: BiasStabilityParameters, overscans: Overscans
) -> Iterator[tuple[float, Image]]:
    """Yield each frame's time and image, and note what its overscans say."""
    removed = signature(inputs, photon_noise=False)
    for hour, (raw, image) in zip(hours, with_raw(inputs.frames, inputs, removed), strict=True):
        for name, shifts in _shifts(raw, inputs.whole, parameters).items():
            overscans.shifts[name].append(shifts)
        for one in inputs.geometry.amplifiers:
            overscans.levels_adu[one.name].append(overscan_mean(raw, one, removed.overscan, removed.parallel))
        yield hour, image


def _shifts(
    raw: NDArray[Any], geometry: Geometry, parameters: BiasStabilityParameters
) -> Mapping[str, tuple[Shift, ...] | Reason]:
    return {
        one.name: amplifier_shifts(
            raw,
            one,
            skip=parameters.shift_skip_columns,
            window=parameters.shift_window,
            sigma=parameters.shift_sigma,
            skip_rows=parameters.shift_skip_rows,
        )
        for one in geometry.amplifiers
    }


BIAS_STABILITY = Recipe(
    name="bias-stability",
    version="1",
    summary="Levels, noise and shifts of biases from frame to frame.",
    image_type=ImageType.BIAS,
    roles=roles_of("defects"),
    parameters=BiasStabilityParameters,
    compute=compute,
)
