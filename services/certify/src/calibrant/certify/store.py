"""Questions to the ledger: what is certified, and which calibration applies at a time, and why.

Owns the one query class that HTTP and the command line use. Times are TAI nanoseconds; texts are UTC with ``Z``.
"""

from collections.abc import Mapping
from typing import Any, Required, TypedDict, Unpack

from sqlmodel import Session, col, select

from calibrant.certify.in_force import InForce, latest_begun, next_to_begin
from calibrant.certify.ledger import EntryRow, filters, lines
from calibrant.frames.times import utc_text
from calibrant.rules.applicability import NEVER, WITHDRAWN, Found, NotFound, find, found, not_found
from calibrant.rules.ledger import LedgerAction, LedgerEntry, Subject, daily_collection
from calibrant.runtime.database import Database


class Question(TypedDict, total=False):
    """Which calibration applies to a detector at an instant.

    Parameters
    ----------
    instrument, detector, kind
        What is looked for.
    at_tai_ns : int
        The instant the calibration is for, TAI ns.
    collection : str or None
        Where; None or missing: ``<instrument>/calib/daily``.
    filter : str or None
        Filter, for kinds that have one.
    as_of_tai_ns : int or None
        As the ledger stood at this instant; None or missing: as it stands.
    """

    instrument: Required[str]
    detector: Required[int]
    kind: Required[str]
    at_tai_ns: Required[int]
    collection: str | None
    filter: str | None
    as_of_tai_ns: int | None


class CertifyQueries:
    """Questions about certifications; answers are plain values.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def calibrations(
        self,
        *,
        instrument: str | None = None,
        kind: str | None = None,
        detector: int | None = None,
        collection: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """List certifications, the last recorded first.

        Parameters
        ----------
        instrument, kind, detector, collection
            Only these; None: all.
        limit : int or None
            At most so many; None: all.

        Returns
        -------
        list of dict
            Each with ``id, product, kind, instrument, detector, filter, collection, status, begin, end`` (UTC;
            None: unbounded) ``, begin_tai_ns, end_tai_ns, recorded, recorded_tai_ns, report``.
        """
        query = select(EntryRow)
        wanted = {
            EntryRow.instrument: instrument,
            EntryRow.kind: kind,
            EntryRow.detector: detector,
            EntryRow.collection: collection,
        }
        for column, value in wanted.items():
            if value is not None:
                query = query.where(col(column) == value)
        query = query.order_by(col(EntryRow.sequence).desc()).limit(limit)
        return [_summary(row, row.entry) for row in self._session.exec(query).all()]

    def calibration(self, certification_id: str) -> dict[str, Any] | None:
        """Show one certification; None when there is none.

        Returns
        -------
        dict or None
            The listing's fields; beside them ``requested_by, reason, job, run, path`` (key of the product in the
            object store) and ``made_of``, the product in full.
        """
        query = select(EntryRow).where(col(EntryRow.certification_id) == certification_id)
        row = self._session.exec(query).first()
        if row is None:
            return None
        product = row.made_of
        return {
            **_summary(row, row.entry),
            "requested_by": row.requested_by,
            "reason": row.reason,
            "job": row.job_id,
            "run": row.run_id,
            "path": product.ref.uri.removeprefix("objects:"),
            "made_of": product.model_dump(mode="json", exclude_none=True),
        }

    def find(self, **question: Unpack[Question]) -> dict[str, Any]:
        """Answer "which bias for detector D at time T, and why".

        Parameters
        ----------
        **question : Question
            What is looked for.

        Returns
        -------
        dict
            ``outcome`` ("found" or "not found"), ``why``, ``calibration`` (as listed, with the range in force; None
            when there is none), and ``before`` and ``after``: the nearest ones whose range ends before or begins
            after that instant, or None.
        """
        subject, at_tai_ns = _subject(question), question["at_tai_ns"]
        as_of_tai_ns = question.get("as_of_tai_ns")
        if as_of_tai_ns is None:
            return self.applying(**question) or self._none_in_force(subject, at_tai_ns)
        rows = lines(self._session, subject)
        answer = find((row.entry for row in rows.values()), subject, at_tai_ns, as_of_tai_ns)
        return _told(answer, rows)

    def applying(self, **question: Unpack[Question]) -> dict[str, Any] | None:
        """Answer in one statement where a calibration applies as the ledger stands; None: none does."""
        at_tai_ns = question["at_tai_ns"]
        begun = latest_begun(self._session, _subject(question), at_tai_ns)
        if begun is None or not begun.entry.range.contains(at_tai_ns):
            return None
        return _told(found(begun.entry), {begun.entry.sequence: begun})

    def _none_in_force(self, subject: Subject, at_tai_ns: int) -> dict[str, Any]:
        begun = latest_begun(self._session, subject, at_tai_ns)
        after = next_to_begin(self._session, subject, at_tai_ns)
        written = filters(self._session, subject)
        answer = not_found(
            subject,
            at_tai_ns,
            before=None if begun is None else begun.entry,
            after=None if after is None else after.entry,
            nothing=WITHDRAWN if subject.filter in written else NEVER,
            filters=written,
        )
        return _told(answer, {one.entry.sequence: one for one in (begun, after) if one is not None})


def look_up(database: Database, **question: Unpack[Question]) -> dict[str, Any]:
    """Answer as ``CertifyQueries.find``, by a statement alone where that says all.

    Parameters
    ----------
    database : Database
        The service's.
    **question : Question
        What is looked for.
    """
    if question.get("as_of_tai_ns") is None:
        with database.reading_alone() as session:
            answer = CertifyQueries(session).applying(**question)
        if answer is not None:
            return answer
    with database.reading() as session:
        return CertifyQueries(session).find(**question)


def _subject(question: Question) -> Subject:
    instrument = question["instrument"]
    place = question.get("collection") or daily_collection(instrument)
    return Subject.of(place, instrument, question["kind"], question["detector"], question.get("filter"))


def _told(answer: Found | NotFound, lines: Mapping[int, EntryRow | InForce]) -> dict[str, Any]:
    chosen, before, after = (
        (answer.entry, None, None) if isinstance(answer, Found) else (None, answer.before, answer.after)
    )
    return {
        "outcome": answer.outcome,
        "why": answer.why,
        "calibration": _in_force(lines, chosen),
        "before": _in_force(lines, before),
        "after": _in_force(lines, after),
    }


def _in_force(lines: Mapping[int, EntryRow | InForce], entry: LedgerEntry | None) -> dict[str, Any] | None:
    return None if entry is None else _summary(lines[entry.sequence], entry)


def _summary(line: EntryRow | InForce, entry: LedgerEntry) -> dict[str, Any]:
    return {
        "id": line.certification_id,
        "product": entry.product_id,
        "kind": entry.kind,
        "instrument": entry.instrument,
        "detector": entry.detector,
        "filter": entry.filter,
        "collection": entry.collection,
        "status": "certified" if entry.action is LedgerAction.CERTIFY else "withdrawn",
        "begin": utc_text(entry.range.begin_tai_ns),
        "end": utc_text(entry.range.end_tai_ns),
        **entry.range.model_dump(),
        "recorded": utc_text(entry.recorded_tai_ns),
        "recorded_tai_ns": entry.recorded_tai_ns,
        "report": line.report_id,
    }
