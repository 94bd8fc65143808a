"""What applied to a whole exposure as the register stood at an earlier instant, read off the ledger's lines.

Only the lines whose range holds the instant are read, and those that were written over them later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlmodel import Session

from calibrant.certify.ledger import EntryRow
from calibrant.certify.whole import Asked, Standing, Wanted
from calibrant.rules.ledger import LedgerAction, LedgerEntry, prevailing
from calibrant.rules.validity import ValidityRange

_TABLE = EntryRow.__table__  # type: ignore[attr-defined]
_LATER = _TABLE.alias("later")
_SUBJECT = ("collection", "instrument", "kind", "detector")
_NAMES = (
    "sequence",
    "action",
    "product_id",
    "filter",
    "begin_tai_ns",
    "end_tai_ns",
    "recorded_tai_ns",
    *_SUBJECT,
)
_SHOWN = ("certification_id", "report_id")


def applied(
    session: Session, collection: str, asked: Asked, wishes: Sequence[Wanted]
) -> dict[Wanted, Standing]:
    """Return what applied.

    Parameters
    ----------
    session : Session
        A transaction.
    collection : str
        A collection with validity ranges.
    asked : Asked
        The exposure, and as of when.
    wishes : sequence of Wanted
        What is looked for.
    """
    entries, shown = _read(session, _holding(collection, asked, wishes))
    standing = [one for one in prevailing(entries) if one.range.contains(asked.at_tai_ns)]
    later, _ = _read(session, _over([one.sequence for one in standing], asked))
    whole = [one for one in entries if one.sequence in {kept.sequence for kept in standing}] + later
    found = {}
    for one in prevailing({entry.sequence: entry for entry in whole}.values()):
        if one.range.contains(asked.at_tai_ns):
            name, report = shown[one.sequence]
            wish = Wanted(one.kind, one.detector, one.subject.filter or "")
            begin, end = one.range.begin_tai_ns, one.range.end_tai_ns
            found[wish] = Standing(name, one.product_id, report, begin, end, one.recorded_tai_ns)
    return {wish: found[wish] for wish in wishes if wish in found}


def _holding(collection: str, asked: Asked, wishes: Sequence[Wanted]) -> Select[Any]:
    begin, end, at_tai_ns = _TABLE.c.begin_tai_ns, _TABLE.c.end_tai_ns, asked.at_tai_ns
    return select(*(_TABLE.c[name] for name in (*_SHOWN, *_NAMES))).where(
        _TABLE.c.collection == collection,
        _TABLE.c.instrument == asked.instrument,
        _TABLE.c.kind.in_({one.kind for one in wishes}),
        _TABLE.c.detector.in_({one.detector for one in wishes}),
        _TABLE.c.recorded_tai_ns <= asked.as_of_tai_ns,
        or_(begin.is_(None), begin <= at_tai_ns),
        or_(end.is_(None), end > at_tai_ns),
    )


def _over(sequences: list[int], asked: Asked) -> Select[Any]:
    same = and_(*(_LATER.c[name] == _TABLE.c[name] for name in _SUBJECT))
    overlaps = [
        or_(
            one.c.begin_tai_ns.is_(None),
            other.c.end_tai_ns.is_(None),
            one.c.begin_tai_ns < other.c.end_tai_ns,
        )
        for one, other in ((_TABLE, _LATER), (_LATER, _TABLE))
    ]
    columns = (_LATER.c[name] for name in (*_SHOWN, *_NAMES))
    return (
        select(*columns)
        .join_from(_TABLE, _LATER, and_(same, _LATER.c.sequence > _TABLE.c.sequence))
        .where(_TABLE.c.sequence.in_(sequences), _LATER.c.recorded_tai_ns <= asked.as_of_tai_ns, *overlaps)
    )


def _read(session: Session, query: Select[Any]) -> tuple[list[LedgerEntry], dict[int, tuple[str, str]]]:
    entries, shown = [], {}
    for name, report, *values in session.connection().execute(query):
        facts = dict(zip(_NAMES, values, strict=True))
        span = ValidityRange(begin_tai_ns=facts.pop("begin_tai_ns"), end_tai_ns=facts.pop("end_tai_ns"))
        entries.append(LedgerEntry(range=span, **facts | {"action": LedgerAction(facts["action"])}))
        shown[facts["sequence"]] = (name, report)
    return entries, shown
