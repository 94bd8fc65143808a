"""People's decisions: products are put on the waiting list; a decision takes one off, certified or rejected.

Must not know HTTP or who may decide. A decision, its certification and what is told of both are one transaction.
"""

import unicodedata

from sqlmodel import Session, select

from calibrant.bus.errors import PermanentError
from calibrant.certify.auditing import write_down
from calibrant.certify.ledger import lines
from calibrant.certify.service import CertifyService, Identify
from calibrant.certify.waiting import ACCEPTED, REJECTED, WAITING, WaitingRow
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CertifyJob, DecisionMade
from calibrant.contracts.common.v1 import Product, TaiTime
from calibrant.frames.times import utc_text
from calibrant.rules.ledger import LedgerEntry, already_certified, daily_collection
from calibrant.rules.validity import ValidityRange
from calibrant.runtime.access.audit import Deed
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.ids import derive
from calibrant.runtime.unit_of_work import Outgoing, UnitOfWork

MOST_REASON = 1000
"""Characters of a reason."""


class NothingWaits(PermanentError):
    """There is nothing of this name on the waiting list."""


class DecidedAlready(PermanentError):
    """Somebody has decided on it before; the text says who, when and why."""


class NoReason(PermanentError):
    """A decision needs a reason that can be shown."""


def ask(
    session: Session, job: CertifyJob, *, identify: Identify, run_id: str, now_tai_ns: int
) -> CertifyJob | None:
    """Put the products of a job on the waiting list, but those that are certified already.

    Returns
    -------
    CertifyJob or None
        The job of those that are certified already: nobody needs to be asked. None where there are none.
    """
    known = [one for one in job.products if _stands(session, job, one)]
    for product in job.products:
        if product not in known:
            session.add(
                _row(job, product, "wait-" + identify("waiting", product.product_id)[:13], run_id, now_tai_ns)
            )
    session.flush()
    return job.model_copy(update={"products": tuple(known), "ask": None}) if known else None


def decide(
    unit: UnitOfWork, service: CertifyService, waiting_id: str, *, accepted: bool, reason: str, caller: Caller
) -> WaitingRow:
    """Accept or reject a product that waits.

    Parameters
    ----------
    unit : UnitOfWork
        The transaction; what is told goes into its outbox.
    service : CertifyService
        Certifies what is accepted.
    waiting_id : str
        Which, as the waiting list names it.
    accepted : bool
        Whether it may be certified; a clash with what stands can still refuse it.
    reason : str
        Why, for whoever asks later.
    caller : Caller
        Who decides.

    Raises
    ------
    NothingWaits, DecidedAlready, NoReason
        Nothing is changed.
    """
    reason = _sound(reason)
    row = _open(unit.session, waiting_id)
    now_tai_ns = unit.clock.tai_ns()
    row.state = ACCEPTED if accepted else REJECTED
    row.decided_by, row.reason, row.decided_tai_ns = caller.identity, reason, now_tai_ns
    unit.session.add(row)
    unit.session.flush()
    unit.audit(caller, Deed("decide", waiting_id, f"{row.state} {row.product_id}: {reason}", row.run_id))
    answers: list[Message] = [_made(row)]
    if accepted:
        answers += _certified(unit, service, row)
    unit.emit(Outgoing(answer, row.run_id) for answer in answers)
    return row


def _certified(unit: UnitOfWork, service: CertifyService, row: WaitingRow) -> list[Message]:
    asked = row.made_of
    reason = f"{asked.reason}; accepted by {row.decided_by}: {row.reason}"
    job = asked.model_copy(update={"ask": None, "requested_by": row.decided_by, "reason": reason})

    def identify(*parts: str) -> str:
        return derive(row.waiting_id, *parts)

    now_tai_ns = unit.clock.tai_ns()
    answers = service.certify(unit.session, job, identify=identify, run_id=row.run_id, now_tai_ns=now_tai_ns)
    write_down(unit.session, job, answers, run_id=row.run_id, now_tai_ns=now_tai_ns)
    return answers


def _open(session: Session, waiting_id: str) -> WaitingRow:
    row = session.exec(
        select(WaitingRow).where(WaitingRow.waiting_id == waiting_id).with_for_update()
    ).first()
    if row is None:
        raise NothingWaits(
            f"nothing waits under {waiting_id!r}: `calibrant waiting` and GET /waiting list what does"
        )
    if row.state != WAITING:
        raise DecidedAlready(
            f"{waiting_id} was {row.state} by {row.decided_by} at {utc_text(row.decided_tai_ns)}: {row.reason}. It is "
            "not decided twice: what is certified can be withdrawn, what was rejected built and verified again"
        )
    return row


def _sound(reason: str) -> str:
    text = reason.strip()
    if not text:
        raise NoReason("a decision needs a reason: say why, for whoever asks later")
    if len(text) > MOST_REASON or any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise NoReason(
            f"a reason is one line of at most {MOST_REASON} characters, none of them control characters"
        )
    return text


def _stands(session: Session, job: CertifyJob, product: Product) -> bool:
    """Tell whether a product is certified there over all of the range already; certify itself answers then."""
    begin, end = job.validity.begin, job.validity.end
    if begin is not None and end is not None and begin.ns >= end.ns:
        return False
    wish = LedgerEntry(
        product_id=product.product_id,
        collection=job.collection or daily_collection(product.instrument),
        kind=product.kind,
        instrument=product.instrument,
        detector=product.detector,
        filter=product.filter,
        range=ValidityRange(begin_tai_ns=begin and begin.ns, end_tai_ns=end and end.ns),
        recorded_tai_ns=0,
        sequence=0,
    )
    known = lines(session, wish.subject, product.product_id)
    return already_certified((row.entry for row in known.values()), wish) is not None


def _made(row: WaitingRow) -> DecisionMade:
    return DecisionMade(
        waiting_id=row.waiting_id,
        job_id=row.made_of.job_id,
        product_id=row.product_id,
        collection=row.collection,
        accepted=row.state == ACCEPTED,
        reason=row.reason,
        decided_by=row.decided_by,
        decided=TaiTime.from_ns(row.decided_tai_ns or 0),
    )


def _row(job: CertifyJob, product: Product, waiting_id: str, run_id: str, now_tai_ns: int) -> WaitingRow:
    return WaitingRow(
        waiting_id=waiting_id,
        state=WAITING,
        job=job.model_copy(update={"products": (product,)}).to_json().decode(),
        product_id=product.product_id,
        instrument=product.instrument,
        kind=product.kind,
        detector=product.detector,
        filter=product.filter,
        collection=job.collection or daily_collection(product.instrument),
        report_id=job.report_id,
        run_id=run_id,
        because=job.ask or "",
        asked_tai_ns=now_tai_ns,
    )
