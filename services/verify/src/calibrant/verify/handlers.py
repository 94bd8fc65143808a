"""What verify does with messages: jobs in, their numbers recorded and told. Decodes nothing, publishes nothing."""

from collections.abc import Iterable, Mapping

from pydantic import JsonValue
from sqlmodel import Session

from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CalibrationCertified, CalibrationWithdrawn
from calibrant.contracts.verify.v1 import (
    DecideJob,
    DetectorDecision,
    MeasureJob,
    MeasurementCompleted,
    Score,
    VerificationCompleted,
)
from calibrant.runtime.handlers import Context, JobResult, job, on
from calibrant.verify import deciding, measuring
from calibrant.verify.certified import cut_out, keep_certification
from calibrant.verify.history import gather
from calibrant.verify.measuring.artifacts import MEASUREMENTS, PREVIEW
from calibrant.verify.reasons import counts_of, tally
from calibrant.verify.service import VerifyService

MOST_REASONS = 20
"""Reasons that an event has at most; the report has all of them."""


@job(MeasureJob, compute=measuring.compute)
def record_measurements(
    message: MeasureJob, result: JobResult, context: Context[VerifyService]
) -> Iterable[Message]:
    """Record the measurements of one detector and tell of them; a known job gives the same again."""
    ref = result.artifacts[MEASUREMENTS]
    report = context.service.record_measurements(
        context.session, ref, context.clock.tai_ns(), message.reference.filter
    )
    counted = tally(report.results)
    return [
        MeasurementCompleted(
            job_id=message.job_id,
            product_id=report.product_id,
            kind=report.kind,
            detector=report.detector,
            results=ref,
            passed=counted.passed,
            failed=counted.failed,
            not_applicable=counted.not_applicable,
            preview=result.artifacts.get(PREVIEW),
        )
    ]


@on(CalibrationCertified)
def certified(message: CalibrationCertified, context: Context[VerifyService]) -> Iterable[Message]:
    """Note what is certified: its exposures are history from now on."""
    keep_certification(context.session, message)
    return ()


@on(CalibrationWithdrawn)
def withdrawn(message: CalibrationWithdrawn, context: Context[VerifyService]) -> Iterable[Message]:
    """Note what is withdrawn: a product of which nothing is in force is no history any more."""
    cut_out(context.session, message)
    return ()


def gather_history(message: DecideJob, service: VerifyService, session: Session) -> Mapping[str, JsonValue]:
    """Read what is known of a set before it is decided."""
    return gather(message, service.trends, session)


@job(DecideJob, compute=deciding.compute, gather=gather_history, preload=("calibrant.verify.page",))
def record_report(
    message: DecideJob, result: JobResult, context: Context[VerifyService]
) -> Iterable[Message]:
    """Record the report on a set and tell what each detector may do; a known job gives the same again."""
    ref, page = result.artifacts[deciding.ARTIFACT], result.artifacts[deciding.PAGE]
    report = context.service.record_report(context.session, ref, page, context.clock.tai_ns())
    return [
        VerificationCompleted(
            job_id=message.job_id,
            report_id=report.report_id,
            kind=report.kind,
            mode=message.mode,
            instrument=report.instrument,
            set_key=report.set_key,
            outcome=report.decision.outcome.value,
            decisions=tuple(
                DetectorDecision(
                    detector=one.detector,
                    product_id=one.product_id,
                    accepted=one.accepted,
                    reason=one.reason,
                    score=Score[one.score.name],
                    score_reason=one.score_reason or None,
                    verdict=one.verdict,
                )
                for one in report.detectors
            ),
            report=ref,
            gate=message.gate,
            counts=counts_of(report.decision),
            reasons=report.decision.reasons[:MOST_REASONS],
            limits_version=report.limits.version,
            page=page,
            findings=report.findings,
        )
    ]
