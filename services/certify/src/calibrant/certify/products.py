"""The products that certify knows: those it was told of when they were built, brought or certified."""

from __future__ import annotations

from sqlmodel import Session, col, select

from calibrant.certify.changes import Change, Refused
from calibrant.certify.collections import open_for, put
from calibrant.certify.ledger import EntryRow
from calibrant.certify.tables import MemberRow, ProductRow
from calibrant.contracts.certify.v1 import CertificationRefused
from calibrant.contracts.common.v1 import Product
from calibrant.rules.collections import CollectionType
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller


def run_collection(run_id: str) -> str:
    """Name the collection of what a run has made."""
    return f"runs/{run_id}"


def keep_built(change: Change, products: tuple[Product, ...]) -> None:
    """Note what a run has made; told twice it is the same.

    A product that is known with other bytes is refused, which is told and written into the audit; the others are noted.
    """
    name = run_collection(change.order.run_id)
    for product in products:
        try:
            keep(change, product)
        except Refused as refusal:
            _refuse(change, name, product, str(refusal))
            continue
        if not _is_in(change.session, name, product.product_id):
            open_for(change, name, CollectionType.RUN)
            put(change, name, product.product_id, present=True, change_id="")


def keep(change: Change, product: Product) -> None:
    """Note a product; what was told first stays.

    Raises
    ------
    Refused
        It is known with other bytes.
    """
    require_same(change.session, product)
    if kept(change.session, product.product_id) is not None:
        return
    change.session.add(
        ProductRow(
            product_id=product.product_id,
            product=product.to_json().decode(),
            kind=product.kind,
            instrument=product.instrument,
            detector=product.detector,
            filter=product.filter,
            run_id=change.order.run_id,
            recorded_tai_ns=change.order.recorded_tai_ns,
        )
    )
    change.session.flush()


def kept(session: Session, product_id: str) -> Product | None:
    """Return a product that was built or brought; None: none was."""
    row = session.exec(select(ProductRow).where(ProductRow.product_id == product_id)).first()
    return None if row is None else row.made_of


def known(session: Session, product_id: str) -> Product:
    """Return a product by its identifier.

    Raises
    ------
    Refused
        Nobody told of it.
    """
    found = _told_of(session, product_id)
    if found is None:
        raise Refused(f"no product {product_id!r} is known; `calibrant products list` shows what was built")
    return found


def require_same(session: Session, product: Product) -> None:
    """Make sure that a product is not known with other bytes.

    Raises
    ------
    Refused
        It is: built, brought or certified.
    """
    there = _told_of(session, product.product_id)
    if there is not None and there.ref.sha256 != product.ref.sha256:
        raise Refused(
            f"{product.product_id} is known with other bytes ({there.ref.sha256[:12]}..., not "
            f"{product.ref.sha256[:12]}...); a product never changes: build it again under a recipe version of its own"
        )


def _told_of(session: Session, product_id: str) -> Product | None:
    built = kept(session, product_id)
    if built is not None:
        return built
    certified = select(EntryRow).where(EntryRow.product_id == product_id).order_by(col(EntryRow.sequence))
    line = session.exec(certified.limit(1)).first()
    return None if line is None else line.made_of


def _refuse(change: Change, collection: str, product: Product, reason: str) -> None:
    order = change.order
    refusal = CertificationRefused(
        job_id=change.job_id,
        product_id=product.product_id,
        collection=collection,
        reason=reason,
        conflicts=(),
    )
    change.events.append(refusal)
    deed = Deed("note product", product.product_id, f"refused in {collection}: {reason}", order.run_id)
    record(change.session, order.recorded_tai_ns, Caller(order.who, ()), deed)


def _is_in(session: Session, collection: str, product_id: str) -> bool:
    same = (MemberRow.collection == collection, MemberRow.product_id == product_id)
    return session.exec(select(MemberRow).where(*same)).first() is not None
