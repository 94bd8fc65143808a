"""What certify does with messages: reports and products are kept; a job in, one answer for each of its products out."""

from collections.abc import Iterable

from calibrant.certify.auditing import write_down
from calibrant.certify.changes import Change, Order
from calibrant.certify.deciding import ask
from calibrant.certify.products import keep_built
from calibrant.certify.reports import keep_report
from calibrant.certify.service import CertifyService
from calibrant.certify.stages import distributed
from calibrant.contracts.archive.v1 import ProductPublished
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.verify.v1 import VerificationCompleted
from calibrant.runtime.handlers import Context, on


@on(VerificationCompleted)
def take_report(message: VerificationCompleted, context: Context[CertifyService]) -> Iterable[Message]:
    """Keep what verification decided, for the jobs that name its report."""
    keep_report(context.session, message, context.clock.tai_ns())
    return ()


@on(JobDone)
def take_products(message: JobDone, context: Context[CertifyService]) -> Iterable[Message]:
    """Note what a run has made: it is in the run's collection, and can be certified by its name."""
    if not context.run_id:
        return ()
    facts = {"change_id": "", "who": "combine", "reason": "built", "run_id": context.run_id}
    order = Order.now(context.session, context.clock.tai_ns(), **facts)
    change = Change(context.session, order, message.job_id)
    keep_built(change, message.products)
    return change.events


@on(ProductPublished)
def take_publication(message: ProductPublished, context: Context[CertifyService]) -> Iterable[Message]:
    """Note that a product is distributed."""
    return distributed(context.session, message, context.clock.tai_ns())


@on(CertifyJob)
def certify_products(message: CertifyJob, context: Context[CertifyService]) -> Iterable[Message]:
    """Write the job's products into the ledger, or say what stands in the way; or ask a person first."""
    now, run_id = context.clock.tai_ns(), context.run_id
    if message.ask is not None and message.products:
        standing = ask(context.session, message, identify=context.derive, run_id=run_id, now_tai_ns=now)
        if standing is None:
            return ()
        message = standing
    answers = context.service.certify(
        context.session, message, identify=context.derive, run_id=run_id, now_tai_ns=now
    )
    write_down(context.session, message, answers, run_id=run_id, now_tai_ns=now)
    return answers
