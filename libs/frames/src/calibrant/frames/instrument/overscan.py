"""Owns how an instrument file says that levels are taken from overscans; must not know where these lie."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from calibrant import pixels
from calibrant.frames.instrument.boxes import Section
from calibrant.pixels.overscan import OverscanMethod

ParallelMethod = Literal["none", "median", "clipped-mean", "median-per-column", "polynomial", "spline"]


class _Measured(BaseModel):
    """What serial and parallel overscan have in common.

    ``skip`` and ``trailing_skip`` are applied in the geometry: whoever reads an overscan, reads what is left of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    skip: int = Field(
        default=0,
        ge=0,
        description="Lines next to the image, read first, that are left out (deferred charge). Unit: pixels.",
    )
    trailing_skip: int = Field(
        default=0, ge=0, description="Lines at the far end, read last, that are left out. Unit: pixels."
    )
    degree: int = Field(default=3, ge=0, description="Degree of a polynomial.")
    knots: int = Field(default=8, ge=2, description="Points that a spline goes through.")

    def check(self, field: str, region: str, section: Section, amplifier: str, lines: str) -> None:
        """Make sure that something of a section is left by the skips.

        Parameters
        ----------
        field : str
            Name of this part of the instrument file, for messages.
        region : str
            Name of the section.
        section : Section
            What is measured.
        amplifier : str
            Whose it is.
        lines : {'columns', 'rows'}
            What is skipped of it.

        Raises
        ------
        ValueError
            Nothing is left; it names the field and the amplifier.
        """
        count = section.shape[lines == "columns"]
        if self.skip + self.trailing_skip < count:
            return
        given = {"skip": self.skip, "trailing_skip": self.trailing_skip}
        told = " and ".join(f"{field}.{name}: {value}" for name, value in given.items() if value)
        raise ValueError(
            f"{told} leaves nothing of {region} {section} of amplifier {amplifier}, which has {count} {lines}; give "
            f"less than {count}{' together' if all(given.values()) else ''}"
        )


class ParallelOverscan(_Measured):
    """How what the serial overscan left is taken from the rows of the parallel one, by columns."""

    method: ParallelMethod = Field(
        default="none",
        description="One level per region (median, clipped-mean), one per column (median-per-column), a curve along "
        "the columns (polynomial, spline), or none.",
    )

    def plain(self) -> pixels.Overscan:
        """Return it as the pixel engine has it, which calls a column a row here; the geometry has the skips."""
        method: OverscanMethod = "median-per-row" if self.method == "median-per-column" else self.method
        return pixels.Overscan(method, degree=self.degree, knots=self.knots)


class Overscan(_Measured):
    """How the electronic level is taken from the serial overscan, and from the parallel one after it.

    Skipped columns are those read first or last: right of an image the first are the leftmost, left of it the
    rightmost; the other way round with ``overscan_reversed``.
    """

    method: OverscanMethod = Field(
        default="none",
        description="One level per region (median, clipped-mean), one per row (median-per-row), a curve along the "
        "rows (polynomial, spline), or no overscan correction (none).",
    )
    parallel: ParallelOverscan = Field(
        default=ParallelOverscan(), description="How the parallel overscan is measured after the serial one."
    )

    def plain(self) -> pixels.Overscan:
        """Return how the serial overscan is measured, as the pixel engine has it; the geometry has the skips."""
        return pixels.Overscan(self.method, degree=self.degree, knots=self.knots)
