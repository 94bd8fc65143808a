"""The inverse of a change of what is in force, or why there is none; must not store or look anything up.

A change is known by what was in force of one subject before and after it. It can be undone where all that it
changed still stands as it left it.
"""

from collections.abc import Sequence

from calibrant.rules.ledger import LedgerEntry
from calibrant.rules.model import Frozen
from calibrant.rules.validity import ValidityRange


class Inverse(Frozen):
    """What undoes a change: ranges to withdraw, then ranges to certify again."""

    withdrawn: tuple[LedgerEntry, ...]
    certified: tuple[LedgerEntry, ...]


class Overtaken(Frozen):
    """A change that cannot be undone: what stands now where it changed something, and over which range."""

    span: ValidityRange
    product_id: str | None


def inverse(
    before: Sequence[LedgerEntry], after: Sequence[LedgerEntry], now: Sequence[LedgerEntry]
) -> Inverse | Overtaken:
    """Give the inverse of a change.

    Parameters
    ----------
    before, after, now : sequence of LedgerEntry
        What was in force of one subject right before and right after it, and what is now; none overlapping another.

    Returns
    -------
    Inverse or Overtaken
        The inverse, which touches only what the change touched; or what overtook it.
    """
    added, gone = _beyond(after, before), _beyond(before, after)
    for entry in added:
        lost = entry.range.outside(_spans(now, entry.product_id))
        if lost:
            return _overtaken(lost[0], now)
    for entry in gone:
        for left in entry.range.outside(one.range for one in added):
            taken = next((one for one in now if one.range.overlaps(left)), None)
            if taken is not None:
                return _overtaken(left, now)
    return Inverse(withdrawn=added, certified=gone)


def _beyond(some: Sequence[LedgerEntry], others: Sequence[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    """Give what some say of instants at which the others do not name the same product."""
    return tuple(
        entry.over(left) for entry in some for left in entry.range.outside(_spans(others, entry.product_id))
    )


def _spans(entries: Sequence[LedgerEntry], product_id: str) -> list[ValidityRange]:
    return [entry.range for entry in entries if entry.product_id == product_id]


def _overtaken(span: ValidityRange, now: Sequence[LedgerEntry]) -> Overtaken:
    standing = next((one for one in now if one.range.overlaps(span)), None)
    if standing is None:
        return Overtaken(span=span, product_id=None)
    shared = standing.range.shared(span)
    return Overtaken(span=shared or span, product_id=standing.product_id)
