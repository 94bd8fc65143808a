"""Messages of ``calibrant.verify.v1``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import Int32, Int64, Message
from calibrant.contracts.common.v1 import DataRef, JobInput, Product, TaiTime, TimeRange

__all__ = [
    "DecideJob",
    "DetectorDecision",
    "Gate",
    "GateCounts",
    "GateTypeCount",
    "InForce",
    "MeasureJob",
    "MeasurementCompleted",
    "Score",
    "VerificationCompleted",
    "VerificationMode",
]


class VerificationMode(Enum):
    """Which calibration the frames are verified against."""

    UNSPECIFIED = "VERIFICATION_MODE_UNSPECIFIED"
    """Not given. (0)"""

    INTERNAL = "VERIFICATION_MODE_INTERNAL"
    """The one just built from these frames. (1)"""

    EXTERNAL = "VERIFICATION_MODE_EXTERNAL"
    """One that was certified before. (2)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"VERIFICATION_MODE_UNSPECIFIED": 0, "VERIFICATION_MODE_INTERNAL": 1, "VERIFICATION_MODE_EXTERNAL": 2}
        return numbers[self.value]


class Score(Enum):
    """How a product scores."""

    UNSPECIFIED = "SCORE_UNSPECIFIED"
    """Not given: nothing was scored. (0)"""

    GREEN = "SCORE_GREEN"
    """As it should be. (1)"""

    RED = "SCORE_RED"
    """Something is beyond its threshold. (2)"""

    GREY = "SCORE_GREY"
    """Nothing is red, but something could not be scored, as for lack of history. (3)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"SCORE_UNSPECIFIED": 0, "SCORE_GREEN": 1, "SCORE_RED": 2, "SCORE_GREY": 3}
        return numbers[self.value]


class MeasureJob(Message):
    """Job: measure the frames of one detector against a calibration and test the measurements."""

    message_type: ClassVar[str] = "calibrant.verify.v1.MeasureJob"
    job_id: str = Field(description='Identifier of the job.')
    kind: str = Field(description='Kind of calibration verified.')
    mode: VerificationMode = Field(description='Which calibration is the reference.')
    instrument: str = Field(description='Instrument name.')
    instrument_hash: str = Field(description='Hash of the instrument description in force.')
    detector: Int32 = Field(description='Detector number.')
    reference: Product = Field(description='The product verified: its identifier stands in every report.')
    inputs: tuple[JobInput, ...] = Field(default=(), description='Frames and further calibrations, by role.')
    engine_version: str = Field(description='Version of the pixel engine.')
    unit: str = Field(description='Unit in which calibrations are held: "electron" or "adu".')
    parameters: Mapping[str, str] = Field(default_factory=dict, description='How the overscan is removed; as in the recipe that built the reference.')
    rules_version: str = Field(description='Version of the verification rules (tests, limits, thresholds) the job was planned with.')
    memory_bytes: Int64 = Field(description='Largest memory the job may allocate beyond what its process has; 0: no limit. Unit: byte.', json_schema_extra={"unit": "byte"})


class MeasurementCompleted(Message):
    """The frames of one detector are measured."""

    message_type: ClassVar[str] = "calibrant.verify.v1.MeasurementCompleted"
    job_id: str = Field(description='The job.')
    product_id: str = Field(description='Product verified.')
    kind: str = Field(description='Kind of calibration verified.')
    detector: Int32 = Field(description='Detector number.')
    results: DataRef = Field(description='Measurements and verdicts, as JSON.')
    passed: Int32 = Field(description='Verdicts passed.')
    failed: Int32 = Field(description='Verdicts failed, advisory ones left out.')
    not_applicable: Int32 = Field(description='Verdicts not applicable.')
    preview: DataRef | None = Field(default=None, description='The product verified, binned to a small picture with its mask, as FITS; absent in events from before there was one.')


class InForce(Message):
    """The calibration in force for a detector of a set when its run began: what a new product is
    compared with."""

    message_type: ClassVar[str] = "calibrant.verify.v1.InForce"
    detector: Int32 = Field(description='Detector number.')
    product_id: str = Field(description='The product in force.')
    validity: TimeRange = Field(description='Its validity range.')


class Gate(Message):
    """The gate's rule and thresholds."""

    message_type: ClassVar[str] = "calibrant.verify.v1.Gate"
    rule: str = Field(description='"majority" or "any".')
    failed_tests: Int32 = Field(description='Failed tests of one type that make a detector fail in an exposure, where that many exist.')
    tests_fraction: float = Field(description='Where fewer exist: a detector fails when more than this fraction of them fail. Unit: 1.', json_schema_extra={"unit": "1"})
    detectors_fraction: float = Field(description='An exposure fails when more than this fraction of its detectors fail. Unit: 1.', json_schema_extra={"unit": "1"})
    exposures_fraction: float = Field(description='A set is refused, a detector withheld, when it fails in more than this fraction of the exposures. Unit: 1.', json_schema_extra={"unit": "1"})
    version: str = Field(description='Version of these thresholds.')


class GateTypeCount(Message):
    """How one type of test came out over all exposures of a set."""

    message_type: ClassVar[str] = "calibrant.verify.v1.GateTypeCount"
    test: str = Field(description='Name of the test; "MEASURED" stands for detectors without a deciding result.')
    level: str = Field(description='Its level: amplifier, detector, exposure.')
    tests: Int32 = Field(description='Tests that decide.')
    failed: Int32 = Field(description='Those that failed.')
    failed_exposures: Int32 = Field(description='Exposures that fail for it.')
    exposures_needed: Int32 = Field(description='Failed exposures that refuse the set.')
    fails: bool = Field(description='Whether it refuses the set.')


class GateCounts(Message):
    """The counts that led to a decision; those of each detector and exposure are in the report."""

    message_type: ClassVar[str] = "calibrant.verify.v1.GateCounts"
    exposures: Int32 = Field(description='Exposures of the set.')
    detectors: Int32 = Field(description='Detectors of the set.')
    detectors_needed: Int32 | None = Field(default=None, description='Failing detectors that make an exposure with all of them fail; absent where detectors never do.')
    exposures_needed: Int32 = Field(description='Failing exposures that refuse the set.')
    passed: Int32 = Field(description='Deciding tests passed.')
    failed: Int32 = Field(description='Deciding tests failed.')
    not_applicable: Int32 = Field(description='Deciding tests that are not applicable.')
    advisory_failed: Int32 = Field(description='Advisory tests failed.')
    unmeasured: Int32 = Field(description='Pairs of detector and exposure without a deciding result.')
    withheld: Int32 = Field(description='Detectors withheld: all of them when the set is refused.')
    types: tuple[GateTypeCount, ...] = Field(default=(), description='By type of test.')


class DecideJob(Message):
    """Job: join the measurements of a set through the gate."""

    message_type: ClassVar[str] = "calibrant.verify.v1.DecideJob"
    job_id: str = Field(description='Identifier of the job.')
    kind: str = Field(description='Kind of calibration verified.')
    mode: VerificationMode = Field(description='Which calibration was the reference.')
    instrument: str = Field(description='Instrument name.')
    set_key: str = Field(description='The set, such as "20260101" or "20260101-r".')
    inputs: tuple[JobInput, ...] = Field(default=(), description='By detector: measurements, and a small picture of the product ("previews") under the same identifier.')
    missing: Mapping[Int32, str] = Field(default_factory=dict, description='Detectors of the set that have no measurement, and why.')
    rules_version: str = Field(description='Version of the verification rules (tests, limits, thresholds) the job was planned with.')
    in_force: tuple[InForce, ...] = Field(default=(), description="Calibrations in force at the set's first frame, one a detector that has one. No part of the job's identity.")
    known_at: TaiTime | None = Field(default=None, description="When the run began: what was certified later is no history; absent: all is. No part of the job's identity.")
    filter: str | None = Field(default=None, description='Filter of the set; absent where the kind does not depend on one.')
    gate: Gate = Field(description="The gate's rule and thresholds.")


class DetectorDecision(Message):
    """What the gate decided for one detector."""

    message_type: ClassVar[str] = "calibrant.verify.v1.DetectorDecision"
    detector: Int32 = Field(description='Detector number.')
    product_id: str = Field(description='Product decided on; empty when there is none.')
    accepted: bool = Field(description='Whether it may be certified.')
    reason: str = Field(description='Why.')
    score: Score | None = Field(default=None, description='How it scores; absent where it was not scored.')
    score_reason: str | None = Field(default=None, description='What made it red or grey; absent when green.')
    verdict: str | None = Field(default=None, description='Verdict in a word, as "certified with failures"; absent in events from before there was one.')


class VerificationCompleted(Message):
    """A set is verified: the report names what each detector may do."""

    message_type: ClassVar[str] = "calibrant.verify.v1.VerificationCompleted"
    job_id: str = Field(description='The job.')
    report_id: str = Field(description='Identifier of the report.')
    kind: str = Field(description='Kind of calibration verified.')
    mode: VerificationMode = Field(description='Which calibration was the reference.')
    instrument: str = Field(description='Instrument name.')
    set_key: str = Field(description='The set.')
    outcome: str = Field(description='Outcome: certified, certified with failures, not certified.')
    decisions: tuple[DetectorDecision, ...] = Field(default=(), description='One decision a detector.')
    report: DataRef = Field(description='The report with every count and threshold, as JSON.')
    gate: Gate = Field(description="The gate's rule and thresholds in force.")
    counts: GateCounts = Field(description='The counts that led to the outcome.')
    reasons: tuple[str, ...] = Field(default=(), description='The outcome in words, first what decided.')
    limits_version: str = Field(description='Version of the limits that tests were judged by.')
    page: DataRef | None = Field(default=None, description='The same for people: one HTML page with everything in it; absent in events from before there was one.')
    findings: tuple[str, ...] = Field(default=(), description='What was noticed beside the verdicts, in sentences; decides nothing.')

