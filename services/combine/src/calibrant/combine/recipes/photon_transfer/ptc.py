"""The photon transfer recipe: pairs of flats of equal exposure, measured and fitted by amplifier. Knows pixels only."""

from typing import Literal, Self

from pydantic import Field, model_validator

from calibrant.combine.recipes.base import BuiltTables, Recipe, RecipeInputs
from calibrant.combine.recipes.photon_transfer.flat_pairs import ROLES, measured_pairs
from calibrant.combine.recipes.photon_transfer.parameters import SpectrumParameters
from calibrant.combine.recipes.photon_transfer.transfer_tables import tables_of
from calibrant.pixels.photon_transfer import FitSettings, Model, curves, fit_curves
from calibrant.rules.classification import ImageType


class TransferParameters(SpectrumParameters):
    """The parameters of a photon transfer curve."""

    model: Literal["exponential", "full-covariance", "full-covariance-no-b", "polynomial"] = Field(
        default="exponential", description="Model of the curve."
    )
    degree: int = Field(default=2, ge=2, description="Degree of the polynomial; counts for that model only.")
    lags: int = Field(
        default=10, ge=0, description="Pixels apart at most for which covariances are measured. Unit: pixels."
    )
    outlier_sigma: float = Field(
        default=5.0,
        gt=0,
        description="How far off the curve a pair may lie. Unit: standard deviations.",
    )
    most_adu: float | None = Field(
        default=None, gt=0, description="Level above which no pair counts; null: none. Unit: ADU."
    )

    @model_validator(mode="after")
    def _covariances_measured(self) -> Self:
        if self.level_edges is not None and self.model.startswith("full"):
            raise ValueError(f"level_edges: bins have no covariances, which the model {self.model} needs")
        return self


def compute(inputs: RecipeInputs, parameters: TransferParameters) -> BuiltTables:
    """Measure the photon transfer curve of every amplifier.

    Parameters
    ----------
    inputs : RecipeInputs
        Flat frames, and bias and dark if there are.
    parameters : TransferParameters
        How.

    Returns
    -------
    BuiltTables
        See `transfer_tables`. What cannot be measured of an amplifier or a pair says why there; the others go on.

    Raises
    ------
    RecipeRefused
        No two flats are a pair, the pedestal stays in, a dark does not apply, or a frame does not fit the detector.
    """
    pairs = measured_pairs("ptc", inputs, parameters, parameters.lags)
    found = curves([pair.statistics for pair in pairs.measured])
    fits = fit_curves(found, _fit_settings(parameters))
    return BuiltTables(
        tables=tables_of(pairs.measured, found, fits, pairs.leftovers),
        backend="numpy",
        used=pairs.used,
    )


def _fit_settings(parameters: TransferParameters) -> FitSettings:
    return FitSettings(
        model=Model(parameters.model),
        degree=parameters.degree,
        sigma=parameters.outlier_sigma,
        most_adu=parameters.most_adu,
    )


PTC = Recipe(
    name="ptc",
    version="1",
    summary="Pairs of flats measured, and the photon transfer curve of every amplifier fitted.",
    image_type=ImageType.FLAT,
    roles=ROLES,
    parameters=TransferParameters,
    compute=compute,
)
