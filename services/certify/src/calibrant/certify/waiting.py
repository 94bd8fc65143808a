"""The waiting list: products that are certified only if a person says so, and what was said.

Owns its table and the questions about it; must not know how a decision is carried out. Times are TAI nanoseconds.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, Session, SQLModel, col, select

from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.frames.times import utc_text

WAITING = "waiting"
ACCEPTED = "accepted"
REJECTED = "rejected"


class WaitingRow(SQLModel, table=True):
    """A product that waits for a person's decision, or waited; decided once."""

    __tablename__ = "certify_waiting"

    waiting_id: str = Field(primary_key=True)
    state: str = Field(index=True, description="waiting, accepted or rejected")
    job: str = Field(
        sa_column=Column(Text, nullable=False), description="JSON: the CertifyJob, of this product alone"
    )
    product_id: str = Field(index=True)
    instrument: str
    kind: str
    detector: int
    filter: str | None = None
    collection: str
    report_id: str
    run_id: str
    because: str = Field(sa_column=Column(Text, nullable=False))
    asked_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    decided_by: str = ""
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    decided_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger))

    @property
    def made_of(self) -> CertifyJob:
        """The job that waits."""
        return CertifyJob.from_json(self.job.encode())


def waiting_list(
    session: Session,
    *,
    state: str | None = WAITING,
    instrument: str | None = None,
    run_id: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """List what waits for a decision, the longest waiting first.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    state : str or None
        ``waiting``, ``accepted`` or ``rejected``; None: all.
    instrument, run_id : str or None
        Only of these; None: all.
    limit : int or None
        At most so many; None: all.

    Returns
    -------
    list of dict
        Each with ``id, state, product, kind, instrument, detector, filter, collection, report, run, because, asked,
        asked_tai_ns, decided_by, reason, decided, decided_tai_ns``.
    """
    query = select(WaitingRow).order_by(col(WaitingRow.asked_tai_ns), col(WaitingRow.waiting_id))
    wanted = [(WaitingRow.state, state), (WaitingRow.instrument, instrument), (WaitingRow.run_id, run_id)]
    for column, value in wanted:
        if value is not None:
            query = query.where(col(column) == value)
    return [_line(row) for row in session.exec(query.limit(limit)).all()]


def waiting_one(session: Session, waiting_id: str) -> dict[str, Any] | None:
    """Show one, with the whole job as ``job``; None when there is none."""
    row = session.get(WaitingRow, waiting_id)
    return (
        None if row is None else {**_line(row), "job": row.made_of.model_dump(mode="json", exclude_none=True)}
    )


def overruled(session: Session, report_id: str, product_id: str) -> bool:
    """Tell whether a person has accepted a product, whatever its report says."""
    asked = (
        WaitingRow.report_id == report_id,
        WaitingRow.product_id == product_id,
        WaitingRow.state == ACCEPTED,
    )
    return session.exec(select(WaitingRow.waiting_id).where(*asked)).first() is not None


def accepted_by_a_person(session: Session, product_id: str) -> str:
    """Name the report by which a person has accepted a product last; empty: nobody has."""
    mine = (WaitingRow.product_id == product_id, WaitingRow.state == ACCEPTED)
    query = select(WaitingRow.report_id).where(*mine).order_by(col(WaitingRow.decided_tai_ns).desc())
    return session.exec(query).first() or ""


def _line(row: WaitingRow) -> dict[str, Any]:
    return {
        "id": row.waiting_id,
        "state": row.state,
        "product": row.product_id,
        "kind": row.kind,
        "instrument": row.instrument,
        "detector": row.detector,
        "filter": row.filter,
        "collection": row.collection,
        "report": row.report_id,
        "run": row.run_id,
        "because": row.because,
        "asked": utc_text(row.asked_tai_ns),
        "asked_tai_ns": row.asked_tai_ns,
        "decided_by": row.decided_by,
        "reason": row.reason,
        "decided": utc_text(row.decided_tai_ns),
        "decided_tai_ns": row.decided_tai_ns,
    }
