"""All calibrations for a whole exposure at once: every kind for every detector, and the gaps by name.

One statement for each collection that is searched, whatever the number of detectors. Times are TAI nanoseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, Select, Text, bindparam, func, literal_column, select
from sqlmodel import Session

from calibrant.certify.collections import inside, searched
from calibrant.certify.in_force import InForceRow, held
from calibrant.certify.ledger import EntryRow
from calibrant.certify.looking import Question, look
from calibrant.certify.past import applied
from calibrant.certify.whole import Asked, Standing, Wanted
from calibrant.frames.times import utc_text
from calibrant.rules.collections import Collection, CollectionType

Found = dict[Wanted, tuple[str, Standing]]


def whole(session: Session, asked: Asked, collection: str, wishes: Sequence[Wanted]) -> dict[str, Any]:
    """Find what applies to an exposure; see ``CertifyQueries.exposure``."""
    missing = dict.fromkeys(wishes)
    found: Found = {}
    near: Found = {}
    places = searched(session, collection, asked.as_of_tai_ns)
    ranged = all(place.type is CollectionType.CALIBRATION for place in places)
    plain = ranged and asked.as_of_tai_ns is None  # where nothing is near, nothing had begun
    for place in places:
        if not missing:
            break
        here = _in(session, place, asked, list(missing))
        for wish, standing in here.items():
            if standing.contains(asked.at_tai_ns):
                found[wish] = (place.name, standing)
                del missing[wish]
            else:
                near.setdefault(wish, (place.name, standing))
    return {
        "outcome": "complete" if not missing else "incomplete",
        "searched": [place.name for place in places],
        "calibrations": [_told(asked.instrument, wish, *found[wish]) for wish in wishes if wish in found],
        "gaps": [
            _gap(asked.instrument, wish, near.get(wish), collection)
            if plain or wish in near
            else _looked_up(session, asked, wish, collection)
            for wish in missing
        ],
    }


def _in(
    session: Session, place: Collection, asked: Asked, wishes: Sequence[Wanted]
) -> Mapping[Wanted, Standing]:
    if place.type is not CollectionType.CALIBRATION:
        return _without_range(session, place, wishes, asked.as_of_tai_ns)
    if asked.as_of_tai_ns is not None:
        return applied(session, place.name, asked, wishes)
    connection = session.connection()
    dialect = connection.dialect.name
    place_and_time = {
        "collection": place.name,
        "instrument": asked.instrument,
        "at_tai_ns": held(asked.at_tai_ns),
    }
    rows = connection.execute(_statement(dialect), _given(dialect, wishes) | place_and_time)
    return {Wanted(*row[:3]): Standing(*row[3:]) for row in rows}


@cache
def _statement(dialect: str) -> Select[Any]:
    """For each kind and detector step once down the index of beginnings; the statement is the same for any number."""
    wish = _listed(dialect)
    row = InForceRow.__table__.alias("f")  # type: ignore[attr-defined]
    line = EntryRow.__table__  # type: ignore[attr-defined]
    number = _last_begun(wish)
    found = select(wish.c.kind, wish.c.detector, wish.c.filter, number.label("number")).subquery("found")
    return (
        select(
            found.c.kind,
            found.c.detector,
            found.c.filter,
            line.c.certification_id,
            line.c.product_id,
            line.c.report_id,
            row.c.begin_tai_ns,
            row.c.end_tai_ns,
            line.c.recorded_tai_ns,
        )
        .join_from(found, row, row.c.number == found.c.number)
        .join(line, line.c.sequence == row.c.sequence)
    )


def _last_begun(wish: Any) -> Any:
    """Give the number of the last range begun by the instant: the only one that may hold it, as none overlap."""
    last = InForceRow.__table__.alias("l")  # type: ignore[attr-defined]
    begun = func.coalesce(last.c.begin_tai_ns, literal_column("CAST(-9223372036854775808 AS BIGINT)"))
    same = [last.c[name] == wish.c[name] for name in ("kind", "detector", "filter")]
    return (
        select(last.c.number)
        .where(
            last.c.collection == bindparam("collection", type_=Text),
            last.c.instrument == bindparam("instrument", type_=Text),
            *same,
            begun <= bindparam("at_tai_ns", type_=BigInteger),
        )
        .order_by(begun.desc())
        .limit(literal_column("1", Integer))
        .scalar_subquery()
    )


def _listed(dialect: str) -> Any:
    """Give the wishes as rows; one list is looked through once, where lists side by side would be joined."""
    types = {"kind": Text, "detector": Integer, "filter": Text}
    if dialect == "postgresql":
        lists: list[Any] = [bindparam(f"{name}s", type_=ARRAY(kind)) for name, kind in types.items()]
        return func.unnest(*lists).table_valued(*types, name="wish").render_derived()
    each = func.json_each(bindparam("wishes", type_=Text)).table_valued("value", name="each")
    parts = [
        func.json_extract(each.c.value, literal_column(f"'$[{place}]'")).label(name)
        for place, name in enumerate(types)
    ]
    return select(*parts).subquery("wish")


def _given(dialect: str, wishes: Sequence[Wanted]) -> dict[str, Any]:
    """Give the wishes as the statement's parameters."""
    if dialect != "postgresql":
        return {"wishes": json.dumps(wishes)}
    lists = (list(column) for column in zip(*wishes, strict=True))
    return {f"{name}s": values for name, values in zip(Wanted._fields, lists, strict=True)}


def _without_range(
    session: Session, place: Collection, wishes: Sequence[Wanted], as_of_tai_ns: int | None
) -> dict[Wanted, Standing]:
    """Give the products of a run's or a tagged collection, where only one is meant."""
    there: dict[Wanted, list[Standing]] = {}
    for row in inside(session, place.name, as_of_tai_ns):
        wish = Wanted(row.kind, row.detector, row.subject(place.name).filter or "")
        one = Standing(None, row.product_id, None, None, None, row.recorded_tai_ns)
        there.setdefault(wish, []).append(one)
    return {wish: there[wish][0] for wish in wishes if len(there.get(wish, ())) == 1}


def _told(instrument: str, wish: Wanted, collection: str, standing: Standing) -> dict[str, Any]:
    return {
        "id": standing.certification_id,
        "product": standing.product_id,
        "kind": wish.kind,
        "instrument": instrument,
        "detector": wish.detector,
        "filter": wish.filter or None,
        "collection": collection,
        "begin": _utc(standing.begin_tai_ns),
        "end": _utc(standing.end_tai_ns),
        "begin_tai_ns": standing.begin_tai_ns,
        "end_tai_ns": standing.end_tai_ns,
        "recorded_tai_ns": standing.recorded_tai_ns,
        "report": standing.report_id,
    }


_utc = lru_cache(maxsize=256)(utc_text)  # detectors share their times


def _looked_up(session: Session, asked: Asked, wish: Wanted, collection: str) -> dict[str, Any]:
    """Explain a gap as the look-up of one does: of what once stood and of several products it knows more."""
    question: Question = {
        "instrument": asked.instrument,
        "kind": wish.kind,
        "detector": wish.detector,
        "filter": wish.filter,
        "collection": collection,
        "at_tai_ns": asked.at_tai_ns,
        "as_of_tai_ns": asked.as_of_tai_ns,
    }
    answer = look(session, question)
    named = wish._asdict() | {"filter": wish.filter or None}
    return named | {name: answer[name] for name in ("why", "before")}


def _gap(instrument: str, wish: Wanted, near: tuple[str, Standing] | None, collection: str) -> dict[str, Any]:
    what = f"no {wish.kind} of {instrument} detector {wish.detector}"
    what += f" in filter {wish.filter}" if wish.filter else ""
    if near is None:
        why = f"{what} in {collection}: none that begins by then is certified there"
    else:
        place, standing = near
        why = f"{what} in {collection}: the nearest before is {standing.product_id} in {place}, valid {standing.range}"
    return {
        "kind": wish.kind,
        "detector": wish.detector,
        "filter": wish.filter or None,
        "why": why,
        "before": None if near is None else _told(instrument, wish, *near),
    }
