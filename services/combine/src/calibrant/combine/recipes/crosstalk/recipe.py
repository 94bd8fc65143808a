"""The crosstalk recipe: what amplifiers show of each other, from frames of spots or stars. Knows pixels only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pydantic import Field

from calibrant.combine.recipes.base import BuiltTables, FrameInput, Recipe, RecipeInputs, RecipeRefused, Role
from calibrant.combine.recipes.correction import bias_and_dark, check_level, corrected_frame, named, signature
from calibrant.combine.recipes.crosstalk.others import gains_beside, planes_beside
from calibrant.combine.recipes.crosstalk.tables import tables_of
from calibrant.combine.recipes.parameters import Parameters
from calibrant.pixels import Signature, Step
from calibrant.pixels.crosstalk import (
    Crosstalk,
    CrosstalkFit,
    CrosstalkMatrix,
    ReadoutPlane,
    Reason,
    combine_crosstalk,
    measure_crosstalk,
    readout_planes,
)
from calibrant.rules.classification import ImageType


class CrosstalkParameters(Parameters):
    """The parameters of a crosstalk matrix."""

    bright: float = Field(
        default=10_000.0,
        gt=0,
        description="Signal above an amplifier's level from which its pixels are used. Unit: that of unit.",
    )
    terms: int = Field(
        default=1,
        ge=1,
        le=2,
        description="1: what leaks is proportional to the signal; 2: its square leaks too.",
    )
    largest: float = Field(
        default=0.01, gt=0, description="Most that may leak of a signal; more is light of the victim's own."
    )
    grow: int = Field(
        default=8, ge=0, le=200, description="How far around such light pixels are left out. Unit: pixels."
    )
    degree: int = Field(
        default=1, ge=0, le=4, description="Degree of the surface that is an amplifier's level."
    )
    fewest: int = Field(default=30, ge=3, description="Fewest bright pixels of a source. Unit: pixels.")
    most_pixels: int = Field(
        default=100_000,
        ge=1,
        description="Bright pixels of all sources of a frame that are used at most, evenly chosen; 200 of each at least. "
        "Unit: pixels.",
    )
    outlier_sigma: float = Field(
        default=5.0, gt=0, description="How far off the fit a pixel may lie. Unit: standard deviations."
    )
    rounds: int = Field(default=5, ge=1, description="Rounds of the fit and its clip at most.")
    exposure_sigma: float = Field(
        default=5.0,
        gt=0,
        description="How far off the median of all an exposure may lie. Unit: standard deviations.",
    )
    significance: float = Field(
        default=5.0,
        gt=0,
        description="Errors from zero beyond which a coefficient is taken out of frames. Unit: standard deviations.",
    )

    @property
    def fit(self) -> CrosstalkFit:
        """How one exposure is fitted."""
        return CrosstalkFit(
            bright=self.bright,
            terms=self.terms,
            largest=self.largest,
            grow=self.grow,
            sigma=self.outlier_sigma,
            iterations=self.rounds,
            fewest=self.fewest,
            degree=self.degree,
            most=self.most_pixels,
        )


def compute(inputs: RecipeInputs, parameters: CrosstalkParameters) -> BuiltTables:
    """Measure what each amplifier shows of all others, and again in the frames with that taken out.

    Parameters
    ----------
    inputs : RecipeInputs
        Frames of spots or stars, those of other detectors of the same exposures, and a bias if there is one.
    parameters : CrosstalkParameters
        How.

    Returns
    -------
    BuiltTables
        See `tables`. What cannot be measured of two amplifiers says why there; the others go on.

    Raises
    ------
    RecipeRefused
        The detector has one amplifier, the pedestal stays in, a frame does not fit the detector, or nothing can be
        measured.
    """
    subtracted = bias_and_dark(inputs)
    if len(inputs.geometry.amplifiers) < 2:
        raise RecipeRefused("crosstalk: the detector has one amplifier, and no other that it could show")
    check_level("crosstalk", inputs, subtracted, frames="frames", signal="signal")
    removed = signature(inputs, bias=subtracted.get("bias"), dark=subtracted.get("dark"))
    exposures = [
        _measured(frame, inputs, removed, parameters, planes_beside(frame, inputs)) for frame in inputs.frames
    ]
    matrix = combine_crosstalk(exposures, sigma=parameters.exposure_sigma)
    if not matrix.measured.any():
        raise RecipeRefused(
            f"crosstalk: nothing can be measured: {_first_reason(matrix)}; see docs/crosstalk.md"
        )
    rest = _rest(inputs, removed, parameters, matrix)
    return BuiltTables(
        tables=tables_of(matrix, rest, exposures, parameters.significance, gains_beside(inputs)),
        backend="numpy",
        used=tuple(subtracted),
    )


def _measured(
    frame: FrameInput,
    inputs: RecipeInputs,
    removed: Signature,
    parameters: CrosstalkParameters,
    others: Mapping[str, ReadoutPlane],
) -> CrosstalkMatrix:
    """Correct and measure one frame, with what other detectors read at the same time."""
    try:
        planes = readout_planes(corrected_frame(frame, inputs.geometry, removed), inputs.geometry)
    except ValueError as problem:
        raise RecipeRefused(f"{frame.name}: {named(str(problem), inputs)}") from problem
    return measure_crosstalk(planes, {**planes, **others}, fit=parameters.fit, unit=parameters.unit)


def _rest(
    inputs: RecipeInputs, removed: Signature, parameters: CrosstalkParameters, matrix: CrosstalkMatrix
) -> CrosstalkMatrix:
    """Measure what is left in the frames with the matrix taken out: of the square of the signal, too."""
    barrier = Crosstalk.of(matrix.filtered(parameters.significance), inputs.geometry)
    without = replace(removed, barriers={**removed.barriers, Step.CROSSTALK: barrier})
    squared = parameters.model_copy(update={"terms": 2})
    exposures = []
    for frame in inputs.frames:
        others = planes_beside(frame, inputs)
        heard = replace(frame, others=partial(_at_once, others))
        exposures.append(_measured(heard, inputs, without, squared, others))
    return combine_crosstalk(exposures, sigma=parameters.exposure_sigma)


def _at_once(others: Mapping[str, ReadoutPlane]) -> tuple[Mapping[str, ReadoutPlane]]:
    """Return planes that are in memory as what a frame's others are: all of them in one piece."""
    return (others,)


def _first_reason(matrix: CrosstalkMatrix) -> Reason:
    return next(reason for reason in _told(matrix.reasons) if reason is not Reason.SAME_AMPLIFIER)


def _told(reasons: Sequence[Sequence[Reason]]) -> Iterable[Reason]:
    return (reason for row in reasons for reason in row)


CROSSTALK = Recipe(
    name="crosstalk",
    version="1",
    summary="What amplifiers show of the signals of others, from frames of spots or stars.",
    image_type=ImageType.SPOT,
    beside=(ImageType.SCIENCE,),
    roles=(Role("bias", "bias"),),
    parameters=CrosstalkParameters,
    compute=compute,
    without=("crosstalk", "linearity"),  # crosstalk is taken out of frames before they are made linear
    between_detectors=True,
)
