"""What verification decided, as certify was told: which report accepts which product of which detector.

Owns the read model. A report is written once; its identifier belongs to what was measured.
"""

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, Session, SQLModel, col, select

from calibrant.bus.errors import TransientError
from calibrant.certify.waiting import accepted_by_a_person, overruled
from calibrant.contracts.common.v1 import Product
from calibrant.contracts.verify.v1 import VerificationCompleted


class ReportRow(SQLModel, table=True):
    """What a report says of one detector's product."""

    __tablename__ = "certify_report"

    report_id: str = Field(primary_key=True)
    detector: int = Field(primary_key=True)
    product_id: str = Field(
        primary_key=True, index=True, description="product decided on; empty when there is none"
    )
    accepted: bool
    reason: str = Field(sa_column=Column(Text, nullable=False))
    told_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class ReportUnknown(TransientError):
    """A report that verification has not told of yet; it may still be on its way."""


def keep_report(session: Session, completed: VerificationCompleted, now_tai_ns: int) -> None:
    """Note what a report says; told twice it is the same."""
    for decision in completed.decisions:
        key = (completed.report_id, decision.detector, decision.product_id)
        known = session.get(ReportRow, key)
        session.merge(
            ReportRow(
                report_id=completed.report_id,
                detector=decision.detector,
                product_id=decision.product_id,
                accepted=decision.accepted,
                reason=decision.reason,
                told_tai_ns=now_tai_ns if known is None else known.told_tai_ns,
            )
        )


def accepting(session: Session, product: Product) -> str:
    """Name the report that accepted a product last, or by which a person accepted it; empty: there is none."""
    mine = (col(ReportRow.product_id) == product.product_id, col(ReportRow.detector) == product.detector)
    latest = (col(ReportRow.told_tai_ns).desc(), col(ReportRow.report_id))
    query = select(ReportRow.report_id).where(*mine, col(ReportRow.accepted)).order_by(*latest)
    return session.exec(query).first() or accepted_by_a_person(session, product.product_id)


def objection(session: Session, report_id: str, product: Product) -> str:
    """Say why a report does not allow a product to be certified; empty when it does.

    Raises
    ------
    ReportUnknown
        Verification has told of no such report: two topics keep no order between them, so it is asked again
        later, for as long as messages are tried again.
    """
    rows = session.exec(select(ReportRow).where(col(ReportRow.report_id) == report_id)).all()
    if not rows:
        raise ReportUnknown(
            f"verification has told of no report {report_id}: it is still on its way, or nobody made it; name a "
            "report that GET /reports of verify lists"
        )
    mine = {row.product_id: row for row in rows if row.detector == product.detector}
    row = mine.get(product.product_id)
    if row is None:
        others = ", ".join(sorted(name or "no product" for name in mine))
        decided = f"it decided on {others}" if mine else "it says nothing of that detector"
        return (
            f"report {report_id} does not accept {product.product_id} for detector {product.detector}: {decided}; "
            "name the report that does, or verify the product first"
        )
    if row.accepted or overruled(session, report_id, product.product_id):
        return ""
    return f"report {report_id} does not accept {product.product_id}: {row.reason}"
