"""From the JSON that verify writes to the rows it keeps. Must not know sessions or files.

A detector has thousands: they are plain mappings, for an object of a table's class takes thirty times as long to make.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlmodel import SQLModel

from calibrant.contracts.common.v1 import DataRef
from calibrant.rules.verification import ALL_EXPOSURES, TestResult, tested_once
from calibrant.verify import reports, tables
from calibrant.verify.measuring.units import UNITS
from calibrant.verify.reasons import tally

Row = tuple[type[SQLModel], Mapping[str, Any]]
"""A table, and the value of each of its columns."""


def measurement_rows(
    report: reports.MeasurementReport, ref: DataRef, now_tai_ns: int, filter_name: str | None = None
) -> Iterator[Row]:
    """Yield every row of the measurements of one detector; ``filter_name``: of the product."""
    counted = tally(report.results)
    begins = {frame.exposure_id: frame.begin_tai_ns for frame in report.frames}
    known = [begin for begin in begins.values() if begin is not None]
    yield (
        tables.MeasurementRow,
        {
            "job_id": report.job_id,
            "product_id": report.product_id,
            "kind": report.kind,
            "mode": report.mode,
            "instrument": report.instrument,
            "filter": filter_name,
            "detector": report.detector,
            "limits_version": report.limits.version,
            "uri": ref.uri,
            "sha256": ref.sha256,
            "passed": counted.passed,
            "failed": counted.failed,
            "not_applicable": counted.not_applicable,
            "advisory_failed": counted.advisory_failed,
            "exposures": len(known),
            "first_begin_tai_ns": min(known, default=None),
            "last_begin_tai_ns": max(known, default=None),
            "recorded_tai_ns": now_tai_ns,
        },
    )
    yield from _metric_rows(report, report.measurements, report.product_id, report.detector, begins)
    yield from _result_rows(report.job_id, report.results)


def report_rows(report: reports.SetReport, ref: DataRef, page: DataRef, now_tai_ns: int) -> Iterator[Row]:
    """Yield every row of the report on a set."""
    yield (
        tables.ReportRow,
        {
            "report_id": report.report_id,
            "job_id": report.job_id,
            "kind": report.kind,
            "mode": report.mode,
            "instrument": report.instrument,
            "set_key": report.set_key,
            "outcome": report.decision.outcome.value,
            "reasons": json.dumps(report.decision.reasons),
            "findings": json.dumps(report.findings),
            "exposures": len(report.exposures),
            "uri": ref.uri,
            "sha256": ref.sha256,
            "size_bytes": ref.size_bytes,
            "page_uri": page.uri,
            "page_sha256": page.sha256,
            "page_size_bytes": page.size_bytes,
            "recorded_tai_ns": now_tai_ns,
        },
    )
    for one in report.detectors:
        yield (
            tables.DecisionRow,
            {
                "report_id": report.report_id,
                "detector": one.detector,
                "product_id": one.product_id,
                "verdict": one.verdict,
                "accepted": one.accepted,
                "reason": one.reason,
                "score": one.score.value,
                "score_reason": one.score_reason,
                **one.tally.model_dump(),
            },
        )
    yield from _metric_rows(report, report.exposure_measurements)
    yield from _result_rows(report.job_id, [*report.exposure_results, *report.assessment.advisories])


def _metric_rows(
    report: reports.MeasurementReport | reports.SetReport,
    measured: Iterable[reports.MeasurementRow],
    product_id: str | None = None,
    detector: int | None = None,
    begins: Mapping[str, int | None] | None = None,
) -> Iterator[Row]:
    about = {
        "job_id": report.job_id,
        "instrument": report.instrument,
        "kind": report.kind,
        "product_id": product_id,
        "detector": detector,
    }
    known = begins or {}
    first = _first(known) if tested_once(report.kind) else None
    numbers = ((row, name, value) for row in measured for name, value in row.values.items())
    for number, (row, name, value) in enumerate(numbers):
        exposure = first if row.exposure_id == ALL_EXPOSURES and first is not None else row.exposure_id
        mine = {
            "number": number,
            "exposure_id": exposure,
            "begin_tai_ns": known.get(exposure),
            "amplifier": row.amplifier,
            "name": name,
            "value": value,
            "unit": UNITS.get(name, "electron"),
        }
        yield tables.MetricRow, about | mine


def _first(begins: Mapping[str, int | None]) -> str | None:
    """Return the earliest exposure, at which stands what a set tells as a whole; None where none is known."""
    known = [(begin, exposure) for exposure, begin in begins.items() if begin is not None]
    return min(known)[1] if known else None


def _result_rows(job_id: str, results: Iterable[TestResult]) -> Iterator[Row]:
    for number, one in enumerate(results):
        yield (
            tables.ResultRow,
            {
                "job_id": job_id,
                "number": number,
                "test": one.test,
                "level": one.level,
                "exposure_id": one.exposure_id,
                "detector": one.detector,
                "amplifier": one.amplifier,
                "verdict": one.verdict.value,
                "value": one.value,
                "limit_value": one.limit,
                "limits_version": one.limits_version,
                "unit": one.unit,
                "because": one.because,
                "advisory": one.advisory,
            },
        )
