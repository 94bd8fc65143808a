"""The read model of certifications: what certify tells is kept, what it withdraws is cut out; chains are searched.

Events come in order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import and_, case, delete, literal, not_, or_
from sqlmodel import Session, col, select

from calibrant.bus.errors import TransientError, permanent
from calibrant.contracts.certify.v1 import CalibrationCertified, CalibrationWithdrawn, CollectionChanged
from calibrant.contracts.common.v1 import Product, TimeRange
from calibrant.contracts.times import bounds_of
from calibrant.rules.collections import ChainRefused, Collection, CollectionType, search_order
from calibrant.rules.ledger import FILTER_KINDS
from calibrant.rules.validity import ValidityRange, between, left_of
from calibrant.sequencer.plan.ground import Certified
from calibrant.sequencer.store.tables import CalibrationRow, ChainRow

MOST_OTHERS = 10
"""Certified calibrations of other filters and times that are named with the reason why not."""


class ChainsUnsettled(TransientError):
    """Chains whose changes have not all come: two chains keep no order between them."""


class StoredCertifications:
    """Calibrations certified for an instrument in collections, or in those that chains search.

    Parameters
    ----------
    session : Session
        The transaction.
    instrument : str
        Whose.
    *collections : str
        Where; what is in the first ones is found first.
    """

    def __init__(self, session: Session, instrument: str, *collections: str) -> None:
        self._session = session
        searched = dict.fromkeys(name for one in collections for name in _searched(session, one))
        places = {name: place for place, name in enumerate(searched)}
        self._mine = (CalibrationRow.instrument == instrument, col(CalibrationRow.collection).in_(places))
        self._place = case(places, value=col(CalibrationRow.collection)) if places else literal(0)
        self._found: dict[tuple[str, int, str | None, int], Sequence[Certified]] = {}

    def __call__(
        self, kind: str, detector: int, filter_name: str | None, at_tai_ns: int
    ) -> Sequence[Certified]:
        """Return all valid for a subject at an instant; then a few others, to say why not.

        First those of the collection that is searched first, in it the last recorded. The filter counts for kinds that
        have one.
        """
        subject = (kind, detector, filter_name, at_tai_ns)
        if subject not in self._found:
            self._found[subject] = self._find(*subject)
        return self._found[subject]

    def _find(self, kind: str, detector: int, filter_name: str | None, at_tai_ns: int) -> Sequence[Certified]:
        of_kind = (*self._mine, CalibrationRow.kind == kind, CalibrationRow.detector == detector)
        begin, end = col(CalibrationRow.begin_tai_ns), col(CalibrationRow.end_tai_ns)
        fits = and_(or_(begin.is_(None), begin <= at_tai_ns), or_(end.is_(None), end > at_tai_ns))
        if kind in FILTER_KINDS:
            fits = and_(fits, col(CalibrationRow.filter).is_not_distinct_from(filter_name))
        latest = (
            self._place,
            col(CalibrationRow.recorded_tai_ns).desc(),
            col(CalibrationRow.certification_id),
        )
        found = select(CalibrationRow).where(*of_kind).order_by(*latest)
        fitting = self._session.exec(found.where(fits)).all()
        others = self._session.exec(found.where(not_(fits)).limit(MOST_OTHERS)).all()
        return [
            Certified(
                product=Product.from_json(row.product_json.encode()),
                range=ValidityRange(begin_tai_ns=row.begin_tai_ns, end_tai_ns=row.end_tai_ns),
                recorded_tai_ns=row.recorded_tai_ns,
            )
            for row in (*fitting, *others)
        ]


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
        for name, left in left_of(row.certification_id, standing, gone, withdrawn.change_id).items():
            facts = row.model_dump() | left.model_dump() | {"certification_id": name}
            session.add(CalibrationRow(**facts))
    session.flush()


def keep_chain(session: Session, changed: CollectionChanged) -> None:
    """Note what a chain searches; other collections are known by what is certified in them.

    A chain without members is none any more: its making was undone, and its name is free for a collection.
    """
    if changed.type != CollectionType.CHAINED:
        return
    if not changed.members:
        session.exec(delete(ChainRow).where(col(ChainRow.name) == changed.collection))
    else:
        session.merge(ChainRow(name=changed.collection, members_json=json.dumps(changed.members)))


def chain_trouble(session: Session, name: str) -> str:
    """Say why a look-up in a collection cannot be made, and what to do; empty where it can."""
    try:
        _searched(session, name)
    except ChainsUnsettled as problem:
        return (
            f"{problem}; if it stays so, give a chain other members, then replay the sequencer's dead letters"
        )
    return ""


def _searched(session: Session, name: str) -> list[str]:
    """Return the collections that a look-up goes through; the chains are few."""
    chains = {
        row.name: Collection(
            name=row.name, type=CollectionType.CHAINED, members=tuple(json.loads(row.members_json))
        )
        for row in session.exec(select(ChainRow))
    }
    try:
        return [one.name for one in search_order(name, chains)]
    except ChainRefused as problem:
        raise ChainsUnsettled(f"{problem}: another change of the chains is still on its way") from problem


def _range(validity: TimeRange) -> ValidityRange:
    with permanent("validity"):
        return between(*bounds_of(validity))
