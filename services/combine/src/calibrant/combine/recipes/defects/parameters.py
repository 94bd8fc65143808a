"""What can be chosen of a mask of defects: images, thresholds, columns, edges. Must not know how it is made."""

from typing import Literal

from pydantic import Field

from calibrant.combine.recipes.parameters import Combination, Statistic
from calibrant.pixels.defects import FRACTION, Cosmetic, ImageKind, Search, Sigmas, Thresholds, Values


class DefectsParameters(Combination):
    """The parameters of a mask of defects."""

    statistic: Statistic = Field(
        default="median",
        description="How the samples of a pixel are combined: the median of few frames has no cosmic ray in it, which "
        "would be a hot pixel.",
    )
    search: Literal["combined", "frames"] = Field(
        default="combined",
        description="Search the combined dark and the combined flat, or every frame, where the frames of a type vote.",
    )
    thresholds: Literal["stdev", "value", "cosmetic"] = Field(
        default="stdev",
        description="Rule: standard deviations from the amplifier's level, fixed values, or vison's cosmetic limits.",
    )
    bright_sigma: float = Field(
        default=4.8, gt=0, description="Bright pixels, with stdev. Unit: standard deviations above the level."
    )
    cold_sigma: float = Field(
        default=5.0,
        gt=0,
        description="Cold pixels of flats, with stdev. Unit: standard deviations below the level.",
    )
    dark_e_per_s: float = Field(
        default=5.0, gt=0, description="Hot pixels of darks, with value, are above it. Unit: electron/s."
    )
    bias_adu: float = Field(
        default=1000.0,
        gt=0,
        description="Hot pixels of biases, with any rule, are so far above the amplifier's level. Unit: ADU.",
    )
    flat_fraction: float = Field(
        default=0.8,
        gt=0,
        description="Cold pixels of flats, with value, are below this part of the amplifier's level.",
    )
    cell: int = Field(
        default=32,
        ge=0,
        description="Side of the cells of the smooth surface that flats are divided by first; 0: none. Unit: pixels.",
    )
    border: int = Field(
        default=0, ge=0, description="Edges of the detector that are not searched. Unit: pixels."
    )
    edge: int = Field(
        default=0, ge=0, description="Edges of the detector that are defects themselves. Unit: pixels."
    )
    fraction: float = Field(
        default=FRACTION,
        gt=0,
        le=1,
        description="Part of the frames of a type in which a pixel has to be a defect, with search frames.",
    )
    blinking: int = Field(
        default=50, ge=1, description="Defects from which a column of an amplifier blinks. Unit: pixels."
    )
    gap: int = Field(
        default=30,
        ge=1,
        description="Shorter runs of good pixels are filled in a column that blinks. Unit: pixels.",
    )
    whole: int | None = Field(
        default=None,
        ge=1,
        description="Defects from which a whole column of an amplifier is bad; null: never. Unit: pixels.",
    )
    saturated_columns: int = Field(
        default=0,
        ge=0,
        description="Columns on either side of saturated pixels that are defects with them; 0: neither "
        "are. Unit: pixels.",
    )
    vampires: bool = Field(
        default=True, description="Whether dark cores with a bright rim are searched for in flats."
    )

    @property
    def rule(self) -> Thresholds:
        """The thresholds in force."""
        if self.thresholds == "stdev":
            return Sigmas(self.bright_sigma, self.cold_sigma)
        if self.thresholds == "value":
            return Values(dark_e_per_s=self.dark_e_per_s, flat_fraction=self.flat_fraction)
        return Cosmetic()

    def how_of(self, kind: ImageKind) -> Search:
        """Return how an image is searched: biases by a fixed value, which is all that they are searched by."""
        rule = Values(bias_adu=self.bias_adu) if kind == "bias" else self.rule
        return Search(rule, self.border, 0 if self.cell == 1 else self.cell)
