"""Where and when a test was made. Knows no test."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from calibrant.rules.model import Frozen

Level = Literal["amplifier", "detector", "exposure"]

ALL_EXPOSURES: Final = "*"
"""In place of an exposure: the test was made once, with all exposures of the set; the gate counts it in each."""


class Scope(Frozen):
    """Where a test was made; amplifier inside detector inside exposure (or `ALL_EXPOSURES`)."""

    exposure_id: str
    detector: int | None = None
    amplifier: str | None = None
    begin_tai_ns: int | None = Field(
        default=None, description="start of the exposure, TAI ns; None: unknown. It chooses dated limits."
    )

    @property
    def level(self) -> Level:
        """The level that this scope is of."""
        return level_of(self.detector, self.amplifier)

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if self.amplifier is not None and self.detector is None:
            raise ValueError(f"amplifier {self.amplifier} of exposure {self.exposure_id} has no detector")
        return self


def level_of(detector: int | None, amplifier: str | None) -> Level:
    """Give the level of a place."""
    if amplifier is not None:
        return "amplifier"
    return "exposure" if detector is None else "detector"
