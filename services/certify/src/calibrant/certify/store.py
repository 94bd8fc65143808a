"""Questions to the ledger: what is certified, and which calibration applies at a time, and why.

Owns the one query class that HTTP and the command line use. Times are TAI nanoseconds; texts are UTC with ``Z``.
"""

from typing import Any

from sqlmodel import Session, col, select

from calibrant.certify.ledger import EntryRow, lines
from calibrant.frames.times import utc_text
from calibrant.rules.ledger import FILTER_KINDS, Found, LedgerEntry, daily_collection, effective, find


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
        return [_summary(row) for row in self._session.exec(query).all()]

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
            **_summary(row),
            "requested_by": row.requested_by,
            "reason": row.reason,
            "job": row.job_id,
            "run": row.run_id,
            "path": product.ref.uri.removeprefix("objects:"),
            "made_of": product.model_dump(mode="json", exclude_none=True),
        }

    def find(
        self,
        *,
        instrument: str,
        detector: int,
        kind: str,
        at_tai_ns: int,
        collection: str | None = None,
        filter: str | None = None,  # noqa: A002 - the field's word
        as_of_tai_ns: int | None = None,
    ) -> dict[str, Any]:
        """Answer "which bias for detector D at time T, and why".

        Parameters
        ----------
        instrument, detector, kind
            What is looked for.
        at_tai_ns : int
            The instant the calibration is for, TAI ns.
        collection : str or None
            Where; None: ``<instrument>/calib/daily``.
        filter : str or None
            Filter, for kinds that have one.
        as_of_tai_ns : int or None
            As the ledger stood at this instant; None: as it stands.

        Returns
        -------
        dict
            ``outcome`` ("found" or "not found"), ``why``, ``calibration`` (as listed, with the range in force; None
            when there is none), and ``before`` and ``after``: the nearest ones whose range ends before or begins
            after that instant, or None.
        """
        place = collection or daily_collection(instrument)
        rows = lines(self._session, collection=place, instrument=instrument, kind=kind, detector=detector)
        entries = [row.entry for row in rows.values()]
        answer = find(
            entries,
            collection=place,
            instrument=instrument,
            kind=kind,
            detector=detector,
            at_tai_ns=at_tai_ns,
            filter=filter,
            as_of_tai_ns=as_of_tai_ns,
        )
        if isinstance(answer, Found):
            chosen = _in_force(rows, answer.entry)
            return {
                "outcome": "found",
                "why": answer.why,
                "calibration": chosen,
                "before": None,
                "after": None,
            }
        wanted = filter if kind in FILTER_KINDS else None
        same = [entry for entry in effective(entries, as_of_tai_ns) if entry.subject[-1] == wanted]
        return _not_found(rows, same, at_tai_ns, answer.why)


def _not_found(
    rows: dict[int, EntryRow], same: list[LedgerEntry], at_tai_ns: int, why: str
) -> dict[str, Any]:
    before, after = _nearest(same, at_tai_ns)
    return {
        "outcome": "not found",
        "why": why + _neighbours(before, after),
        "calibration": None,
        "before": None if before is None else _in_force(rows, before),
        "after": None if after is None else _in_force(rows, after),
    }


def _nearest(entries: list[LedgerEntry], at_tai_ns: int) -> tuple[LedgerEntry | None, LedgerEntry | None]:
    ended = [(e.range.end_tai_ns, e) for e in entries if e.range.end_tai_ns is not None]
    begun = [(e.range.begin_tai_ns, e) for e in entries if e.range.begin_tai_ns is not None]
    before = max((pair for pair in ended if pair[0] <= at_tai_ns), key=lambda pair: pair[0], default=None)
    after = min((pair for pair in begun if pair[0] > at_tai_ns), key=lambda pair: pair[0], default=None)
    return (None if before is None else before[1]), (None if after is None else after[1])


def _neighbours(before: LedgerEntry | None, after: LedgerEntry | None) -> str:
    words = ""
    if before is not None:
        words += f"; the nearest before is {before.product_id} {before.range}"
    if after is not None:
        words += f"; the nearest after is {after.product_id} {after.range}"
    return words


def _in_force(rows: dict[int, EntryRow], entry: LedgerEntry) -> dict[str, Any]:
    return {**_summary(rows[entry.sequence]), **_range(entry.range.begin_tai_ns, entry.range.end_tai_ns)}


def _range(begin_tai_ns: int | None, end_tai_ns: int | None) -> dict[str, Any]:
    return {
        "begin": utc_text(begin_tai_ns),
        "end": utc_text(end_tai_ns),
        "begin_tai_ns": begin_tai_ns,
        "end_tai_ns": end_tai_ns,
    }


def _summary(row: EntryRow) -> dict[str, Any]:
    return {
        "id": row.certification_id,
        "product": row.product_id,
        "kind": row.kind,
        "instrument": row.instrument,
        "detector": row.detector,
        "filter": row.filter,
        "collection": row.collection,
        "status": "certified" if row.action == "certify" else "withdrawn",
        **_range(row.begin_tai_ns, row.end_tai_ns),
        "recorded": utc_text(row.recorded_tai_ns),
        "recorded_tai_ns": row.recorded_tai_ns,
        "report": row.report_id,
    }
