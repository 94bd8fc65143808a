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
    change: Change, product: Product, collection: str, span: ValidityRange, report_id: str, *, supersede: bool
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
        Whether another product that stands there gives way; else it is in the way.

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
    require_same(change.session, product)
    known = lines(change.session, candidate.subject, product.product_id)
    standing = already_certified((row.entry for row in known.values()), candidate)
    if standing is not None:
        return known[standing.sequence], standing.range
    clashes = _clashes(change.session, candidate)
    if clashes and not supersede:
        raise Clashing(_clash_words(candidate, clashes), clashes)
    for clash in clashes:
        _give_way(change, clash, span, product.product_id)
    try:
        return change.certify(product, collection, span, report_id), None
    except RangeTaken:
        clashes = _clashes(change.session, candidate)
        if not clashes:
            raise
        raise Clashing(_clash_words(candidate, clashes), clashes) from None


def _give_way(change: Change, clash: InForce, span: ValidityRange, product_id: str) -> None:
    line = change.session.exec(select(EntryRow).where(col(EntryRow.sequence) == clash.entry.sequence)).one()
    shared = clash.entry.range.shared(span)
    if shared is not None:
        change.withdraw(line, shared, superseded_by=product_id)


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
