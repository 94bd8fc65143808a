"""What verify writes down as JSON: measurements of one detector, and the report on a set.

Owns the form of both files. Must not know how anything is measured or decided.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from calibrant.contracts.common.v1 import DataRef
from calibrant.frames.correcting import Choices
from calibrant.frames.instrument import Position
from calibrant.rules.comparing import ComparisonRules
from calibrant.rules.decision import Decision, GateThresholds, ProcessingError
from calibrant.rules.scores import SCORES_VERSION, Colour, Score, Total
from calibrant.rules.trends import History, TrendRules
from calibrant.rules.verification import Limits, TestResult
from calibrant.verify.known import DetectorHistory, Standing

Mode = Literal["internal", "external"]
Verdict = Literal[
    "certified", "certified with failures", "worse than the one in force", "withheld", "not certified"
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FrameRecord(_Record):
    """A frame that was to be measured."""

    frame_id: str
    exposure_id: str
    file_name: str
    begin_tai_ns: int | None = Field(
        default=None, description="Start, TAI ns since 1970; null: the file could not be read."
    )
    exposure_time_s: float | None = Field(
        default=None, description="Exposure time in seconds; null: the file could not be read."
    )
    gain_e_per_adu: float | None = Field(default=None, description="What its header claims; null: nothing.")
    read_noise_e: float | None = Field(default=None, description="What its header claims; null: nothing.")
    temperature_c: float | None = Field(
        default=None, description="Of the sensor, as its header claims, degree Celsius; null: nothing."
    )
    in_reference: bool = Field(description="Whether the frame is part of the product verified.")


class AmplifierRecord(_Record):
    """An amplifier's place in the product, and the numbers that frames were corrected by; boxes are 0-based and half-open."""

    name: str
    x0: int = Field(description="First column.")
    x1: int = Field(description="Column after the last.")
    y0: int = Field(description="First row.")
    y1: int = Field(description="Row after the last.")
    gain_e_per_adu: float
    read_noise_e: float


class ProductRecord(_Record):
    """A product that frames were measured with: the one verified, or one removed before."""

    role: str
    product_id: str
    sha256: str


class MeasurementRow(_Record):
    """Numbers of one amplifier, or of one detector (amplifier null), in one exposure.

    The names are those of ``calibrant.rules.verification`` and of ``measuring.amplifiers``; null is a number that
    was tried and could not be had.
    """

    exposure_id: str
    amplifier: str | None = None
    values: dict[str, float | None]
    problem: str = Field(default="", description="Why a number could not be had.")


class SeriesRecord(_Record):
    """Numbers of an amplifier one by one, as a figure of its kind has them: a photon transfer curve's points."""

    amplifier: str = Field(description="Whose they are; empty: the detector's.")
    values: dict[str, tuple[float | None, ...]] = Field(
        description="By what they are, with their unit; of one length. What is true or false is 1 or 0."
    )


class RegionRecord(_Record):
    """A rectangle of defects of one kind, in the product's pixels: from 0, ends excluded."""

    y0: int
    y1: int
    x0: int
    x1: int
    bits: int = Field(description="Bits of calibrant.pixels.Mask.")


class MeasurementReport(_Record):
    """The measurements of one detector against one product, and the verdicts on them."""

    format: Literal["calibrant-measurements-1"] = "calibrant-measurements-1"
    job_id: str
    kind: str
    mode: Mode
    instrument: str
    instrument_hash: str
    engine_version: str
    rules_version: str
    detector: int
    detector_name: str
    position: Position | None = Field(
        default=None, description="Where it sits in the focal plane; null: the instrument file does not say."
    )
    amplifiers: tuple[AmplifierRecord, ...]
    product_id: str
    products: tuple[ProductRecord, ...]
    unit: Literal["electron"] = "electron"
    product_values: dict[str, dict[str, float | None]] = Field(
        default={}, description="What the product shows by itself, by amplifier; see ``measuring.products``."
    )
    correction: Choices = Field(description="How frames were corrected before the products.")
    limits: Limits
    frames: tuple[FrameRecord, ...]
    measurements: tuple[MeasurementRow, ...]
    results: tuple[TestResult, ...]
    errors: tuple[ProcessingError, ...]
    series: tuple[SeriesRecord, ...] = Field(
        default=(), description="What the figure of a kind that is tables draws; else empty."
    )
    regions: tuple[RegionRecord, ...] = Field(
        default=(), description="Of a mask of defects, the largest first, 10 000 at most; else empty."
    )


class Tally(_Record):
    """How many verdicts of each sort; advisory ones are counted apart."""

    passed: int = 0
    failed: int = 0
    not_applicable: int = 0
    advisory_failed: int = 0


class DetectorReport(_Record):
    """What one detector may do, and why."""

    detector: int
    product_id: str = Field(description="Product decided on; empty when there is none.")
    verdict: Verdict
    accepted: bool
    reason: str
    tally: Tally
    score: Colour = Colour.GREY
    score_reason: str = "nothing was scored"


class Trend(_Record):
    """One number of an amplifier beside its history: the median over the set's exposures."""

    metric: str
    amplifier: str
    value: float | None
    history: History | None
    z: float | None = Field(description="Robust standard deviations from the history; null: it says nothing.")
    out: bool = Field(description="Out of family: beyond the limit.")
    because: str


class Comparison(_Record):
    """A new product beside the one in force."""

    in_force: Standing
    compared: int = Field(description="Numbers that both have.")
    worse: tuple[str, ...] = Field(description="What is worse, in words; none where nothing is.")


class DetectorAssessment(_Record):
    """How a detector's numbers stand to their limits, their history and the product in force."""

    history: DetectorHistory | None
    trends: tuple[Trend, ...]
    comparison: Comparison | None
    scores: tuple[Score, ...]
    total: Total


class Assessment(_Record):
    """Scores of a set, with all they rest on. It decides nothing unless the comparison is set to fall back."""

    scores_version: str = SCORES_VERSION
    trend_rules: TrendRules = TrendRules()
    comparison_rules: ComparisonRules = ComparisonRules()
    history_before_tai_ns: int | None = None
    history_known_at_tai_ns: int | None = None
    detectors: dict[int, DetectorAssessment] = {}
    advisories: tuple[TestResult, ...] = Field(default=(), description="Alarms, as advisory results.")
    total: Total = Total(colour=Colour.GREY, because="nothing was scored")


class SetReport(_Record):
    """The report on a set: the decision with every count and threshold behind it."""

    format: Literal["calibrant-report-1"] = "calibrant-report-1"
    report_id: str
    job_id: str
    kind: str
    mode: Mode
    instrument: str
    set_key: str
    filter: str | None = None
    exposures: tuple[str, ...]
    detectors: tuple[DetectorReport, ...]
    missing: dict[int, str] = Field(description="Detectors without measurements, and why.")
    thresholds: GateThresholds
    limits: Limits
    decision: Decision
    exposure_measurements: tuple[MeasurementRow, ...]
    exposure_results: tuple[TestResult, ...]
    failures: tuple[TestResult, ...] = Field(description="Every deciding test that failed.")
    findings: tuple[str, ...] = Field(
        default=(), description="What is noticed beside the verdicts; decides nothing."
    )
    assessment: Assessment = Assessment()
    measurements: dict[int, DataRef] = Field(description="The measurements of each detector.")
