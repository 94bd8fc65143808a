"""What archive does with messages: a certification becomes a publication to be made, a withdrawal cuts its range."""

from collections.abc import Iterable

from sqlalchemy import event

from calibrant.archive.service import ArchiveService
from calibrant.archive.withdrawing import withdraw
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CalibrationCertified, CalibrationWithdrawn
from calibrant.runtime.handlers import Context, on


@on(CalibrationCertified)
def take_in_certification(message: CalibrationCertified, context: Context[ArchiveService]) -> None:
    """Record what is to be published; copying the file is the publisher's work, outside this transaction."""
    service = context.service
    service.accept(context.session, message, run_id=context.run_id, now_tai_ns=context.clock.tai_ns())
    event.listen(context.session, "after_commit", lambda _session: service.bell.ring(), once=True)


@on(CalibrationWithdrawn)
def take_in_withdrawal(message: CalibrationWithdrawn, context: Context[ArchiveService]) -> Iterable[Message]:
    """Say what is left of a product's publications; their files stay."""
    return list(withdraw(context.session, message))
