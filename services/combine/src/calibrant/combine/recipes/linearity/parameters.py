"""What can be chosen of a linearity: curve, light, lamp, shutter, range. Must not know how it is measured."""

from typing import Literal, Self

from pydantic import Field, model_validator

from calibrant.combine.recipes.parameters import Parameters


class LinearityParameters(Parameters):
    """The parameters of a linearity."""

    curve: Literal["polynomial", "spline", "double-spline", "lookup"] = Field(
        default="polynomial", description="What makes signals linear."
    )
    order: int = Field(default=3, ge=2, description="Highest power of the polynomial.")
    knots: int = Field(
        default=10,
        ge=4,
        description="Knots of a spline, at most: those without flux levels between are left out.",
    )
    table_of: Literal["polynomial", "spline"] = Field(
        default="spline", description="Curve that the entries of a lookup are taken from."
    )
    reference: str | None = Field(
        default=None,
        description="Amplifier that a double-spline compares the others with; null: the first one that has a fit.",
    )
    light: Literal["time", "monitor"] = Field(
        default="time",
        description="What is taken for the light: the exposure time, or what a photodiode or another monitor saw.",
    )
    readings: dict[str, float] | None = Field(
        default=None,
        description="Readings of the monitor by exposure id or file name; null: those of the headers. Unit: any.",
    )
    readings_are: Literal["charge", "rate"] = Field(
        default="charge",
        description="Readings are of the whole exposure, or of each second, and are multiplied by the exposure time.",
    )
    fall_back: bool = Field(
        default=False,
        description="Whether exposure times are taken where no amplifier has readings of enough exposures.",
    )
    light_scatter: float | None = Field(
        default=None,
        ge=0,
        description="Scatter of the light from exposure to exposure, relative; null: that of repeated exposures.",
    )
    fit_shutter: bool = Field(
        default=True,
        description="Whether the time that the shutter adds to each exposure is fitted, where times are the light.",
    )
    shutter_s: float = Field(
        default=0.0, description="What the shutter is known to add to each exposure time. Unit: s."
    )
    lamp: Literal["steady", "interpolated", "polynomial"] = Field(
        default="steady",
        description="How the lamp's brightness is followed between exposures of lamp_time_s; steady: it is not.",
    )
    lamp_time_s: float | None = Field(
        default=None, gt=0, description="Exposure time of those that follow the lamp. Unit: s."
    )
    lamp_filter: str | None = Field(default=None, description="Their filter; null: any.")
    lamp_degree: int = Field(default=2, ge=1, description="Degree of the lamp's polynomial in time.")
    lowest_adu: float = Field(
        default=30.0, ge=0, description="Signals that are fitted are above it. Unit: ADU."
    )
    highest_adu: float | None = Field(
        default=None,
        gt=0,
        description="And below it; null: below the turnoff of a ptc product, else nine tenths of the saturation. Unit: ADU.",
    )
    point_sigma: float = Field(
        default=5.0, gt=0, description="How far off the curve a point may lie. Unit: standard deviations."
    )

    @model_validator(mode="after")
    def _lamp_is_followed_by_something(self) -> Self:
        if (self.lamp == "steady") != (self.lamp_time_s is None):
            raise ValueError(
                "lamp_time_s: give the exposure time of those that follow the lamp with lamp interpolated or "
                f"polynomial, and with no other; lamp is {self.lamp}"
            )
        return self

    @model_validator(mode="after")
    def _range_ascends(self) -> Self:
        if self.highest_adu is not None and self.highest_adu <= self.lowest_adu:
            raise ValueError(
                f"highest_adu: {self.highest_adu:g} must be above lowest_adu, {self.lowest_adu:g}"
            )
        return self
