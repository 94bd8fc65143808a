"""Which certifications in force somebody means, and which part of their ranges."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from calibrant.certify.certifying import range_of
from calibrant.certify.changes import Refused
from calibrant.certify.collections import latest
from calibrant.certify.in_force import InForceRow
from calibrant.certify.ledger import EntryRow
from calibrant.certify.wishes import Choice
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.rules.validity import ValidityRange


@dataclass(frozen=True, slots=True)
class Chosen:
    """A line of the ledger, and the range in force of it that is meant."""

    line: EntryRow
    span: ValidityRange


def chosen(session: Session, choice: Choice) -> list[Chosen]:
    """Return what is meant, by kind, detector and time.

    Parameters
    ----------
    session : Session
        A transaction.
    choice : Choice
        What is meant.

    Raises
    ------
    Refused
        It names neither a kind nor a product, or names one that is none; its range is none; or nothing in force is
        like that.
    """
    if not choice.kinds and not choice.products:
        raise Refused(
            "name the kinds or the products that are meant: all of a collection is never meant by silence"
        )
    span = range_of(choice.begin, choice.end)
    _check_names(session, choice)
    query = select(InForceRow, EntryRow).join(EntryRow, col(EntryRow.sequence) == InForceRow.sequence)
    query = query.where(InForceRow.collection == choice.collection)
    wanted = {
        "instrument": () if choice.instrument is None else (choice.instrument,),
        "kind": choice.kinds,
        "detector": choice.detectors,
        "filter": () if choice.filter is None else (choice.filter,),
        "product_id": choice.products,
    }
    for name, values in wanted.items():
        if values:
            query = query.where(col(getattr(InForceRow, name)).in_(values))
    begin, end = col(InForceRow.begin_tai_ns), col(InForceRow.end_tai_ns)
    if span.end_tai_ns is not None:
        query = query.where(or_(begin.is_(None), begin < span.end_tai_ns))
    if span.begin_tai_ns is not None:
        query = query.where(or_(end.is_(None), end > span.begin_tai_ns))
    names = ("kind", "detector", "filter")
    order = (*(col(getattr(InForceRow, name)) for name in names), begin.nulls_first())
    found = [
        Chosen(line, shared)
        for row, line in session.exec(query.order_by(*order))
        if (shared := row.range.shared(span)) is not None
    ]
    if not found:
        when = "" if span == ValidityRange() else f" {span}"
        raise Refused(
            f"nothing like that is in force in {choice.collection}{when}; `calibrant calibrations list` "
            "shows what was certified, `calibrant calibrations history` what became of it"
        )
    return found


def _check_names(session: Session, choice: Choice) -> None:
    """Make sure that collection and kinds are there: what is misspelt looks like what was never certified."""
    if choice.collection not in latest(session, {choice.collection}):
        raise Refused(
            f"there is no collection {choice.collection}; `calibrant calibrations collections list` shows them"
        )
    unknown = set(choice.kinds) - (usual := {rule.kind for rule in DEFAULT_RULES.rules})
    if unknown:
        written = select(EntryRow.kind).where(EntryRow.collection == choice.collection).distinct()
        _check_kinds(unknown, usual | set(session.exec(written)))


def _check_kinds(asked: set[str], known: set[str]) -> None:
    for kind in sorted(asked - known):
        near = difflib.get_close_matches(kind, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
        raise Refused(f"{kind} is no kind of calibration; {hint}")
