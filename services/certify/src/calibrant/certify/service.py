"""The use case of certify's jobs: products into the ledger, clashes refused. Must not know the bus or HTTP."""

from __future__ import annotations

from collections.abc import Callable

from sqlmodel import Session

from calibrant.certify.certifying import Clashing, certify, range_of
from calibrant.certify.changes import Change, Order, Refused, certified
from calibrant.certify.collections import open_for
from calibrant.certify.reports import objection
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CertificationRefused, CertifyJob
from calibrant.contracts.common.v1 import JobFailed, Product
from calibrant.contracts.times import bounds_of
from calibrant.rules.collections import CollectionType
from calibrant.rules.ledger import daily_collection
from calibrant.rules.validity import ValidityRange

Identify = Callable[..., str]


class CertifyService:
    """Certifies products."""

    def certify(
        self, session: Session, job: CertifyJob, *, identify: Identify, run_id: str, now_tai_ns: int
    ) -> list[Message]:
        """Write a job's products into the ledger, as one change.

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
        change_id = "chg-" + identify("change").replace("-", "")[:12]
        facts = {"who": job.requested_by, "reason": job.reason, "run_id": run_id}
        change = Change(session, Order.now(session, now_tai_ns, change_id=change_id, **facts), job.job_id)
        written = [product.product_id for product in job.products if self._answer(change, job, product)]
        if written:
            place = job.collection or daily_collection(job.products[0].instrument)
            change.end("certify", place, f"certified {', '.join(written)} in {place}")
        return change.events

    def _answer(self, change: Change, job: CertifyJob, product: Product) -> bool:
        """Certify a product, or say why not; tell whether a line was written."""
        collection = job.collection or daily_collection(product.instrument)
        try:
            span = _valid(job)
            against = objection(change.session, job.report_id, product)
            if against:
                raise Refused(against)
            open_for(change, collection, CollectionType.CALIBRATION)
            ways = {"supersede": False, "gives_way": bool(job.gives_way)}
            row, stood = certify(change, product, collection, span, job.report_id, **ways)
        except Clashing as refusal:
            names = tuple(one.certification_id for one in refusal.standing)
            change.events.append(_refusal(job, product, collection, str(refusal), names))
            return False
        except Refused as refusal:
            change.events.append(_refusal(job, product, collection, str(refusal), ()))
            return False
        if stood is not None:
            change.events.append(certified(row, job.job_id, stood, unchanged=True))
        return stood is None


def _valid(job: CertifyJob) -> ValidityRange:
    if not job.report_id:
        raise Refused("no report accepted it; verify it first")
    return range_of(*bounds_of(job.validity))


def _refusal(
    job: CertifyJob, product: Product, collection: str, reason: str, clashes: tuple[str, ...]
) -> CertificationRefused:
    return CertificationRefused(
        job_id=job.job_id,
        product_id=product.product_id,
        collection=collection,
        reason=reason,
        conflicts=clashes,
    )
