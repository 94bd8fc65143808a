"""The limits in force, as data: the tests' own, and rules that replace them somewhere, from some time on.

Owns which limit applies at a place and an instant, and its version. Must not know measurements or verdicts.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from calibrant.rules.model import Frozen
from calibrant.rules.verification.scope import Scope

DEFAULT_VERSION = "default-1"
"""Version of the limits that the tests themselves have."""


class LimitRule(Frozen):
    """A limit that replaces a test's own; without a detector, an amplifier or times it holds for all of them."""

    test: str = Field(description="key of the test, kind.level.NAME")
    limit: float = Field(description="in the unit of the test")
    version: str = Field(min_length=1, description="kept with every verdict that it led to")
    detector: int | None = None
    amplifier: str | None = None
    begin_tai_ns: int | None = Field(default=None, description="first instant that it holds, TAI ns")
    end_tai_ns: int | None = Field(default=None, description="first instant that it does not hold, TAI ns")
    because: str = Field(default="", description="why it differs, for people")

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """What wins: the amplifier's own before the detector's, the detector's before all; then the latest begin."""
        begin = self.begin_tai_ns
        return self.amplifier is not None, self.detector is not None, begin is not None, begin or 0

    def holds(self, at: Scope) -> bool:
        """Tell whether it holds at a place and its instant; what has a time does not where that is unknown."""
        if self.detector not in (None, at.detector) or self.amplifier not in (None, at.amplifier):
            return False
        if self.begin_tai_ns is None and self.end_tai_ns is None:
            return True
        when = at.begin_tai_ns
        return (
            when is not None
            and (self.begin_tai_ns is None or self.begin_tai_ns <= when)
            and (self.end_tai_ns is None or when < self.end_tai_ns)
        )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        level = self.test.split(".")[1] if self.test.count(".") == 2 else ""
        if self.amplifier is not None and level in ("detector", "exposure"):
            raise ValueError(
                f"{self.test}: a test of one {level} has no amplifier; leave {self.amplifier!r} out"
            )
        if self.detector is not None and level == "exposure":
            raise ValueError(
                f"{self.test}: a test of one exposure has no detector; leave {self.detector} out"
            )
        begin, end = self.begin_tai_ns, self.end_tai_ns
        if begin is not None and end is not None and end <= begin:
            raise ValueError(f"{self.test}: version {self.version} ends before it begins; swap the two times")
        return self


class Limits(Frozen):
    """The limits in force.

    Parameters
    ----------
    version : str
        Of all of them together; kept with every report. A verdict keeps the version of its own limit.
    rules : tuple of LimitRule
        What differs from the tests' own limits. Of those that hold at a place and an instant the most specific
        wins, and of these the latest.

    Raises
    ------
    ValueError
        Two rules for the same test and place begin at the same time.
    """

    version: str = DEFAULT_VERSION
    rules: tuple[LimitRule, ...] = ()

    def of(self, key: str, default: float, at: Scope) -> tuple[float, str]:
        """Give the limit of a test, in its unit, and the version of that limit.

        Parameters
        ----------
        key : str
            Of the test.
        default : float
            The test's own limit.
        at : Scope
            Where, and when.
        """
        for rule in self._by_test.get(key, ()):
            if rule.holds(at):
                return rule.limit, rule.version
        return default, DEFAULT_VERSION

    @cached_property
    def _by_test(self) -> Mapping[str, tuple[LimitRule, ...]]:
        """The rules of each test, what wins first."""
        ordered = sorted(self.rules, key=lambda rule: rule.rank, reverse=True)
        return {key: tuple(r for r in ordered if r.test == key) for key in {r.test for r in self.rules}}

    @model_validator(mode="after")
    def _one_wins(self) -> Self:
        seen: dict[tuple[str, int | None, str | None, int | None], LimitRule] = {}
        for rule in self.rules:
            key = (rule.test, rule.detector, rule.amplifier, rule.begin_tai_ns)
            if key in seen:
                raise ValueError(
                    f"two limits of {rule.test} for the same place begin at the same time, versions "
                    f"{seen[key].version} and {rule.version}: give one of them another begin"
                )
            seen[key] = rule
        return self
