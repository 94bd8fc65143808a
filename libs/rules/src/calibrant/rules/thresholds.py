"""The gate's rule and thresholds, as data, and the counts that they ask for. Counts nothing itself."""

import difflib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from calibrant.rules.model import Frozen

GateRule = Literal["majority", "any"]

HALF: Final = 0.5


class GateThresholds(Frozen):
    """Rule and thresholds of the gate.

    Parameters
    ----------
    rule : {"majority", "any"}
        ``majority``: the procedure's words, with the fractions below. ``any``: one failed test withholds its
        detector, one failed test of an exposure refuses the set; the other thresholds do not matter.
    failed_tests : int
        Failed tests of one type that make a detector fail in an exposure, where that many exist.
    tests_fraction : float
        Where fewer exist: it fails when more than this fraction of them fail.
    detectors_fraction : float
        An exposure fails when more than this fraction of its detectors fail.
    exposures_fraction : float
        A set is refused, a detector withheld, when it fails in more than this fraction of the exposures.
    version : str
        Kept with every report.
    """

    rule: GateRule = "majority"
    failed_tests: int = Field(default=8, ge=1)
    tests_fraction: float = Field(default=HALF, ge=0, lt=1)
    detectors_fraction: float = Field(default=HALF, ge=0, lt=1)
    exposures_fraction: float = Field(default=HALF, ge=0, lt=1)
    version: str = "default-1"

    def replaced(self, values: Mapping[str, Any]) -> "GateThresholds":
        """Give thresholds with some fields replaced.

        Raises
        ------
        ValueError
            There is no such field (the text names the nearest), or a value is out of its range.
        """
        for name in values:
            if name not in type(self).model_fields:
                near = difflib.get_close_matches(name, type(self).model_fields, n=1)
                hint = (
                    f"do you mean {near[0]!r}?" if near else f"there are {', '.join(type(self).model_fields)}"
                )
                raise ValueError(f"the gate has no {name!r}; {hint}")
        try:
            return type(self).model_validate(self.model_dump() | dict(values), strict=True)
        except ValidationError as problem:
            first = problem.errors()[0]
            raise ValueError(f"the gate's {first['loc'][0]}: {first['input']!r}: {first['msg']}") from None

    def tests_needed(self, tests: int) -> int:
        """Give the failed tests that make a detector fail, of so many that exist of one type."""
        if self.rule == "any":
            return 1
        return self.failed_tests if tests >= self.failed_tests else more_than(self.tests_fraction, tests)

    def detectors_needed(self, detectors: int) -> int | None:
        """Give the failing detectors that make an exposure fail; None: detectors never do."""
        return None if self.rule == "any" else more_than(self.detectors_fraction, detectors)

    def exposures_needed(self, exposures: int) -> int:
        """Give the failing exposures that refuse a set or withhold a detector."""
        return 1 if self.rule == "any" else more_than(self.exposures_fraction, exposures)


def more_than(fraction: float, count: int) -> int:
    """Give the smallest whole number that is more than a fraction, as it is written, of a count."""
    return Fraction(repr(fraction)) * count // 1 + 1
