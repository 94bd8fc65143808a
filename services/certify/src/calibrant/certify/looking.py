"""Looking a calibration up, in one collection or down a chain, and wording why it is this one.

Owns the answer's form. Times are TAI nanoseconds; texts are UTC with ``Z``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Required, TypedDict

from sqlmodel import Session

from calibrant.certify.collections import inside, searched
from calibrant.certify.in_force import InForce, latest_begun, next_to_begin
from calibrant.certify.ledger import EntryRow, filters, lines
from calibrant.rules.applicability import NEVER, WITHDRAWN, Found, NotFound, find, found, not_found
from calibrant.rules.collections import Collection, CollectionType
from calibrant.rules.ledger import LedgerAction, LedgerEntry, Subject, daily_collection
from calibrant.rules.times import utc_text

Answer = dict[str, Any]


class Question(TypedDict, total=False):
    """Which calibration applies to a detector at an instant.

    Parameters
    ----------
    instrument, detector, kind
        What is looked for.
    at_tai_ns : int
        The instant the calibration is for, TAI ns.
    collection : str or None
        Where; None or missing: ``<instrument>/calib/daily``.
    filter : str or None
        Filter, for kinds that have one.
    as_of_tai_ns : int or None
        As the register stood at this instant; None or missing: as it stands.
    """

    instrument: Required[str]
    detector: Required[int]
    kind: Required[str]
    at_tai_ns: Required[int]
    collection: str | None
    filter: str | None
    as_of_tai_ns: int | None


def subject_of(question: Question) -> Subject:
    """Return what a question is about."""
    instrument = question["instrument"]
    place = question.get("collection") or daily_collection(instrument)
    return Subject.of(place, instrument, question["kind"], question["detector"], question.get("filter"))


def applying(session: Session, question: Question) -> Answer | None:
    """Answer in one statement where a calibration applies as the register stands; None: none does, or it is a chain."""
    at_tai_ns = question["at_tai_ns"]
    begun = latest_begun(session, subject_of(question), at_tai_ns)
    if begun is None or not begun.entry.range.contains(at_tai_ns):
        return None
    return _told(found(begun.entry), {begun.entry.sequence: begun})


def look(session: Session, question: Question) -> Answer:
    """Answer in any case.

    Raises
    ------
    Refused
        The collection's name is none.
    """
    subject, as_of_tai_ns = subject_of(question), question.get("as_of_tai_ns")
    places = searched(session, subject.collection, as_of_tai_ns)
    answers = [_in(session, place, question) for place in places]
    if len(places) == 1 and places[0].name == subject.collection:
        return answers[0]
    return _chained(subject, places, answers)


def _in(session: Session, place: Collection, question: Question) -> Answer:
    subject = subject_of(question)._replace(collection=place.name)
    at_tai_ns, as_of_tai_ns = question["at_tai_ns"], question.get("as_of_tai_ns")
    if place.type is not CollectionType.CALIBRATION:
        return _without_range(session, place, subject, as_of_tai_ns)
    if as_of_tai_ns is not None:
        rows = lines(session, subject)
        return _told(find((row.entry for row in rows.values()), subject, at_tai_ns, as_of_tai_ns), rows)
    here: Question = {**question, "collection": place.name}
    return applying(session, here) or _none_in_force(session, subject, at_tai_ns)


def _none_in_force(session: Session, subject: Subject, at_tai_ns: int) -> Answer:
    begun = latest_begun(session, subject, at_tai_ns)
    after = next_to_begin(session, subject, at_tai_ns)
    written = filters(session, subject)
    answer = not_found(
        subject,
        at_tai_ns,
        before=None if begun is None else begun.entry,
        after=None if after is None else after.entry,
        nothing=WITHDRAWN if subject.filter in written else NEVER,
        filters=written,
    )
    return _told(answer, {one.entry.sequence: one for one in (begun, after) if one is not None})


def _without_range(session: Session, place: Collection, subject: Subject, as_of_tai_ns: int | None) -> Answer:
    """Answer from a run's or a tagged collection: its one product of the subject applies at any time."""
    there = [row for row in inside(session, place.name, as_of_tai_ns) if row.subject(place.name) == subject]
    names = ", ".join(row.product_id for row in there)
    if len(there) != 1:
        several = (
            f"{names} are, and nothing says which: certify one" if there else "nothing like that is in it"
        )
        why = f"no one {subject.kind} of detector {subject.detector} in the {place.type} collection {place.name}: {several}"
        return _answer("not found", why, subject.collection)
    row = there[0]
    as_of = "" if as_of_tai_ns is None else f", as of {utc_text(as_of_tai_ns)}"
    why = f"{names} is in the {place.type} collection {place.name}, which knows no ranges of time{as_of}"
    entry = LedgerEntry(
        product_id=row.product_id,
        **subject._asdict(),
        range={},
        recorded_tai_ns=row.recorded_tai_ns,
        sequence=0,
    )
    answer = _answer("found", why, subject.collection)
    return answer | {"calibration": {"id": None, **_facts(entry), "status": place.type.value, "report": None}}


def _chained(subject: Subject, places: Sequence[Collection], answers: Sequence[Answer]) -> Answer:
    """Join the answers down a chain: the first match wins, the others are named."""
    hits = [answer for answer in answers if answer["calibration"] is not None]
    steps = [step for answer in answers for step in answer["searched"]]
    if not hits:
        order = ", ".join(place.name for place in places) or "nothing"
        why = f"the chain {subject.collection} searches {order}: " + "; ".join(step["why"] for step in steps)
        closest = {"before": _closest(answers, "before"), "after": _closest(answers, "after")}
        return _answer("not found", why, subject.collection) | closest | {"searched": steps}
    first, also = hits[0]["calibration"], [hit["calibration"] for hit in hits[1:]]
    why = f"{hits[0]['why']}; in {first['collection']}, the first of the chain {subject.collection} that has one"
    for other in also:
        why += f"; {other['product']} of {other['collection']} would apply too, but is searched later"
    return {**hits[0], "why": why, "also": also, "searched": steps}


def _closest(answers: Sequence[Answer], side: str) -> dict[str, Any] | None:
    near = [answer[side] for answer in answers if answer[side] is not None]
    if side == "before":
        return max(near, key=lambda one: one["end_tai_ns"], default=None)
    return min(near, key=lambda one: one["begin_tai_ns"], default=None)


def _told(answer: Found | NotFound, known: Mapping[int, EntryRow | InForce]) -> Answer:
    def shown(entry: LedgerEntry | None) -> dict[str, Any] | None:
        return None if entry is None else summary(known[entry.sequence], entry)

    if isinstance(answer, Found):
        place = answer.entry.collection
        return _answer(answer.outcome, answer.why, place) | {"calibration": shown(answer.entry)}
    near = {"before": shown(answer.before), "after": shown(answer.after)}
    return _answer(answer.outcome, answer.why, answer.collection) | near


def _answer(outcome: str, why: str, place: str) -> Answer:
    return {
        "outcome": outcome,
        "why": why,
        "calibration": None,
        "before": None,
        "after": None,
        "also": [],
        "searched": [{"collection": place, "outcome": outcome, "why": why}],
    }


def summary(line: EntryRow | InForce, entry: LedgerEntry) -> dict[str, Any]:
    """Return a certification for people and programs."""
    status = "certified" if entry.action is LedgerAction.CERTIFY else "withdrawn"
    return {
        "id": line.certification_id,
        **_facts(entry),
        "status": status,
        "report": line.report_id,
    }


def _facts(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "product": entry.product_id,
        "kind": entry.kind,
        "instrument": entry.instrument,
        "detector": entry.detector,
        "filter": entry.filter,
        "collection": entry.collection,
        "begin": utc_text(entry.range.begin_tai_ns),
        "end": utc_text(entry.range.end_tai_ns),
        **entry.range.model_dump(),
        "recorded": utc_text(entry.recorded_tai_ns),
        "recorded_tai_ns": entry.recorded_tai_ns,
    }
