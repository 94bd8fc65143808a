"""What a withdrawal makes of publications: their range is cut, and what has none left applies no more.

Owns their status from then on. Files and catalogue rows stay: what was published can be had for ever. Must not know the
bus or HTTP.
"""

from collections.abc import Iterator

from sqlmodel import Session, col, select

from calibrant.archive.store import PublicationRow, Status
from calibrant.bus.errors import permanent
from calibrant.contracts.archive.v1 import ProductWithdrawn
from calibrant.contracts.certify.v1 import CalibrationWithdrawn
from calibrant.contracts.times import bounds_of, time_range
from calibrant.rules.validity import ValidityRange, between

_GONE = (Status.SUPERSEDED, Status.WITHDRAWN)


def withdraw(session: Session, withdrawn: CalibrationWithdrawn) -> Iterator[ProductWithdrawn]:
    """Cut a range out of a product's publications in a collection; tell of those that are public.

    One that is not public yet is announced with what is left of it, or not at all.

    Parameters
    ----------
    session : Session
        The transaction.
    withdrawn : CalibrationWithdrawn
        What certify says.

    Raises
    ------
    PermanentError
        The range is turned round.
    """
    with permanent("validity"):
        gone = between(*bounds_of(withdrawn.validity))
    about = (
        PublicationRow.product_id == withdrawn.product.product_id,
        PublicationRow.collection == withdrawn.collection,
        col(PublicationRow.status).not_in(_GONE),
    )
    order = (col(PublicationRow.requested_tai_ns), col(PublicationRow.publication_id))
    for row in session.exec(select(PublicationRow).where(*about).order_by(*order)).all():
        public = row.status == Status.CURRENT
        if _cut(row, gone, withdrawn) and public:
            yield announcement(row)
    session.flush()


def announcement(row: PublicationRow) -> ProductWithdrawn:
    """Tell what is left of a publication."""
    return ProductWithdrawn(
        publication_id=row.publication_id,
        product_id=row.product_id,
        kind=row.kind,
        instrument=row.instrument,
        detector=row.detector,
        collection=row.collection,
        status=row.status,
        in_force=tuple(time_range(one.begin_tai_ns, one.end_tai_ns) for one in row.in_force),
        superseded_by=row.superseded_by or None,
        reason=row.withdrawal,
    )


def _cut(row: PublicationRow, gone: ValidityRange, withdrawn: CalibrationWithdrawn) -> bool:
    """Cut a range out of a publication; tell whether that changes it."""
    standing = row.in_force
    left = [piece for one in standing for piece in one.without(gone)]
    if left == standing:
        return False
    row.in_force = left
    row.superseded_by = withdrawn.superseded_by
    by = f"superseded by {withdrawn.superseded_by}" if withdrawn.superseded_by else "withdrawn"
    row.withdrawal = f"{by}: {withdrawn.reason} ({withdrawn.requested_by})"
    if not left:
        row.status = Status.SUPERSEDED if withdrawn.superseded_by else Status.WITHDRAWN
    return True
