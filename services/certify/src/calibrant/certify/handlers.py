"""What certify does with messages: a job in, one answer for each of its products out."""

from collections.abc import Iterable

from calibrant.certify.service import CertifyService
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.runtime.handlers import Context, on


@on(CertifyJob)
def certify_products(message: CertifyJob, context: Context[CertifyService]) -> Iterable[Message]:
    """Write the job's products into the ledger, or say what stands in the way."""
    return context.service.certify(
        context.session,
        message,
        identify=context.derive,
        run_id=context.run_id,
        now_tai_ns=context.clock.tai_ns(),
    )
