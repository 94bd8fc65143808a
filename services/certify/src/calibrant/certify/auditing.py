"""What certify writes into the audit: each certification and each refusal. Must not know how they come about."""

from collections.abc import Iterable

from sqlmodel import Session

from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused, CertifyJob
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller


def write_down(
    session: Session, job: CertifyJob, answers: Iterable[Message], *, run_id: str, now_tai_ns: int
) -> None:
    """Write down what came of a job, for each of its products, in the transaction of the ledger's lines.

    Parameters
    ----------
    session : Session
        The transaction.
    job : CertifyJob
        The job; it names who asked.
    answers : iterable of Message
        What certify answers.
    run_id : str
        The run.
    now_tai_ns : int
        Now, in nanoseconds since 1970-01-01T00:00:00 TAI.
    """
    caller = Caller(job.requested_by, ())
    for answer in answers:
        about, outcome = _told(job, answer)
        record(session, now_tai_ns, caller, Deed("certify", about, outcome, run_id))


def _told(job: CertifyJob, answer: Message) -> tuple[str, str]:
    if isinstance(answer, CalibrationCertified):
        what = "stands already" if answer.unchanged else "certified"
        return answer.product.product_id, f"{what} in {answer.collection}: {answer.certification_id}"
    if isinstance(answer, CertificationRefused):
        return answer.product_id, f"refused in {answer.collection}: {answer.reason}"
    return job.job_id, "refused: the job names no products"
