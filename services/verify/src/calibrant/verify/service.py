"""The use cases of verify, over its store and the object store. Must not know the bus or HTTP."""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel
from sqlmodel import Session

from calibrant.contracts.common.v1 import DataRef
from calibrant.rules.trends import TrendRules
from calibrant.runtime.new_rows import insert_later
from calibrant.runtime.objects import ObjectStore
from calibrant.verify.reports import MeasurementReport, SetReport
from calibrant.verify.rows import Row, measurement_rows, report_rows
from calibrant.verify.store import VerifyQueries
from calibrant.verify.tables import MeasurementRow, ReportRow

T = TypeVar("T", bound=BaseModel)


class VerifyService:
    """Records measurements and reports.

    Parameters
    ----------
    objects : ObjectStore
        Where their files are.
    trends : TrendRules
        When a number is out of family.
    """

    def __init__(self, objects: ObjectStore, trends: TrendRules | None = None) -> None:
        self._objects = objects
        self.trends = trends or TrendRules()

    def record_measurements(
        self, session: Session, ref: DataRef, now_tai_ns: int, filter_name: str | None = None
    ) -> MeasurementReport:
        """Insert the measurements of a file unless they are known, and return them; with the product's filter."""
        report = self._read(ref, MeasurementReport)
        if session.get(MeasurementRow, report.job_id) is None:
            _insert(session, measurement_rows(report, ref, now_tai_ns, filter_name))
        return report

    def record_report(self, session: Session, ref: DataRef, page: DataRef, now_tai_ns: int) -> SetReport:
        """Insert the report of a file and where its page is, unless it is known, and return it."""
        report = self._read(ref, SetReport)
        if session.get(ReportRow, report.report_id) is None:
            _insert(session, report_rows(report, ref, page, now_tai_ns))
        return report

    def page(self, session: Session, report_id: str) -> bytes | None:
        """Return the HTML page of a report; None when there is no such report.

        Raises
        ------
        ObjectMissing, ObjectDamaged
            The file is not what was written.
        """
        files = self.queries(session).files(report_id)
        return None if files is None else self._objects.local_path(files[1]).read_bytes()

    def queries(self, session: Session) -> VerifyQueries:
        """Return the queries over one transaction."""
        return VerifyQueries(session, self._objects)

    def _read(self, ref: DataRef, form: type[T]) -> T:
        return form.model_validate_json(self._objects.local_path(ref).read_bytes())


def _insert(session: Session, rows: Iterable[Row]) -> None:
    """Let rows wait for the end of the unit of work: a detector has thousands, and nothing reads them before."""
    for table, row in rows:
        insert_later(session, table, row)
