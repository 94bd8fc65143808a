"""Reading a ledger of certifications: what is in force, what would clash; must not store it.

The ledger is append-only and bitemporal: every entry has a validity range (when the calibration applies)
and a recorded time (when we came to say so), both TAI nanoseconds. A withdrawal is an entry too: it cuts
its range out of what was recorded before it for the same product.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple, Self

from pydantic import Field

from calibrant.rules.model import Frozen
from calibrant.rules.validity import ValidityRange

FILTER_KINDS = frozenset({"flat"})
"""Kinds of calibration that belong to one filter; for all others an entry's filter is ignored."""


def daily_collection(instrument: str) -> str:
    """Name the collection for calibrations of an instrument when nobody names one."""
    return f"{instrument}/calib/daily"


class LedgerAction(StrEnum):
    """What an entry of the ledger does."""

    CERTIFY = "certify"  # the product is valid over the range
    WITHDRAW = "withdraw"  # from now on it is said not to be


class Subject(NamedTuple):
    """What is calibrated; two certifications of one subject must not overlap."""

    collection: str
    instrument: str
    kind: str
    detector: int
    filter: str | None

    @classmethod
    def of(
        cls,
        collection: str,
        instrument: str,
        kind: str,
        detector: int,
        filter: str | None = None,  # noqa: A002 - the field's word
    ) -> "Subject":
        """Name a subject; the filter counts only for kinds that have one (``FILTER_KINDS``)."""
        return cls(collection, instrument, kind, detector, (filter or None) if kind in FILTER_KINDS else None)


class LedgerEntry(Frozen):
    """One line of the ledger.

    ``sequence`` is the line's number: of two entries recorded at the same instant the higher is the later.
    """

    product_id: str
    collection: str
    kind: str = Field(description="bias, dark, flat, ...")
    instrument: str
    detector: int
    filter: str | None = None
    range: ValidityRange
    recorded_tai_ns: int = Field(description="when this was written into the ledger, TAI ns")
    sequence: int = Field(description="number of the line, growing")
    action: LedgerAction = LedgerAction.CERTIFY

    @property
    def subject(self) -> Subject:
        """What is calibrated."""
        return Subject.of(self.collection, self.instrument, self.kind, self.detector, self.filter)

    def over(self, span: ValidityRange) -> Self:
        """Give the same certification over another range, such as what is left of its own."""
        return self.model_copy(update={"range": span})


def effective(entries: Iterable[LedgerEntry], as_of_tai_ns: int | None = None) -> tuple[LedgerEntry, ...]:
    """Give the certifications in force.

    Parameters
    ----------
    entries : iterable of LedgerEntry
        The ledger or a part of it, in any order.
    as_of_tai_ns : int or None
        Read the ledger as it stood at this instant (entries recorded then count); None: as it stands.

    Returns
    -------
    tuple of LedgerEntry
        Certifying entries in the order they were recorded, their ranges trimmed, split or gone where
        a later withdrawal of the same product cut into them. Empty ranges are never in force.
    """
    known = [e for e in entries if as_of_tai_ns is None or e.recorded_tai_ns <= as_of_tai_ns]
    in_force: list[LedgerEntry] = []
    for entry in sorted(known, key=_recorded):
        if entry.action is LedgerAction.CERTIFY:
            if not entry.range.empty:
                in_force.append(entry)
        else:
            in_force = [piece for kept in in_force for piece in _cut(kept, entry)]
    return tuple(in_force)


def _recorded(entry: LedgerEntry) -> tuple[int, int]:
    return (entry.recorded_tai_ns, entry.sequence)


def _cut(kept: LedgerEntry, withdrawal: LedgerEntry) -> tuple[LedgerEntry, ...]:
    if kept.product_id != withdrawal.product_id or kept.subject != withdrawal.subject:
        return (kept,)
    return tuple(kept.over(piece) for piece in kept.range.without(withdrawal.range))


def prevailing(entries: Iterable[LedgerEntry], as_of_tai_ns: int | None = None) -> tuple[LedgerEntry, ...]:
    """Give the ranges in force, none overlapping another: where certifications overlap the last recorded stands.

    Parameters
    ----------
    entries : iterable of LedgerEntry
        The ledger or a part of it, in any order.
    as_of_tai_ns : int or None
        Read the ledger as it stood at this instant; None: as it stands.

    Returns
    -------
    tuple of LedgerEntry
        By subject and in time order; each is the certification that applies at every instant of its range.
    """
    pieces: list[LedgerEntry] = []
    for group in _overlapping(effective(entries, as_of_tai_ns)):
        later: list[ValidityRange] = []
        for entry in sorted(group, key=_recorded, reverse=True):
            pieces += [entry.over(left) for left in entry.range.outside(later)]
            later.append(entry.range)
    return tuple(sorted(pieces, key=_place))


def _place(entry: LedgerEntry) -> tuple[Any, ...]:
    begin = entry.range.begin_tai_ns
    return (*entry.subject[:-1], entry.subject.filter or "", begin is not None, begin)


def _overlapping(entries: Iterable[LedgerEntry]) -> Iterator[list[LedgerEntry]]:
    """Group entries of one subject that hang together by overlaps; most stand alone."""
    group: list[LedgerEntry] = []
    reach = ValidityRange()
    for entry in sorted(entries, key=_place):
        if group and entry.subject == group[0].subject and reach.overlaps(entry.range):
            reach = reach.joined(entry.range)
        else:
            if group:
                yield group
            group, reach = [], entry.range
        group.append(entry)
    if group:
        yield group


def conflicts(entries: Iterable[LedgerEntry], candidate: LedgerEntry) -> list[LedgerEntry]:
    """List what stands in the way of certifying a product.

    Parameters
    ----------
    entries : iterable of LedgerEntry
        The ledger.
    candidate : LedgerEntry
        The certification asked for.

    Returns
    -------
    list of LedgerEntry
        Certifications in force of *another* product for the same collection, instrument, kind and
        detector (and filter, where the kind has one) whose range overlaps; in recorded order.
    """
    return [
        entry
        for entry in effective(entries)
        if entry.subject == candidate.subject
        and entry.product_id != candidate.product_id
        and entry.range.overlaps(candidate.range)
    ]


def already_certified(entries: Iterable[LedgerEntry], candidate: LedgerEntry) -> LedgerEntry | None:
    """Give the entry that already says what the candidate says, so that certifying again changes nothing.

    Returns
    -------
    LedgerEntry or None
        A certification in force of the same product and subject that covers the candidate's range.
    """
    for entry in effective(entries):
        same = entry.subject == candidate.subject and entry.product_id == candidate.product_id
        if same and entry.range.covers(candidate.range):
            return entry
    return None
