"""What became of the register: every change with who, when and why, and the lines that it wrote."""

from __future__ import annotations

import json
from typing import Any

from sqlmodel import Session, col, or_, select

from calibrant.certify.collections import inside, latest, of_row
from calibrant.certify.ledger import EntryRow
from calibrant.certify.looking import summary
from calibrant.certify.tables import ChangeRow, CollectionRow, MemberRow, StageRow
from calibrant.frames.times import utc_text


def changes(
    session: Session,
    *,
    collection: str | None = None,
    product: str | None = None,
    who: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """List changes, the latest first; see ``CertifyQueries.history``."""
    query = select(ChangeRow)
    if collection is not None:
        query = query.where(or_(ChangeRow.collection == collection, _written_in(collection)))
    if product is not None:
        query = query.where(or_(*_touching(product)))
    if who is not None:
        query = query.where(ChangeRow.requested_by == who)
    rows = session.exec(query.order_by(col(ChangeRow.number).desc()).limit(limit)).all()
    undone = _undone(session, rows)
    return [_shown(row, undone) for row in rows]


def change(session: Session, change_id: str) -> dict[str, Any] | None:
    """Show one change with its lines; None: there is none."""
    row = session.exec(select(ChangeRow).where(ChangeRow.change_id == change_id)).first()
    if row is None:
        return None
    entries = session.exec(
        select(EntryRow).where(EntryRow.change_id == change_id).order_by(col(EntryRow.sequence))
    )
    collections = session.exec(select(CollectionRow).where(CollectionRow.change_id == change_id))
    members = session.exec(select(MemberRow).where(MemberRow.change_id == change_id))
    stages = session.exec(select(StageRow).where(StageRow.change_id == change_id))
    return {
        **_shown(row, _undone(session, [row])),
        "lines": [summary(one, one.entry) for one in entries],
        "collections": [
            {"name": one.name, "type": one.type, "members": json.loads(one.members), "standing": one.standing}
            for one in collections
        ],
        "members": [one.model_dump(include={"collection", "product_id", "present"}) for one in members],
        "stages": [
            one.model_dump(include={"collection", "product_id", "stage", "reached"}) for one in stages
        ],
    }


def collections(
    session: Session, as_of_tai_ns: int | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """List the collections that stand, by name, so many at most."""
    rows = latest(session, None, as_of_tai_ns)
    standing = [row for _, row in sorted(rows.items()) if row.standing]
    return [_collection(row) for row in standing[:limit]]


def collection(session: Session, name: str, as_of_tai_ns: int | None = None) -> dict[str, Any] | None:
    """Show one collection, with the products that are in it where it has no ranges; None: there is none."""
    row = latest(session, {name}, as_of_tai_ns).get(name)
    if row is None or not row.standing:
        return None
    return {
        **_collection(row),
        "products": [one.product_id for one in inside(session, name, as_of_tai_ns)],
    }


def _collection(row: CollectionRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "type": row.type,
        "members": list(of_row(row).members),
        "since": utc_text(row.recorded_tai_ns),
        "change": row.change_id or None,
    }


def _written_in(collection: str) -> Any:
    """Ask it of each change: a collection has most of the ledger's lines, and only the last changes are wanted."""
    same = (EntryRow.change_id == ChangeRow.change_id, EntryRow.collection == collection)
    return select(EntryRow.sequence).where(*same).exists()


def _touching(product: str) -> list[Any]:
    return [
        col(ChangeRow.change_id).in_(select(table.change_id).where(table.product_id == product))
        for table in (EntryRow, MemberRow, StageRow)
    ]


def _undone(session: Session, rows: Any) -> dict[str, str]:
    names = [row.change_id for row in rows]
    found = session.exec(
        select(ChangeRow.undoes, ChangeRow.change_id)
        .where(col(ChangeRow.undoes).in_(names))
        .order_by(col(ChangeRow.number))
    )
    return dict(found.all())


def _shown(row: ChangeRow, undone: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.change_id,
        "action": row.action,
        "collection": row.collection,
        "who": row.requested_by,
        "recorded": utc_text(row.recorded_tai_ns),
        "recorded_tai_ns": row.recorded_tai_ns,
        "why": row.reason,
        "told": row.told,
        "run": row.run_id or None,
        "undoes": row.undoes or None,
        "undone_by": undone.get(row.change_id),
    }
