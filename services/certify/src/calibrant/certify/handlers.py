"""What certify does with messages: reports are kept; a job in, one answer for each of its products out."""

from collections.abc import Iterable

from calibrant.certify.auditing import write_down
from calibrant.certify.deciding import ask
from calibrant.certify.reports import keep_report
from calibrant.certify.service import CertifyService
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.verify.v1 import VerificationCompleted
from calibrant.runtime.handlers import Context, on


@on(VerificationCompleted)
def take_report(message: VerificationCompleted, context: Context[CertifyService]) -> Iterable[Message]:
    """Keep what verification decided, for the jobs that name its report."""
    keep_report(context.session, message)
    return ()


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
