"""The read model of certifications: what certify tells is kept, what it withdraws is cut out. Events come in order."""

from __future__ import annotations

from sqlmodel import Session, select

from calibrant.contracts.certify.v1 import CalibrationCertified, CalibrationWithdrawn
from calibrant.contracts.common.v1 import TimeRange
from calibrant.rules.validity import ValidityRange
from calibrant.sequencer.store.tables import CalibrationRow


def keep_certification(session: Session, certified: CalibrationCertified) -> None:
    """Take a certification into the read model; of one that stands, what is left of it is known already."""
    if certified.unchanged and session.get(CalibrationRow, certified.certification_id) is not None:
        return
    session.merge(
        CalibrationRow(
            certification_id=certified.certification_id,
            collection=certified.collection,
            instrument=certified.product.instrument,
            kind=certified.product.kind,
            detector=certified.product.detector,
            filter=certified.product.filter,
            **_range(certified.validity).model_dump(),
            recorded_tai_ns=certified.recorded.ns,
            product_id=certified.product.product_id,
            product_json=certified.product.to_json().decode(),
        )
    )


def cut_out(session: Session, withdrawn: CalibrationWithdrawn) -> None:
    """Cut a range out of what is known of a product in a collection."""
    gone = _range(withdrawn.validity)
    same = (
        CalibrationRow.collection == withdrawn.collection,
        CalibrationRow.product_id == withdrawn.product.product_id,
    )
    for row in session.exec(select(CalibrationRow).where(*same)).all():
        standing = ValidityRange(begin_tai_ns=row.begin_tai_ns, end_tai_ns=row.end_tai_ns)
        if not standing.overlaps(gone):
            continue
        session.delete(row)
        session.flush()
        for number, left in enumerate(standing.without(gone)):
            name = row.certification_id if number == 0 else f"{row.certification_id}/{withdrawn.change_id}"
            facts = row.model_dump() | left.model_dump() | {"certification_id": name}
            session.add(CalibrationRow(**facts))
    session.flush()


def _range(validity: TimeRange) -> ValidityRange:
    begin, end = validity.begin, validity.end
    return ValidityRange(
        begin_tai_ns=None if begin is None else begin.ns, end_tai_ns=None if end is None else end.ns
    )
