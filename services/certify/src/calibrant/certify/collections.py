"""Collections as they are kept: which there are, of which type, what is in them; now, and at any earlier instant.

Owns reading and writing their lines. Which names and chains there may be is the rules' business.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Names
from typing import Any

from sqlmodel import Session, col, func, select

from calibrant.certify.changes import Change, Refused
from calibrant.certify.tables import CollectionRow, MemberRow, ProductRow
from calibrant.contracts.certify.v1 import CollectionChanged
from calibrant.contracts.common.v1 import TaiTime
from calibrant.rules.collections import (
    ChainRefused,
    Collection,
    CollectionType,
    check_chain,
    name_fault,
    search_order,
)


def latest(
    session: Session, names: Names[str] | None = None, as_of_tai_ns: int | None = None
) -> dict[str, CollectionRow]:
    """Return the last line of each collection, also of those that are no more.

    Parameters
    ----------
    session : Session
        A transaction.
    names : collection of str or None
        Of these alone; None: of all.
    as_of_tai_ns : int or None
        Recorded by then; None: by now.
    """
    last = select(func.max(CollectionRow.number)).group_by(col(CollectionRow.name))
    if names is not None:
        last = last.where(col(CollectionRow.name).in_(names))
    if as_of_tai_ns is not None:
        last = last.where(col(CollectionRow.recorded_tai_ns) <= as_of_tai_ns)
    rows = session.exec(select(CollectionRow).where(col(CollectionRow.number).in_(last)))
    return {row.name: row for row in rows}


def reachable(session: Session, name: str, as_of_tai_ns: int | None = None) -> dict[str, Collection]:
    """Return a collection and all that it leads to, by name; what is not there was never written down."""
    found: dict[str, Collection] = {}
    asked, level = {name}, {name}
    while level:
        rows = latest(session, level, as_of_tai_ns)
        found |= {one: of_row(row) for one, row in rows.items() if row.standing}
        level = {member for one in level & found.keys() for member in found[one].members} - asked
        asked |= level
    return found


def searched(session: Session, name: str, as_of_tai_ns: int | None = None) -> tuple[Collection, ...]:
    """Return the collections that a look-up goes through, in order.

    Raises
    ------
    Refused
        The name is none, or a chain leads back to itself.
    """
    fault = name_fault(name)
    if fault:
        raise Refused(fault)
    try:
        return search_order(name, reachable(session, name, as_of_tai_ns))
    except ChainRefused as problem:
        raise Refused(str(problem)) from problem


def of_row(row: CollectionRow) -> Collection:
    """Return a collection as the rules know it."""
    return Collection(name=row.name, type=CollectionType(row.type), members=tuple(json.loads(row.members)))


def open_for(change: Change, name: str, kind: CollectionType) -> None:
    """Make sure that something may come into a collection; one that was not there is made.

    Raises
    ------
    Refused
        The name is none, or is that of a collection of another type.
    """
    fault = name_fault(name, kind)
    row = latest(change.session, {name}).get(name)
    if row is not None and row.standing:
        if row.type != kind.value:
            inside = (
                f"; it searches {', '.join(of_row(row).members)}"
                if row.type == CollectionType.CHAINED
                else ""
            )
            raise Refused(f"{name} is a {row.type} collection, not a {kind} one{inside}; name another")
        return
    if fault:
        raise Refused(fault)
    change.add(_row(change, Collection(name=name, type=kind), change_id=""))


def define(change: Change, wished: Collection) -> None:
    """Make a collection, or a chain anew, and tell it.

    Raises
    ------
    Refused
        The name does not fit, it is of another type already, or the chain cannot be.
    """
    fault = name_fault(wished.name, wished.type)
    if fault:
        raise Refused(fault)
    row = latest(change.session, {wished.name}).get(wished.name)
    if row is not None and row.standing and row.type != wished.type.value:
        raise Refused(f"{wished.name} is a {row.type} collection already; choose another name")
    if wished.type is CollectionType.CHAINED:
        _check_chain(change.session, wished)
    change.add(_row(change, wished, change_id=change.order.change_id))
    tell(change, wished, wished.members)


def _check_chain(session: Session, wished: Collection) -> None:
    known = {name: of_row(row) for name, row in latest(session).items() if row.standing}
    try:
        check_chain(wished.name, wished.members, known)
    except ChainRefused as problem:
        raise Refused(f"{wished.name} is not changed: {problem}") from problem


def _check_unnamed(session: Session, name: str) -> None:
    chains = [one for one, row in latest(session).items() if row.standing and name in of_row(row).members]
    if chains:
        raise Refused(
            f"{name} is not taken away: {', '.join(sorted(chains))} searches it; leave it out there first"
        )


def put(change: Change, collection: str, product_id: str, *, present: bool, change_id: str) -> None:
    """Write that a product comes into a collection, or leaves it."""
    change.add(
        MemberRow(
            change_id=change_id,
            collection=collection,
            product_id=product_id,
            present=present,
            recorded_tai_ns=change.order.recorded_tai_ns,
        )
    )


def inside(session: Session, collection: str, as_of_tai_ns: int | None = None) -> list[ProductRow]:
    """Return the products in a run's or a tagged collection, in the order in which they became known."""
    last = select(func.max(MemberRow.number)).where(col(MemberRow.collection) == collection)
    if as_of_tai_ns is not None:
        last = last.where(col(MemberRow.recorded_tai_ns) <= as_of_tai_ns)
    last = last.group_by(col(MemberRow.product_id))
    present = select(MemberRow.product_id).where(col(MemberRow.number).in_(last), col(MemberRow.present))
    query = select(ProductRow).where(col(ProductRow.product_id).in_(present)).order_by(col(ProductRow.number))
    return list(session.exec(query).all())


def tell(change: Change, what: Collection, members: Names[str]) -> None:
    """Tell of a collection's new state."""
    change.events.append(
        CollectionChanged(
            change_id=change.order.change_id,
            collection=what.name,
            type=what.type.value,
            members=tuple(members),
            recorded=TaiTime.from_ns(change.order.recorded_tai_ns),
            requested_by=change.order.who,
            reason=change.order.reason,
        )
    )


def rewrite(change: Change, what: Collection, *, standing: bool) -> None:
    """Write what a collection was once as what it is from now on, and tell it.

    Raises
    ------
    Refused
        It would be a chain that cannot be, or be no more while a chain searches it.
    """
    if not standing:
        _check_unnamed(change.session, what.name)
    elif what.type is CollectionType.CHAINED:
        _check_chain(change.session, what)
    row = _row(change, what, change_id=change.order.change_id)
    row.standing = standing
    change.add(row)
    tell(change, what, what.members if standing else ())


def _row(change: Change, what: Collection, **facts: Any) -> CollectionRow:
    return CollectionRow(
        name=what.name,
        type=what.type.value,
        members=json.dumps(what.members),
        recorded_tai_ns=change.order.recorded_tai_ns,
        **facts,
    )
