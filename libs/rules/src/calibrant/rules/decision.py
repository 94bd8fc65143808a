"""What the gate decides, as data: the outcome, the detectors withheld, and every count and threshold behind it."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from calibrant.rules.model import Frozen
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.verification.scope import Level

__all__ = [
    "CellCount",
    "Decision",
    "DetectorCount",
    "GateCounts",
    "GateThresholds",
    "Outcome",
    "ProcessingError",
    "TypeCount",
]


class Outcome(StrEnum):
    """What becomes of a set's product."""

    CERTIFIED = "certified"  # every test that decides was passed
    CERTIFIED_WITH_FAILURES = "certified with failures"  # some failed, no majority; see what is withheld
    NOT_CERTIFIED = "not certified"  # nothing of the set is certified


class ProcessingError(Frozen):
    """An exposure, or one detector of it, that could not be measured at all."""

    exposure_id: str
    detector: int | None = Field(default=None, description="None: all of the exposure")
    reason: str


class CellCount(Frozen):
    """Tests of one type in one detector of one exposure (detector None: a test of the whole exposure)."""

    test: str
    level: Level
    exposure_id: str
    detector: int | None
    tests: int
    failed: int
    needed: int = Field(description="failed tests that make the detector fail in this exposure")
    fails: bool


class TypeCount(Frozen):
    """One type of test over all exposures."""

    test: str
    level: Level
    tests: int
    failed: int
    failed_exposures: tuple[str, ...] = Field(description="exposures in which a majority of detectors fail")
    exposures_needed: int = Field(description="failed exposures that refuse the set")
    fails: bool


class DetectorCount(Frozen):
    """One type of test in one detector over its exposures; only where it fails in some exposure."""

    test: str
    level: Level
    detector: int
    failed_exposures: tuple[str, ...]
    exposures_needed: int = Field(description="failed exposures that withhold the detector")
    withheld: bool


class GateCounts(Frozen):
    """Every number that led to a decision."""

    exposures: int
    detectors: int
    planned: Mapping[int, int] = Field(description="by detector, exposures in which it was to be verified")
    failed_tests_threshold: int = Field(
        description="failed tests that make a detector fail, where that many exist"
    )
    detectors_needed: int | None = Field(
        description="failing detectors that make an exposure with all of them fail; None: it never fails by them"
    )
    exposures_needed: int = Field(description="failing exposures that refuse the set")
    results: int
    passed: int
    failed: int
    not_applicable: int
    advisory: int
    advisory_failed: int
    unmeasured: tuple[tuple[str, int], ...] = Field(
        description="(exposure, detector) without a deciding result; they fail in every type of test"
    )
    cells: tuple[CellCount, ...] = Field(description="where at least one test failed")
    types: tuple[TypeCount, ...]
    by_detector: tuple[DetectorCount, ...]


class Decision(Frozen):
    """The gate's decision.

    Parameters
    ----------
    outcome : Outcome
        For the set.
    withheld : mapping of detector to reason
        Detectors that must not be certified: all of them when nothing is.
    reasons : tuple of str
        The outcome in words, first what decided.
    counts : GateCounts
        What led to it.
    thresholds : GateThresholds
        The gate's rule and the thresholds in force.
    """

    outcome: Outcome
    withheld: Mapping[int, str]
    reasons: tuple[str, ...]
    counts: GateCounts
    thresholds: GateThresholds
