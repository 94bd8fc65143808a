"""The use case of certify: products into the ledger, clashes refused. Must not know the bus or HTTP.

What counts as a clash, as in the field: another product of the same kind, instrument, detector (and filter, for
a kind that has one) whose validity overlaps, in the same collection. The same product again is none: within a
range that it has already nothing is written; over a range that reaches further a line is added.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError
from sqlmodel import Session

from calibrant.certify.in_force import InForce, RangeTaken, overlapping, record
from calibrant.certify.ledger import EntryRow, lines, next_recorded
from calibrant.certify.reports import objection
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused, CertifyJob
from calibrant.contracts.common.v1 import JobFailed, Product, TaiTime, TimeRange
from calibrant.rules.ledger import LedgerAction, LedgerEntry, already_certified, conflicts, daily_collection
from calibrant.rules.validity import ValidityRange, tai_text

_COLLECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*")
_MOST_NS = 2**63 - 1
_NOT_WRITTEN = 0  # lines count from 1
Identify = Callable[..., str]


class Refused(Exception):
    """A product is not certified; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A job with what it leaves open filled in."""

    job: CertifyJob
    recorded_tai_ns: int
    run_id: str
    identify: Identify


class CertifyService:
    """Certifies products."""

    def certify(
        self, session: Session, job: CertifyJob, *, identify: Identify, run_id: str, now_tai_ns: int
    ) -> list[Message]:
        """Write a job's products into the ledger.

        Parameters
        ----------
        session : Session
            The transaction; the only writer at its time.
        job : CertifyJob
            Products, collection, range, report.
        identify : callable
            Gives the identifier that belongs to this request and some text.
        run_id : str
            The run.
        now_tai_ns : int
            System clock.

        Returns
        -------
        list of Message
            ``CalibrationCertified`` or ``CertificationRefused`` for each product, in order; ``JobFailed`` for a
            job without products.

        Raises
        ------
        ReportUnknown
            Verification has not told of the report yet; nothing is written.
        RangeTaken
            The database refused a range, and what stands there cannot be seen yet.
        """
        if not job.products:
            reason = (
                f"certify job {job.job_id} names no products; name those that report {job.report_id} accepts"
            )
            return [JobFailed(job_id=job.job_id, error="NothingToCertify", reason=reason, attempts=1)]
        request = _Request(job, next_recorded(session, now_tai_ns), run_id, identify)
        return [self._answer(session, request, product) for product in job.products]

    def _answer(self, session: Session, request: _Request, product: Product) -> Message:
        collection = request.job.collection or daily_collection(product.instrument)
        try:
            span = _valid(request.job, collection)
            against = objection(session, request.job.report_id, product)
            if against:
                raise Refused(against)
            return self._certify(session, request, product, collection, span)
        except Refused as refusal:
            return _refusal(request, product, collection, str(refusal), [])

    def _certify(
        self, session: Session, request: _Request, product: Product, collection: str, span: ValidityRange
    ) -> Message:
        candidate = _candidate(product, collection, span, request.recorded_tai_ns)
        known = lines(session, candidate.subject, product.product_id)
        standing = already_certified((row.entry for row in known.values()), candidate)
        _same_bytes(known, product)
        if standing is not None:
            return _certified(request, known[standing.sequence], unchanged=True)
        clashes = _clashes(session, candidate)
        if not clashes:
            row = _row(request, product, candidate)
            try:
                record(session, row)
            except RangeTaken:
                clashes = _clashes(session, candidate)
                if not clashes:
                    raise
            else:
                return _certified(request, row, unchanged=False)
        return _refusal(request, product, collection, _clash_words(candidate, clashes), clashes)


def _clashes(session: Session, candidate: LedgerEntry) -> list[InForce]:
    near = overlapping(session, candidate.subject, candidate.range)
    return [one for one in near if conflicts([one.entry], candidate)]


def _valid(job: CertifyJob, collection: str) -> ValidityRange:
    if not job.report_id:
        raise Refused("no report accepted it; verify it first")
    if _COLLECTION.fullmatch(collection) is None:
        raise Refused(
            f"collection {collection!r} is no name; use letters, digits and ._+- in parts joined by /, as in "
            "simcam/calib/daily"
        )
    begin = None if job.validity.begin is None else job.validity.begin.ns
    end = None if job.validity.end is None else job.validity.end.ns
    for side, value in (("begins", begin), ("ends", end)):
        if value is not None and abs(value) > _MOST_NS:
            raise Refused(
                f"the validity range {side} at {tai_text(value)}, beyond what the ledger holds (1677 to 2262)"
            )
    try:
        span = ValidityRange(begin_tai_ns=begin, end_tai_ns=end)
    except ValidationError as problem:
        raise Refused(str(problem.errors()[0]["ctx"]["error"])) from problem
    if span.empty:
        raise Refused(f"the validity range {span} is empty: its end must lie after its begin")
    return span


def _candidate(product: Product, collection: str, span: ValidityRange, recorded_tai_ns: int) -> LedgerEntry:
    return LedgerEntry(
        product_id=product.product_id,
        collection=collection,
        kind=product.kind,
        instrument=product.instrument,
        detector=product.detector,
        filter=product.filter,
        range=span,
        recorded_tai_ns=recorded_tai_ns,
        sequence=_NOT_WRITTEN,
    )


def _same_bytes(known: dict[int, EntryRow], product: Product) -> None:
    for row in known.values():
        if row.product_id == product.product_id and row.made_of.ref.sha256 != product.ref.sha256:
            raise Refused(
                f"{product.product_id} stands in the ledger ({row.certification_id}) with other bytes "
                f"({row.made_of.ref.sha256[:12]}..., not {product.ref.sha256[:12]}...); a product never changes: "
                "build it again under a recipe version of its own"
            )


def _clash_words(candidate: LedgerEntry, clashes: list[InForce]) -> str:
    standing = "; ".join(
        f"{clash.entry.product_id} is certified for {clash.entry.range} ({clash.certification_id})"
        for clash in clashes
    )
    return (
        f"{candidate.product_id} over {candidate.range} overlaps what stands in {candidate.collection}: {standing}. "
        "Certify it for a range outside, or into another collection (certify_calib_begin_date and calib_collection "
        "in a sequence file, --begin and --collection on the command line)"
    )


def _row(request: _Request, product: Product, candidate: LedgerEntry) -> EntryRow:
    job = request.job
    return EntryRow(
        certification_id="cert-"
        + request.identify("certification", product.product_id).replace("-", "")[:12],
        action=LedgerAction.CERTIFY.value,
        product=product.to_json().decode(),
        begin_tai_ns=candidate.range.begin_tai_ns,
        end_tai_ns=candidate.range.end_tai_ns,
        report_id=job.report_id,
        requested_by=job.requested_by,
        reason=job.reason,
        job_id=job.job_id,
        run_id=request.run_id,
        **candidate.model_dump(exclude={"range", "sequence", "action"}),
    )


def _certified(request: _Request, row: EntryRow, *, unchanged: bool) -> CalibrationCertified:
    return CalibrationCertified(
        certification_id=row.certification_id,
        job_id=request.job.job_id,
        product=row.made_of,
        collection=row.collection,
        validity=_time_range(row),
        report_id=row.report_id,
        recorded=TaiTime.from_ns(row.recorded_tai_ns),
        requested_by=row.requested_by,
        unchanged=unchanged,
    )


def _time_range(row: EntryRow) -> TimeRange:
    begin = None if row.begin_tai_ns is None else TaiTime.from_ns(row.begin_tai_ns)
    end = None if row.end_tai_ns is None else TaiTime.from_ns(row.end_tai_ns)
    return TimeRange(begin=begin, end=end)


def _refusal(
    request: _Request, product: Product, collection: str, reason: str, clashes: list[InForce]
) -> CertificationRefused:
    return CertificationRefused(
        job_id=request.job.job_id,
        product_id=product.product_id,
        collection=collection,
        reason=reason,
        conflicts=tuple(clash.certification_id for clash in clashes),
    )
