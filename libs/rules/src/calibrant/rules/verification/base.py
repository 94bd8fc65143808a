"""The form of a verification test and of its result; knows no test, no frame and no store.

A test is an object: a name, a level, a limit and a pure function that judges measurements. Measurements are
plain numbers by name, in the unit of the verified frame (see ``verification/__init__`` for the names).

Missing is never a pass. A quantity that every frame has (``required``) and that is absent, None or NaN is a
FAIL. A quantity that may not exist (``optional``: no overscan, no cosmic-ray repair, one amplifier) is NOT
APPLICABLE when absent or None, with the test's reason, and a FAIL when it is NaN: it was tried and failed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, model_validator

from calibrant.rules.model import Frozen
from calibrant.rules.verification.limits import Limits
from calibrant.rules.verification.scope import Level, Scope, level_of

Measurements = Mapping[str, float | None]

NEVER_NEGATIVE = frozenset(
    {
        "NOISE",
        "CR_NOISE",
        "READ_NOISE",
        "NOMINAL_READ_NOISE",
        "OVERSCAN_NOISE",
        "NOISE_RATIO",
        "SCATTER",
        "SPLIT_NOISE",
        "SPLIT_EXPECTED",
        "PROCESSING_ERRORS",
    }
)
"""Standard deviations and counts, as all ``_ERROR`` are: a negative one is a fault of the measurement, and so a FAIL."""

TOLD = 3.0
"""Standard errors that a deviation must be larger than to mean something."""


class Verdict(StrEnum):
    """The answer of one test."""

    PASS = "pass"  # noqa: S105 - measured, and within the limit
    FAIL = "fail"  # measured and beyond the limit, or should have been measurable and was not
    NOT_APPLICABLE = "not_applicable"  # the question cannot be asked of this frame; the reason is given


class TestResult(Frozen):
    """The verdict of one test at one place; ``value`` and ``limit`` in ``unit`` (``1``: dimensionless)."""

    __test__: ClassVar[bool] = False  # not a test case, whatever pytest thinks of the name

    test: str
    level: Level
    exposure_id: str
    detector: int | None = None
    amplifier: str | None = None
    verdict: Verdict
    value: float | None = Field(default=None, description="what was compared; None when there is nothing")
    limit: float | None = None
    limits_version: str = Field(default="", description="version of the limit")
    unit: str = "1"
    because: str
    advisory: bool = Field(default=False, description="told to people, never counted by the gate")

    @model_validator(mode="after")
    def _at_its_level(self) -> Self:
        level = level_of(self.detector, self.amplifier)
        if level != self.level:
            raise ValueError(f"{self.test} is a test of one {self.level} but its place is one {level}")
        return self


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a test's function says: a verdict, the number compared (None: there is none), and the words."""

    verdict: Verdict
    value: float | None
    because: str


Judge = Callable[[Mapping[str, float], float], Judgement]
"""Judges finite measurements (required and optional ones, all present) against a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDefinition:
    """One verification test.

    Parameters
    ----------
    name : str
        Type of the test; the gate counts results of one name at one level together.
    kind : str
        Kind of calibration that is verified: bias, dark, flat.
    level : {"amplifier", "detector", "exposure"}
        What one result is about.
    limit : float
        Default limit, in ``unit``.
    unit : str
        Unit of value and limit; ``1`` is dimensionless.
    source : str
        Where the test comes from.
    summary : str
        What passes, in one line.
    judge : callable
        Pure: finite measurements and the limit in, a judgement out.
    required : tuple of str
        Measurements that every frame has; absent, None or NaN is a FAIL.
    optional : mapping of str to str
        Measurements that may not exist, each with the reason to give then.
    advisory : bool
        Told to people, never counted by the gate.
    once : bool
        Made once with all exposures of a set, not in each.
    """

    __test__: ClassVar[bool] = False

    name: str
    kind: str
    level: Level
    limit: float
    unit: str
    source: str
    summary: str
    judge: Judge
    required: tuple[str, ...]
    optional: Mapping[str, str] | None = None
    advisory: bool = False
    once: bool = False

    @property
    def key(self) -> str:
        """Name of the test among all: ``kind.level.NAME``."""
        return f"{self.kind}.{self.level}.{self.name}"

    def evaluate(
        self, measurements: Measurements, limits: Limits, at: Scope, missing: str = ""
    ) -> TestResult:
        """Judge the measurements of one place.

        Parameters
        ----------
        measurements : mapping of str to float or None
            By name, in the unit of the verified frame; more names than needed do no harm.
        limits : Limits
            The limits in force.
        at : Scope
            Where they were measured; of the level of the test.
        missing : str
            Why a number could not be had, by whoever measured; empty: they do not say.

        Returns
        -------
        TestResult
            Never a pass on a missing or non-finite number.

        Raises
        ------
        pydantic.ValidationError
            The scope is not of the test's level.
        """
        limit, version = limits.of(self.key, self.limit, at)
        judgement = self._incomplete(measurements, missing)
        if judgement is None:
            judgement = self.judge(self._numbers(measurements), limit)
        if judgement.value is not None and not math.isfinite(judgement.value):
            judgement = Judgement(Verdict.FAIL, None, f"no finite number to compare: {judgement.because}")
        return TestResult(
            test=self.name,
            level=self.level,
            exposure_id=at.exposure_id,
            detector=at.detector,
            amplifier=at.amplifier,
            verdict=judgement.verdict,
            value=judgement.value,
            limit=limit,
            limits_version=version,
            unit=self.unit,
            because=judgement.because,
            advisory=self.advisory,
        )

    def _numbers(self, measurements: Measurements) -> dict[str, float]:
        names = (*self.required, *(self.optional or {}))
        return {name: value for name in names if (value := measurements.get(name)) is not None}

    def _incomplete(self, measurements: Measurements, missing: str) -> Judgement | None:
        for name, reason in (self.optional or {}).items():
            if measurements.get(name) is None:
                return Judgement(Verdict.NOT_APPLICABLE, None, reason)
        for name in (*self.required, *(self.optional or {})):
            value = measurements.get(name)
            if missing and (value is None or not math.isfinite(value)):
                return Judgement(Verdict.FAIL, None, f"not measured: {missing}")
            if value is None:
                return Judgement(Verdict.FAIL, None, f"{name} was not measured")
            if not math.isfinite(value):
                return Judgement(Verdict.FAIL, None, f"{name} is {value}, not a number to judge")
            if value < 0 and (name in NEVER_NEGATIVE or name.endswith("_ERROR")):
                return Judgement(Verdict.FAIL, None, f"{name} is {value:g}, which cannot be negative")
        return None


def at_most(value: float, limit: float, words: str) -> Judgement:
    """Pass when the value does not exceed the limit; ``words`` says what the value is."""
    within = value <= limit
    relation = "is within" if within else "exceeds"
    return Judgement(
        Verdict.PASS if within else Verdict.FAIL, value, f"{words} {value:.4g} {relation} {limit:g}"
    )


def told_at_most(value: float, error: float, limit: float, words: str, advice: str) -> Judgement:
    """Pass when the value does not exceed the limit; not applicable where it does, but may not by its error.

    Parameters
    ----------
    value, error, limit : float
        In one unit. An error that is small beside the limit excuses nothing.
    words, advice : str
        What the value is, and what to do where it is not known well enough.
    """
    if TOLD * error > limit and limit < value <= limit + TOLD * error:
        return Judgement(Verdict.NOT_APPLICABLE, value, f"{words}: {advice}")
    return at_most(value, limit, f"{words}: size")
