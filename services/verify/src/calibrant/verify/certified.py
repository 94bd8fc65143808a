"""What is certified, as certify told of it: whose measurements are history. Knows no measurement.

A withdrawn range is cut out; a certification of which nothing is left keeps its row, so that what was known at an
earlier instant can still be asked. Times are TAI nanoseconds.
"""

from sqlalchemy import BigInteger, Column, ColumnElement
from sqlalchemy.orm import Mapped
from sqlmodel import Field, Session, SQLModel, col, or_, select

from calibrant.bus.errors import permanent
from calibrant.contracts.certify.v1 import CalibrationCertified, CalibrationWithdrawn
from calibrant.contracts.common.v1 import TimeRange
from calibrant.contracts.times import bounds_of
from calibrant.rules.validity import ValidityRange, between, left_of


class CertifiedRow(SQLModel, table=True):
    """A certification, or what a withdrawal left of one."""

    __tablename__ = "verify_certified"

    certification_id: str = Field(primary_key=True)
    product_id: str = Field(index=True)
    collection: str
    begin_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    end_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    recorded_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    withdrawn_tai_ns: int | None = Field(
        default=None,
        sa_column=Column(BigInteger, nullable=True),
        description="when the last of it was withdrawn; null: it is in force",
    )


def keep_certification(session: Session, certified: CalibrationCertified) -> None:
    """Note that a product is certified; told again, it is what became of it since."""
    if session.get(CertifiedRow, certified.certification_id) is not None:
        return
    session.add(
        CertifiedRow(
            certification_id=certified.certification_id,
            product_id=certified.product.product_id,
            collection=certified.collection,
            recorded_tai_ns=certified.recorded.ns,
            **_range(certified.validity).model_dump(),
        )
    )


def cut_out(session: Session, withdrawn: CalibrationWithdrawn) -> None:
    """Cut a range out of what is certified of a product in a collection."""
    gone = _range(withdrawn.validity)
    in_force = select(CertifiedRow).where(
        CertifiedRow.product_id == withdrawn.product.product_id,
        CertifiedRow.collection == withdrawn.collection,
        col(CertifiedRow.withdrawn_tai_ns).is_(None),
    )
    for row in session.exec(in_force).all():
        standing = ValidityRange(begin_tai_ns=row.begin_tai_ns, end_tai_ns=row.end_tai_ns)
        left = left_of(row.certification_id, standing, gone, withdrawn.change_id)
        if not left:
            row.withdrawn_tai_ns = withdrawn.recorded.ns
        for name, span in left.items():
            session.merge(CertifiedRow(**row.model_dump() | span.model_dump() | {"certification_id": name}))
    session.flush()


def certified_by(product_id: Mapped[str], known_at_tai_ns: int | None = None) -> ColumnElement[bool]:
    """Return the condition that a product is certified, or was at an instant if one is given (TAI ns)."""
    standing = col(CertifiedRow.withdrawn_tai_ns).is_(None)
    when: list[ColumnElement[bool]] = [standing]
    if known_at_tai_ns is not None:
        later = col(CertifiedRow.withdrawn_tai_ns) > known_at_tai_ns
        when = [col(CertifiedRow.recorded_tai_ns) <= known_at_tai_ns, or_(standing, later)]
    mine = select(CertifiedRow.certification_id).where(product_id == CertifiedRow.product_id, *when)
    return mine.exists()


def _range(validity: TimeRange) -> ValidityRange:
    with permanent("validity"):
        return between(*bounds_of(validity))
