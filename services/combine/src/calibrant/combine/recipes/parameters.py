"""The parameters that recipes have in common: how frames are corrected, and how they are combined.

Owns their names, defaults, units and ranges. Must not know what a recipe does with them.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from calibrant.frames.correcting import Choices


def as_tuple(value: Any) -> Any:
    """Return what JSON calls a list as what does not change."""
    return tuple(value) if isinstance(value, list) else value


PerFrame = Annotated[tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(as_tuple)]
"""A number above zero for each frame, the earliest first."""

Statistic = Literal["clipped-mean", "median", "mean", "minmax-mean", "weighted-mean"]
"""How the samples of a pixel become one."""


class Parameters(Choices):
    """The parameters that every recipe has: how frames are corrected, in which unit, and how many it needs."""

    unit: Literal["electron", "adu"] = Field(
        default="electron",
        description="Unit that frames are worked on in: electron applies the gains, adu does not.",
    )
    min_inputs: int = Field(default=3, ge=1, description="Fewest frames to make it of.")


class Combination(Parameters):
    """The parameters of a recipe that combines its frames into one image: how."""

    statistic: Statistic = Field(
        default="clipped-mean", description="How the samples of a pixel are combined."
    )
    center: Literal["median", "mean"] = Field(
        default="median", description="Centre of the clip of a clipped mean."
    )
    spread: Literal["std", "mad"] = Field(
        default="std", description="Spread that sigma counts: standard deviation, or 1.4826 MAD."
    )
    sigma: float = Field(default=3.0, gt=0, description="Half width of the clip. Unit: spreads.")
    sigma_low: float | None = Field(
        default=None, gt=0, description="The clip's width below the centre; null: sigma. Unit: spreads."
    )
    sigma_high: float | None = Field(
        default=None, gt=0, description="The clip's width above the centre; null: sigma. Unit: spreads."
    )
    iterations: int | None = Field(
        default=3, ge=1, description="Rounds of clipping at most; null: to convergence."
    )
    clip: Literal["astropy", "cumulative"] = Field(
        default="astropy",
        description="Definition of the clip: astropy's, where the last bounds decide on all samples, or "
        "cumulative, where what is rejected stays rejected.",
    )
    reject_low: int = Field(
        default=1, ge=0, description="Lowest samples that a minmax-mean leaves out. Unit: frames."
    )
    reject_high: int = Field(
        default=1, ge=0, description="Highest samples that a minmax-mean leaves out. Unit: frames."
    )
    weights: PerFrame | None = Field(
        default=None,
        description="Weights of a weighted-mean: one for each frame, the earliest first; needed there only.",
    )

    @model_validator(mode="after")
    def _weights_where_needed(self) -> Self:
        if (self.weights is None) == (self.statistic == "weighted-mean"):
            raise ValueError(
                "weights: give one for each frame with statistic weighted-mean, and with no other; "
                f"the statistic is {self.statistic}"
            )
        return self
