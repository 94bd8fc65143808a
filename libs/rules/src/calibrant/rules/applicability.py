"""Which certification applies at an instant, and why, in words; must not store or look anything up.

Whoever holds the whole ledger asks ``find``; whoever keeps the ranges in force looks the neighbours of the
instant up and words the same answer with ``found`` and ``not_found``. All times are TAI nanoseconds.
"""

from collections.abc import Iterable
from typing import Literal

from calibrant.rules.ledger import LedgerEntry, Subject, prevailing
from calibrant.rules.model import Frozen
from calibrant.rules.times import utc_text

NEVER = "nothing of this kind has been certified there"
WITHDRAWN = "every certification has been withdrawn"
_NOT_YET = "nothing had been certified yet"


class Found(Frozen):
    """The certification that applies, and why; its range is the one in force."""

    outcome: Literal["found"] = "found"
    entry: LedgerEntry
    why: str


class NotFound(Frozen):
    """No certification applies, why, and the nearest ranges in force before and after the instant."""

    outcome: Literal["not found"] = "not found"
    collection: str
    why: str
    before: LedgerEntry | None = None
    after: LedgerEntry | None = None


def find(
    entries: Iterable[LedgerEntry], subject: Subject, at_tai_ns: int, as_of_tai_ns: int | None = None
) -> Found | NotFound:
    """Answer "which bias for detector D at time T, and why".

    Parameters
    ----------
    entries : iterable of LedgerEntry
        The ledger.
    subject : Subject
        What is looked for.
    at_tai_ns : int
        The instant the calibration is for, TAI ns.
    as_of_tai_ns : int or None
        Read the ledger as it stood at this instant (entries recorded then count); None: as it stands.

    Returns
    -------
    Found or NotFound
        With the reason in words.
    """
    similar = [entry for entry in entries if entry.subject[:-1] == subject[:-1]]
    same = [entry for entry in similar if entry.subject == subject]
    in_force = prevailing(same, as_of_tai_ns)
    for entry in in_force:
        if entry.range.contains(at_tai_ns):
            return found(entry, as_of_tai_ns)
    ended = [e for e in in_force if e.range.end_tai_ns is not None and e.range.end_tai_ns <= at_tai_ns]
    begun = [e for e in in_force if e.range.begin_tai_ns is not None and e.range.begin_tai_ns > at_tai_ns]
    return not_found(
        subject,
        at_tai_ns,
        before=ended[-1] if ended else None,
        after=begun[0] if begun else None,
        nothing=_nothing(same, as_of_tai_ns),
        filters={entry.subject.filter for entry in similar},
        as_of_tai_ns=as_of_tai_ns,
    )


def found(entry: LedgerEntry, as_of_tai_ns: int | None = None) -> Found:
    """Word the answer that a certification applies."""
    recorded = utc_text(entry.recorded_tai_ns)
    why = f"{entry.product_id} is valid {entry.range}, recorded {recorded}{_as_of(as_of_tai_ns)}"
    return Found(entry=entry, why=why)


def not_found(
    subject: Subject,
    at_tai_ns: int,
    *,
    before: LedgerEntry | None,
    after: LedgerEntry | None,
    nothing: str = "",
    filters: Iterable[str | None] = (),
    as_of_tai_ns: int | None = None,
) -> NotFound:
    """Word the answer that no certification applies.

    Parameters
    ----------
    subject : Subject
        What was looked for.
    at_tai_ns : int
        The instant, TAI ns.
    before, after : LedgerEntry or None
        The nearest ranges in force.
    nothing : str
        Why there is neither.
    filters : iterable of str or None
        Filters that the ledger has lines for.
    as_of_tai_ns : int or None
        How the ledger was read.
    """
    why = nothing
    if before or after:
        why = f"none of the validity ranges contains {utc_text(at_tai_ns)}"
    for side, entry in (("before", before), ("after", after)):
        if entry is not None:
            why += f"; the nearest {side} is {entry.product_id}, valid {entry.range}"
    others = sorted({name for name in filters if name} - {subject.filter})
    hint = f"; there are some in filter {', '.join(others)}" if others else ""
    told = f"no {_named(subject)} in {subject.collection}: {why}{_as_of(as_of_tai_ns)}{hint}"
    return NotFound(collection=subject.collection, why=told, before=before, after=after)


def _nothing(same: list[LedgerEntry], as_of_tai_ns: int | None) -> str:
    if not same:
        return NEVER
    if as_of_tai_ns is not None and all(entry.recorded_tai_ns > as_of_tai_ns for entry in same):
        return _NOT_YET
    return WITHDRAWN


def _named(subject: Subject) -> str:
    name = f"{subject.kind} of {subject.instrument} detector {subject.detector}"
    return f"{name} in filter {subject.filter}" if subject.filter else name


def _as_of(as_of_tai_ns: int | None) -> str:
    return "" if as_of_tai_ns is None else f", in the ledger as of {utc_text(as_of_tai_ns)}"
