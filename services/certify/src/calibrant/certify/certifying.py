"""Certifying one product, for jobs and for people: what stands already, what is in the way, what gives way.

What counts as a clash, as in the field: another product of the same kind, instrument, detector (and filter, for
a kind that has one) whose validity overlaps, in the same collection. The same product again is none: within a
range that it has already nothing is written; over a range that reaches further a line is added.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from calibrant.certify.changes import Change, Refused
from calibrant.certify.in_force import InForce, RangeTaken, overlapping
from calibrant.certify.ledger import EntryRow, lines
from calibrant.certify.products import require_same
from calibrant.contracts.common.v1 import Product
from calibrant.rules.ledger import LedgerEntry, Subject, already_certified, conflicts
from calibrant.rules.times import utc_text
from calibrant.rules.validity import TurnedRound, ValidityRange, between

_MOST_NS = 2**63 - 1
_NOT_WRITTEN = 0  # lines count from 1


class Clashing(Refused):
    """Other products stand where one should be certified.

    Parameters
    ----------
    words : str
        What is in the way, and what to do.
    standing : sequence of InForce
        The certifications that stand there.
    """

    def __init__(self, words: str, standing: Sequence[InForce]) -> None:
        super().__init__(words)
        self.standing = tuple(standing)


def range_of(begin_tai_ns: int | None, end_tai_ns: int | None) -> ValidityRange:
    """Return a range that something can be certified over.

    Raises
    ------
    Refused
        It is empty, turned round, or reaches beyond what the ledger holds.
    """
    for side, value in (("begins", begin_tai_ns), ("ends", end_tai_ns)):
        if value is not None and abs(value) > _MOST_NS:
            raise Refused(
                f"the validity range {side} at {utc_text(value)}, beyond what the ledger holds (1677 to 2262)"
            )
    try:
        span = between(begin_tai_ns, end_tai_ns)
    except TurnedRound as problem:
        raise Refused(str(problem)) from problem
    if span.empty:
        raise Refused(f"the validity range {span} is empty: its end must lie after its begin")
    return span


def subject_of(product: Product, collection: str) -> Subject:
    """Return what a product calibrates, in a collection."""
    return Subject.of(collection, product.instrument, product.kind, product.detector, product.filter)


def certify(
    change: Change,
    product: Product,
    collection: str,
    span: ValidityRange,
    report_id: str,
    *,
    supersede: bool,
    gives_way: bool = False,
) -> tuple[EntryRow, ValidityRange | None]:
    """Certify a product over a range.

    Parameters
    ----------
    change : Change
        The change that it is a part of.
    product : Product
        The product.
    collection : str
        Where.
    span : ValidityRange
        When it applies.
    report_id : str
        The report that accepted it.
    supersede : bool
        Whether another product that stands there gives way; else it is in the way, unless its end is nobody's wish
        and it begins earlier.
    gives_way : bool
        Nobody wished for the end of the range: it ends where another product's begins later.

    Returns
    -------
    tuple of EntryRow and ValidityRange or None
        The line that says so; and, where it stood already, what of its range is in force.

    Raises
    ------
    Refused
        The product is known with other bytes.
    Clashing
        Another product is in the way.
    RangeTaken
        The database refused the range, and what stands there cannot be seen yet.
    """
    candidate = _candidate(change, product, collection, span)
    if gives_way:
        candidate = candidate.over(_until_next(change.session, candidate))
    require_same(change.session, product)
    known = lines(change.session, candidate.subject, product.product_id)
    standing = already_certified((row.entry for row in known.values()), candidate)
    if standing is not None:
        return known[standing.sequence], standing.range
    clashes = _clashes(change.session, candidate)
    firm = [clash for clash in clashes if not _yields(change.session, clash, candidate)]
    if firm and not supersede:
        raise Clashing(_clash_words(candidate, firm), firm)
    for clash in clashes:
        _give_way(change, clash, candidate)
    try:
        return change.certify(product, collection, candidate.range, report_id, gives_way=gives_way), None
    except RangeTaken:
        clashes = _clashes(change.session, candidate)
        if not clashes:
            raise
        raise Clashing(_clash_words(candidate, clashes), clashes) from None


def _give_way(change: Change, clash: InForce, candidate: LedgerEntry) -> None:
    shared = clash.entry.range.shared(candidate.range)
    if shared is not None:
        change.withdraw(_line(change.session, clash), shared, superseded_by=candidate.product_id)


def _yields(session: Session, clash: InForce, candidate: LedgerEntry) -> bool:
    """Tell whether what stands ends where a candidate begins: it began before, and nobody wished for its end."""
    return _begins_later(candidate, clash.entry) and _line(session, clash).gives_way


def _until_next(session: Session, candidate: LedgerEntry) -> ValidityRange:
    """Return a candidate's range up to where another product's begins."""
    later = [one.entry for one in _clashes(session, candidate) if _begins_later(one.entry, candidate)]
    begins = [entry.range.begin_tai_ns for entry in later if entry.range.begin_tai_ns is not None]
    return between(candidate.range.begin_tai_ns, min(begins, default=candidate.range.end_tai_ns))


def _begins_later(one: LedgerEntry, other: LedgerEntry) -> bool:
    begin, before = one.range.begin_tai_ns, other.range.begin_tai_ns
    return begin is not None and (before is None or begin > before)


def _line(session: Session, standing: InForce) -> EntryRow:
    return session.exec(select(EntryRow).where(col(EntryRow.sequence) == standing.entry.sequence)).one()


def _clashes(session: Session, candidate: LedgerEntry) -> list[InForce]:
    near = overlapping(session, candidate.subject, candidate.range)
    return [one for one in near if conflicts([one.entry], candidate)]


def _candidate(change: Change, product: Product, collection: str, span: ValidityRange) -> LedgerEntry:
    return LedgerEntry(
        product_id=product.product_id,
        collection=collection,
        kind=product.kind,
        instrument=product.instrument,
        detector=product.detector,
        filter=product.filter,
        range=span,
        recorded_tai_ns=change.order.recorded_tai_ns,
        sequence=_NOT_WRITTEN,
    )


def _clash_words(candidate: LedgerEntry, clashes: Sequence[InForce]) -> str:
    standing = "; ".join(
        f"{clash.entry.product_id} is certified {clash.entry.range} ({clash.certification_id})"
        for clash in clashes
    )
    return (
        f"{candidate.product_id}, valid {candidate.range}, overlaps what stands in {candidate.collection}: {standing}. "
        "Certify it for a range outside, or into another collection (certify_calib_begin_date and calib_collection "
        "in a sequence file, --begin and --collection on the command line), or supersede what stands there"
    )
