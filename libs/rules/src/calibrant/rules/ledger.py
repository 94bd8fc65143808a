"""Reading a ledger of certifications: what is in force, what applies, what would clash; must not store it.

The ledger is append-only and bitemporal: every entry has a validity range (when the calibration applies)
and a recorded time (when we came to say so), both TAI nanoseconds. A withdrawal is an entry too: it cuts
its range out of what was recorded before it for the same product.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field

from calibrant.rules.model import Frozen
from calibrant.rules.validity import ValidityRange, tai_text

FILTER_KINDS = frozenset({"flat"})
"""Kinds of calibration that belong to one filter; for all others an entry's filter is ignored."""


def daily_collection(instrument: str) -> str:
    """Name the collection for calibrations of an instrument when nobody names one."""
    return f"{instrument}/calib/daily"


class LedgerAction(StrEnum):
    """What an entry of the ledger does."""

    CERTIFY = "certify"  # the product is valid over the range
    WITHDRAW = "withdraw"  # from now on it is said not to be


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
    def subject(self) -> tuple[str, str, str, int, str | None]:
        """What is calibrated: (collection, instrument, kind, detector, filter where the kind has one)."""
        name = self.filter if self.kind in FILTER_KINDS else None
        return (self.collection, self.instrument, self.kind, self.detector, name)


class Found(Frozen):
    """The certification that applies, and why."""

    outcome: Literal["found"] = "found"
    entry: LedgerEntry
    why: str


class NotFound(Frozen):
    """No certification applies, and why."""

    outcome: Literal["not found"] = "not found"
    why: str


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
    return tuple(kept.model_copy(update={"range": piece}) for piece in kept.range.without(withdrawal.range))


def applicable(
    certifications: Iterable[LedgerEntry], at_tai_ns: int, as_of_tai_ns: int | None = None
) -> Found | NotFound:
    """Tell which certification of one subject applies at an instant, and why.

    Parameters
    ----------
    certifications : iterable of LedgerEntry
        Entries of one subject (same collection, instrument, kind, detector and filter).
    at_tai_ns : int
        The instant the calibration is for, TAI ns.
    as_of_tai_ns : int or None
        Read the ledger as it stood at this instant; None: as it stands.

    Returns
    -------
    Found or NotFound
        Should several apply, the one recorded last, with the others named.
    """
    everything = tuple(certifications)
    in_force = effective(everything, as_of_tai_ns)
    valid = [entry for entry in in_force if entry.range.contains(at_tai_ns)]
    as_of = "" if as_of_tai_ns is None else f", in the ledger as of {tai_text(as_of_tai_ns)}"
    if not valid:
        return NotFound(why=_why_not(everything, in_force, at_tai_ns, as_of_tai_ns) + as_of)
    *earlier, chosen = valid
    why = f"{chosen.product_id} is valid {chosen.range}, recorded {tai_text(chosen.recorded_tai_ns)}{as_of}"
    others = sorted({entry.product_id for entry in earlier} - {chosen.product_id})
    if others:
        why += f"; recorded later than {', '.join(others)}, valid then too"
    return Found(entry=chosen, why=why)


def _why_not(
    everything: tuple[LedgerEntry, ...],
    in_force: tuple[LedgerEntry, ...],
    at_tai_ns: int,
    as_of_tai_ns: int | None,
) -> str:
    if not everything:
        return "nothing of this kind has been certified there"
    if as_of_tai_ns is not None and all(entry.recorded_tai_ns > as_of_tai_ns for entry in everything):
        return "nothing had been certified yet"
    if not in_force:
        return "every certification has been withdrawn"
    spans = ", ".join(f"{entry.product_id} {entry.range}" for entry in in_force[-3:])
    more = f" and {len(in_force) - 3} earlier ones" if len(in_force) > 3 else ""
    return f"none of the validity ranges contains {tai_text(at_tai_ns)}: {spans}{more}"


def find(
    entries: Iterable[LedgerEntry],
    *,
    collection: str,
    instrument: str,
    kind: str,
    detector: int,
    at_tai_ns: int,
    filter: str | None = None,  # noqa: A002 - the field's word
    as_of_tai_ns: int | None = None,
) -> Found | NotFound:
    """Answer "which bias for detector D at time T, and why".

    Parameters
    ----------
    entries : iterable of LedgerEntry
        The ledger.
    collection, instrument, kind, detector
        What is looked for.
    at_tai_ns : int
        The instant the calibration is for, TAI ns.
    filter : str or None
        Filter; counts only for kinds that have one (``FILTER_KINDS``), where None means "no filter".
    as_of_tai_ns : int or None
        Read the ledger as it stood at this instant; None: as it stands.

    Returns
    -------
    Found or NotFound
        With the reason in words.
    """
    same = [
        e
        for e in entries
        if (e.collection, e.instrument, e.kind, e.detector) == (collection, instrument, kind, detector)
    ]
    wanted = filter if kind in FILTER_KINDS else None
    answer = applicable((e for e in same if e.subject[-1] == wanted), at_tai_ns, as_of_tai_ns)
    if isinstance(answer, Found):
        return answer
    named = f"{kind} of {instrument} detector {detector}" + (f" in filter {wanted}" if wanted else "")
    others = sorted({str(e.subject[-1]) for e in same if e.subject[-1] not in (wanted, None)})
    hint = f"; there are some in filter {', '.join(others)}" if others else ""
    return NotFound(why=f"no {named} in {collection}: {answer.why}{hint}")


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
