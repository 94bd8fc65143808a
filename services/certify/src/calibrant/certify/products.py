"""The products that certify knows: those it was told of when they were built, brought or certified."""

from __future__ import annotations

from sqlmodel import Session, col, select

from calibrant.certify.changes import Change, Refused
from calibrant.certify.collections import open_for, put
from calibrant.certify.ledger import EntryRow
from calibrant.certify.tables import MemberRow, ProductRow
from calibrant.contracts.common.v1 import Product
from calibrant.rules.collections import CollectionType


def run_collection(run_id: str) -> str:
    """Name the collection of what a run has made."""
    return f"runs/{run_id}"


def keep_built(change: Change, products: tuple[Product, ...]) -> None:
    """Note what a run has made; told twice it is the same."""
    name = run_collection(change.order.run_id)
    for product in products:
        keep(change, product)
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
    there = kept(change.session, product.product_id)
    if there is not None:
        _same_bytes(there, product)
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
    built = kept(session, product_id)
    if built is not None:
        return built
    certified = select(EntryRow).where(EntryRow.product_id == product_id).order_by(col(EntryRow.sequence))
    line = session.exec(certified).first()
    if line is None:
        raise Refused(f"no product {product_id!r} is known; `calibrant products list` shows what was built")
    return line.made_of


def _same_bytes(there: Product, product: Product) -> None:
    if there.ref.sha256 != product.ref.sha256:
        raise Refused(
            f"{product.product_id} is known with other bytes ({there.ref.sha256[:12]}..., not "
            f"{product.ref.sha256[:12]}...); a product never changes: build it again under a recipe version of its own"
        )


def _is_in(session: Session, collection: str, product_id: str) -> bool:
    same = (MemberRow.collection == collection, MemberRow.product_id == product_id)
    return session.exec(select(MemberRow).where(*same)).first() is not None
