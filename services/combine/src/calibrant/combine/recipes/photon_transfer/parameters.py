"""What can be chosen of pairs of flats: how they are found and measured. Must not know what is made of them."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from calibrant.combine.recipes.parameters import Parameters, as_tuple


class PairParameters(Parameters):
    """The parameters of a recipe that measures pairs of flats."""

    pair_by: Literal["time", "id"] = Field(
        default="time",
        description="How flats are paired: each with the next one of its exposure time and filter, or one by one in "
        "the order they were taken.",
    )
    pair_tolerance_s: float = Field(
        default=0.005, ge=0, description="How far exposure times of a pair may be apart. Unit: s."
    )
    difference_sigma: float = Field(
        default=5.5,
        ge=2,
        description="Half width of the clip of a pair's difference. Unit: standard deviations.",
    )
    difference_rounds: int = Field(default=3, ge=0, description="Rounds of that clip. 0: nothing is clipped.")
    least_pixels: int = Field(
        default=10_000, ge=2, description="Fewest good pixels of an amplifier. Unit: pixels."
    )


class SpectrumParameters(PairParameters):
    """The parameters of a recipe whose flats may have many levels in one exposure, as those of a spectrograph."""

    level_edges: Annotated[tuple[float, ...], BeforeValidator(as_tuple)] | None = Field(
        default=None,
        min_length=2,
        description="Edges of bins of levels, ascending, for flats with many levels in one exposure: each bin of a pair "
        "is measured as a pair of its own, without covariances; null: flats are of one level. Unit: ADU.",
    )
    equalise_lines: bool = Field(
        default=True,
        description="With level_edges: whether each row and each column of one flat is brought to the light of the "
        "other's.",
    )

    @field_validator("level_edges")
    @classmethod
    def _ascend(cls, edges: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if edges is not None and any(low >= high for low, high in pairwise(edges)):
            raise ValueError("must ascend")
        return edges
