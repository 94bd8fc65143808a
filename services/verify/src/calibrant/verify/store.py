"""Questions about what verify has measured and decided, asked of its tables. Must not know HTTP or the command line."""

import json
from typing import Any, Final

from sqlmodel import Session, col, select

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects import ObjectDamaged, ObjectMissing, ObjectStore
from calibrant.verify.tables import DecisionRow, MeasurementRow, MetricRow, ReportRow, ResultRow

LOOKED_AT: Final = 50
"""Measurements that are looked into for the names of numbers: some of every kind."""


class VerifyQueries:
    """Questions about reports, measurements and their history; answers are plain values.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    objects : ObjectStore or None
        Where files are; None: ``path`` is the key in the object store, and a report is shown without the content
        of its file.
    """

    def __init__(self, session: Session, objects: ObjectStore | None = None) -> None:
        self._session = session
        self._objects = objects

    def reports(
        self,
        *,
        kind: str | None = None,
        instrument: str | None = None,
        detector: int | None = None,
        product: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """List reports, one row a report and detector, those recorded last first.

        Parameters
        ----------
        kind, instrument, detector, product
            Only these; None: all.
        limit : int or None
            At most so many rows; None: all.

        Returns
        -------
        list of dict
            Each with ``id, kind, instrument, detector, set, mode, product, verdict, accepted, reason, score,
            score_reason, outcome, findings, passed, failed, not_applicable, path, recorded_tai_ns``.
        """
        query = select(ReportRow, DecisionRow).where(col(ReportRow.report_id) == col(DecisionRow.report_id))
        wanted = [
            (ReportRow.kind, kind),
            (ReportRow.instrument, instrument),
            (DecisionRow.detector, detector),
            (DecisionRow.product_id, product),
        ]
        for column, value in wanted:
            if value is not None:
                query = query.where(col(column) == value)
        latest = col(ReportRow.recorded_tai_ns).desc()
        query = query.order_by(latest, col(ReportRow.report_id), col(DecisionRow.detector))
        return [
            self._report_line(report, one) for report, one in self._session.exec(query.limit(limit)).all()
        ]

    def report(self, report_id: str) -> dict[str, Any] | None:
        """Show a report; None when there is none.

        Returns
        -------
        dict or None
            The whole ``calibrant.verify.reports.SetReport``, ``outcome``, ``path``, ``page`` and ``lines``.
        """
        row = self._session.get(ReportRow, report_id)
        if row is None:
            return None
        decisions = select(DecisionRow).where(col(DecisionRow.report_id) == report_id)
        ordered = decisions.order_by(col(DecisionRow.detector))
        return {
            **self._written(row),
            "id": row.report_id,
            "outcome": row.outcome,
            "reasons": json.loads(row.reasons),
            "path": self._path(row.uri),
            "page": self._path(row.page_uri),
            "lines": [self._report_line(row, one) for one in self._session.exec(ordered).all()],
        }

    def files(self, report_id: str) -> tuple[DataRef, DataRef] | None:
        """Say where a report's JSON and its HTML page are; None when there is no such report."""
        row = self._session.get(ReportRow, report_id)
        return None if row is None else (row.ref, row.page_ref)

    def measurements(self, product: str) -> list[dict[str, Any]]:
        """List the measurements made against a product, with their counts of verdicts, the latest first."""
        query = select(MeasurementRow).where(col(MeasurementRow.product_id) == product)
        rows = self._session.exec(query.order_by(col(MeasurementRow.recorded_tai_ns).desc())).all()
        return [{**row.model_dump(exclude={"uri"}), "path": self._path(row.uri)} for row in rows]

    def results(self, job_id: str, *, verdict: str | None = None) -> list[dict[str, Any]]:
        """List the verdicts of a measure or decide job; with ``verdict`` only those of one sort."""
        query = select(ResultRow).where(col(ResultRow.job_id) == job_id)
        if verdict is not None:
            query = query.where(col(ResultRow.verdict) == verdict)
        return [row.model_dump() for row in self._session.exec(query.order_by(col(ResultRow.number))).all()]

    def history(
        self,
        *,
        instrument: str,
        name: str,
        kind: str | None = None,
        detector: int | None = None,
        amplifier: str | None = None,
        most: int = 1000,
    ) -> list[dict[str, Any]]:
        """Give a metric over time.

        Parameters
        ----------
        instrument, name
            Whose, and which: see ``calibrant.rules.verification`` and ``measuring.amplifiers``.
        kind, detector, amplifier
            Only these; None: all.
        most : int
            At most so many, the latest.

        Returns
        -------
        list of dict
            Rows of ``verify_metric`` in order of the exposures' begins.
        """
        query = select(MetricRow).where(col(MetricRow.instrument) == instrument, col(MetricRow.name) == name)
        for column, value in [
            (MetricRow.kind, kind),
            (MetricRow.detector, detector),
            (MetricRow.amplifier, amplifier),
        ]:
            if value is not None:
                query = query.where(col(column) == value)
        latest = (col(MetricRow.begin_tai_ns).desc(), col(MetricRow.job_id), col(MetricRow.number))
        rows = self._session.exec(query.order_by(*latest).limit(most)).all()
        return [row.model_dump() for row in reversed(rows)]

    def measured(self, instrument: str) -> list[str]:
        """Name the numbers that the latest measurements of an instrument have, sorted; none where it was never measured."""
        own = select(MeasurementRow.job_id).where(col(MeasurementRow.instrument) == instrument)
        jobs = own.order_by(col(MeasurementRow.last_begin_tai_ns).desc()).limit(LOOKED_AT)
        named = select(MetricRow.name).where(col(MetricRow.job_id).in_(jobs)).distinct()
        return sorted(self._session.exec(named).all())

    def instruments(self) -> list[str]:
        """Name the instruments of which something was measured, sorted."""
        return sorted(self._session.exec(select(MeasurementRow.instrument).distinct()).all())

    def _report_line(self, row: ReportRow, one: DecisionRow) -> dict[str, Any]:
        return {
            "id": row.report_id,
            "kind": row.kind,
            "instrument": row.instrument,
            "detector": one.detector,
            "set": row.set_key,
            "mode": row.mode,
            "product": one.product_id,
            "verdict": one.verdict,
            "accepted": one.accepted,
            "reason": one.reason,
            "score": one.score,
            "score_reason": one.score_reason,
            "outcome": row.outcome,
            "findings": json.loads(row.findings),
            "passed": one.passed,
            "failed": one.failed,
            "not_applicable": one.not_applicable,
            "path": self._path(row.uri),
            "recorded_tai_ns": row.recorded_tai_ns,
        }

    def _written(self, row: ReportRow) -> Any:
        """Return the content of a report's file; nothing where it is missing or damaged."""
        try:
            return {} if self._objects is None else json.loads(self._objects.local_path(row.ref).read_bytes())
        except (ObjectMissing, ObjectDamaged):
            return {}

    def _path(self, uri: str) -> str:
        return uri.removeprefix("objects:") if self._objects is None else self._objects.locate(uri)
