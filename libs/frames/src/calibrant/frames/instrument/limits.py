"""Owns what an instrument file says of verification's limits, in the words of people. Must not know the tests."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict, Field, field_validator

from calibrant.frames.times import begin_of_night, parse_time
from calibrant.rules.verification import LimitRule


class LimitEntry(BaseModel):
    """A limit that differs, with where and when it does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: float = Field(allow_inf_nan=False, description="The limit, in the unit of the test.")
    detector: int | None = Field(default=None, description="Only this detector; omitted: all.")
    amplifier: str | None = Field(default=None, description="Only amplifiers of this name; omitted: all.")
    valid_from: str | int | None = Field(
        default=None,
        description="First night (20260101) or time (2026-01-01T12:00:00, UTC unless it ends in TAI).",
    )
    valid_to: str | int | None = Field(
        default=None, description="First night or time for which it does not hold any more."
    )
    version: str = Field(default="", description="Omitted: name and version of the description.")
    because: str = Field(default="", description="Why it differs.")

    @field_validator("valid_from", "valid_to")
    @classmethod
    def _is_a_time(cls, text: str | int | None) -> str | int | None:
        _tai_ns(text)
        return text

    def rule(self, test: str, version: str) -> LimitRule:
        """Return it as a rule about a test; ``version`` is taken where it has none of its own."""
        return LimitRule(
            test=test,
            limit=self.limit,
            version=self.version or version,
            detector=self.detector,
            amplifier=self.amplifier,
            begin_tai_ns=_tai_ns(self.valid_from),
            end_tai_ns=_tai_ns(self.valid_to),
            because=self.because,
        )


def limit_rules(told: Mapping[str, float | tuple[LimitEntry, ...]], version: str) -> Iterator[LimitRule]:
    """Yield the rules that a description has by test: a number for all places and times, or entries.

    Raises
    ------
    ValueError
        A rule contradicts itself; the text names the test.
    """
    for test, entries in told.items():
        for entry in entries if isinstance(entries, tuple) else (LimitEntry(limit=entries),):
            yield entry.rule(test, version)


def _tai_ns(text: str | int | None) -> int | None:
    if text is None:
        return None
    words = str(text)
    return begin_of_night(words) if words.isdigit() else parse_time(words)
