"""The register's use cases for people: each wish is one change, made whole or not at all. Must not know bus or HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from sqlmodel import Session, select

from calibrant.certify import stages
from calibrant.certify.certifying import certify, range_of, subject_of
from calibrant.certify.changes import Change, NothingToDo, Order, Refused
from calibrant.certify.choosing import Chosen, chosen
from calibrant.certify.collections import define, inside, latest, of_row, open_for, put, tell
from calibrant.certify.products import keep, known
from calibrant.certify.reports import ReportUnknown, accepting, objection
from calibrant.certify.tables import ChangeRow
from calibrant.certify.undo import undo
from calibrant.certify.wishes import (
    AnyWish,
    Approve,
    Certify,
    Chain,
    Decertify,
    Move,
    Supersede,
    Tag,
    Undo,
)
from calibrant.contracts.common.v1 import Product
from calibrant.rules.collections import Collection, CollectionType
from calibrant.runtime.access.audit import Deed
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.ids import derive
from calibrant.runtime.unit_of_work import UnitOfWork

OpenWork = Callable[[str, str], AbstractContextManager[UnitOfWork]]
"""Opens a unit of work for a cause and a run."""
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Done:
    """What a change has done: where and, in words, what."""

    collection: str
    told: str
    undoes: str = ""


def carry_out(work: OpenWork, wish: AnyWish, caller: Caller, name: str) -> dict[str, Any]:
    """Do what somebody wishes, in one transaction, and put its events into the outbox.

    Parameters
    ----------
    work : callable
        Opens a unit of work for a cause.
    wish : AnyWish
        What is wished.
    caller : Caller
        Who asks.
    name : str
        A name never given before, for a wish that brings none.

    Returns
    -------
    dict
        The change: ``id, action, collection, told, recorded_tai_ns, unchanged``; the last is true when it was made
        before under the same request.

    Raises
    ------
    Refused
        It cannot be done, nothing would change, or the request's name was given to another wish; nothing was written.
    """
    change_id = "chg-" + derive("wish", caller.identity, wish.request or name).replace("-", "")[:12]
    with work(f"wish:{change_id}", "") as unit:
        before = unit.session.exec(select(ChangeRow).where(ChangeRow.change_id == change_id)).first()
        if before is not None:
            _check_same(before, wish)
            return _summary(before, unchanged=True)
        row, change = carry_out_in(unit.session, wish, caller.identity, change_id, unit.clock.tai_ns())
        unit.emit(change.events)
        unit.audit(caller, Deed(wish.action, change_id, row.told))
    return _summary(row, unchanged=False)


def carry_out_in(
    session: Session, wish: AnyWish, who: str, change_id: str, now_tai_ns: int
) -> tuple[ChangeRow, Change]:
    """Do what somebody wishes in a transaction that is open; see ``carry_out``."""
    change = Change(session, Order.now(session, now_tai_ns, change_id=change_id, who=who, reason=wish.reason))
    done = _do(wish, change)
    facts = {"wish": wish.digest(), "undoes": done.undoes}
    return change.end(wish.action, done.collection, done.told, **facts), change


def _check_same(before: ChangeRow, wish: AnyWish) -> None:
    if before.wish != wish.digest():
        raise Refused(
            f"request {wish.request!r} was another one: {before.told} ({before.change_id}); give this one a name of its own"
        )


def _summary(row: ChangeRow, *, unchanged: bool) -> dict[str, Any]:
    return {
        "id": row.change_id,
        **row.model_dump(include={"action", "collection", "told", "recorded_tai_ns"}),
        "unchanged": unchanged,
    }


@singledispatch
def _do(wish: Any, _change: Change) -> Done:
    raise TypeError(f"{type(wish).__name__} is no wish")


@_do.register
def _certify(wish: Certify, change: Change) -> Done:
    return _over(wish, change, supersede=False)


@_do.register
def _supersede(wish: Supersede, change: Change) -> Done:
    return _over(wish, change, supersede=True)


def _over(wish: Certify | Supersede, change: Change, *, supersede: bool) -> Done:
    span = range_of(wish.begin, wish.end)
    open_for(change, wish.collection, CollectionType.CALIBRATION)
    written = []
    for name in dict.fromkeys(wish.products):
        product = known(change.session, name)
        report = _report(change.session, product, wish.report)
        _, stood = certify(change, product, wish.collection, span, report, supersede=supersede)
        written += [name] if stood is None else []
    if not written:
        raise NothingToDo(f"{_listed(wish.products)} stands there already, valid {span}")
    what = "superseded by" if supersede else "certified"
    return Done(wish.collection, f"{what} {_listed(written)} in {wish.collection}, valid {span}")


def _report(session: Session, product: Product, named: str) -> str:
    """Return the report by which a product may be certified."""
    if named:
        try:
            against = objection(session, named, product)
        except ReportUnknown as problem:  # a person's slip: it is not asked again
            raise Refused(str(problem)) from problem
        if against:
            raise Refused(against)
        return named
    report = accepting(session, product)
    if not report:
        raise Refused(
            f"no report accepts {product.product_id}; verify it first, or decide that it is accepted"
        )
    return report


@_do.register
def _decertify(wish: Decertify, change: Change) -> Done:
    meant = chosen(change.session, wish)
    for one in meant:
        change.withdraw(one.line, one.span)
    return Done(wish.collection, f"withdrew {_named(meant)} from {wish.collection}")


@_do.register
def _move(wish: Move, change: Change) -> Done:
    if wish.to == wish.collection:
        raise NothingToDo(f"they are in {wish.to} already")
    meant = chosen(change.session, wish)
    open_for(change, wish.to, CollectionType.CALIBRATION)
    for one in meant:
        change.withdraw(one.line, one.span)
        certify(change, one.line.made_of, wish.to, one.span, one.line.report_id, supersede=False)
    return Done(wish.collection, f"moved {_named(meant)} from {wish.collection} to {wish.to}")


@_do.register
def _approve(wish: Approve, change: Change) -> Done:
    meant = dict.fromkeys(one.line.product_id for one in chosen(change.session, wish))
    changed = [
        name
        for name in meant
        if stages.say(change, wish.collection, name, stages.Stage.APPROVAL, reached=not wish.revoke)
    ]
    what = "revoked the approval of" if wish.revoke else "approved"
    if not changed:
        raise NothingToDo(f"{_listed(meant)} {'is not' if wish.revoke else 'is'} approved already")
    return Done(wish.collection, f"{what} {_listed(changed)} in {wish.collection}")


@_do.register
def _chain(wish: Chain, change: Change) -> Done:
    members = wish.members
    row = latest(change.session, {wish.collection}).get(wish.collection)
    there = of_row(row).members if row is not None and row.standing else None
    if wish.prepend:
        members = (*members, *(one for one in there or () if one not in members))
    if there == members:
        raise NothingToDo(f"{wish.collection} searches {', '.join(members) or 'nothing'} already")
    define(change, Collection(name=wish.collection, type=CollectionType.CHAINED, members=members))
    return Done(wish.collection, f"{wish.collection} searches {', '.join(members) or 'nothing'}")


@_do.register
def _tag(wish: Tag, change: Change) -> Done:
    open_for(change, wish.collection, CollectionType.TAGGED)
    there = {row.product_id: row.subject(wish.collection) for row in inside(change.session, wish.collection)}
    added = [name for name in dict.fromkeys(wish.add) if name not in there]
    removed = [name for name in dict.fromkeys(wish.remove) if name in there]
    if not added and not removed:
        raise NothingToDo(f"nothing of that changes {wish.collection}")
    for name in removed:
        del there[name]
        put(change, wish.collection, name, present=False, change_id=change.order.change_id)
    for name in added:
        _put_in(change, wish.collection, name, there)
    tell(change, Collection(name=wish.collection, type=CollectionType.TAGGED), list(there))
    parts = [("put in", added), ("took out", removed)]
    told = "; ".join(f"{what} {_listed(names)}" for what, names in parts if names)
    return Done(wish.collection, f"{wish.collection}: {told}")


def _put_in(change: Change, collection: str, name: str, there: dict[str, Any]) -> None:
    product = known(change.session, name)
    subject = subject_of(product, collection)
    other = next((one for one, of in there.items() if of == subject), None)
    if other is not None:
        raise Refused(
            f"{name} is not put into {collection}: {other} is its {product.kind} of detector {product.detector} there; "
            "take that out in the same command"
        )
    keep(change, product)
    put(change, collection, name, present=True, change_id=change.order.change_id)
    there[name] = subject


@_do.register
def _undo(wish: Undo, change: Change) -> Done:
    row = undo(change, wish.change)
    return Done(row.collection, f"undid {row.change_id}: {row.told}", undoes=row.change_id)


def _named(meant: list[Chosen]) -> str:
    return _listed([f"{one.line.product_id} ({one.span})" for one in meant])


def _listed(names: Any) -> str:
    """Name some, and say how many more there are."""
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
