"""Verify's tables: measurements with their numbers and verdicts, reports with what each detector may do.

Owns rows alone; ``store`` has the questions that are asked of them.
"""

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from calibrant.contracts.common.v1 import DataRef


class MeasurementRow(SQLModel, table=True):
    """The measurements of one detector against one product."""

    __tablename__ = "verify_measurement"
    __table_args__ = (
        Index(
            "ix_verify_measurement_latest", "instrument", "kind", "detector", "filter", "last_begin_tai_ns"
        ),
        Index("ix_verify_measurement_latest_of_all", "instrument", "last_begin_tai_ns"),
    )

    job_id: str = Field(primary_key=True)
    product_id: str = Field(index=True)
    kind: str
    mode: str
    instrument: str
    filter: str | None = None
    detector: int
    limits_version: str
    uri: str
    sha256: str
    passed: int
    failed: int
    not_applicable: int
    advisory_failed: int
    exposures: int = Field(description="exposures of which it is known when they began")
    first_begin_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    last_begin_tai_ns: int | None = Field(
        default=None, sa_column=Column(BigInteger, nullable=True), description="begin of the last exposure"
    )
    recorded_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class MetricRow(SQLModel, table=True):
    """One number of one amplifier, of one detector (amplifier null) or of one exposure (detector null)."""

    __tablename__ = "verify_metric"
    __table_args__ = (
        Index("ix_verify_metric_history", "instrument", "detector", "kind", "name", "begin_tai_ns"),
    )

    job_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True, description="place in the file it comes from")
    instrument: str
    kind: str
    product_id: str | None = Field(default=None, index=True)
    exposure_id: str
    begin_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    detector: int | None = None
    amplifier: str | None = None
    name: str
    value: float | None = Field(default=None, description="null: tried and could not be had")
    unit: str


class ResultRow(SQLModel, table=True):
    """The verdict of one test at one place."""

    __tablename__ = "verify_result"

    job_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True, description="place in the file it comes from")
    test: str
    level: str
    exposure_id: str
    detector: int | None = None
    amplifier: str | None = None
    verdict: str
    value: float | None = None
    limit_value: float | None = None
    limits_version: str = Field(description="version of the limit")
    unit: str
    because: str = Field(sa_column=Column(Text, nullable=False))
    advisory: bool


class ReportRow(SQLModel, table=True):
    """The report on one set."""

    __tablename__ = "verify_report"

    report_id: str = Field(primary_key=True)
    job_id: str = Field(index=True, unique=True)
    kind: str
    mode: str
    instrument: str
    set_key: str
    outcome: str
    reasons: str = Field(sa_column=Column(Text, nullable=False), description="JSON: list of text")
    findings: str = Field(sa_column=Column(Text, nullable=False), description="JSON: list of text")
    exposures: int
    uri: str
    sha256: str
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    page_uri: str
    page_sha256: str
    page_size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    recorded_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))

    @property
    def ref(self) -> DataRef:
        """Where its JSON is."""
        return _ref(self.uri, self.sha256, self.size_bytes, "application/json")

    @property
    def page_ref(self) -> DataRef:
        """Where its HTML page is."""
        return _ref(self.page_uri, self.page_sha256, self.page_size_bytes, "text/html")


def _ref(uri: str, sha256: str, size_bytes: int, media_type: str) -> DataRef:
    return DataRef(uri=uri, sha256=sha256, size_bytes=size_bytes, media_type=media_type)


class DecisionRow(SQLModel, table=True):
    """What a report lets one detector do."""

    __tablename__ = "verify_decision"

    report_id: str = Field(primary_key=True)
    detector: int = Field(primary_key=True)
    product_id: str = Field(index=True)
    verdict: str
    accepted: bool
    reason: str = Field(sa_column=Column(Text, nullable=False))
    score: str = Field(description="green, red or grey")
    score_reason: str = Field(sa_column=Column(Text, nullable=False))
    passed: int
    failed: int
    not_applicable: int
    advisory_failed: int
