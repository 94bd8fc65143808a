"""The values of a look-up for a whole exposure: what is wanted, what stands. Must not read anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from calibrant.rules.ledger import Subject
from calibrant.rules.validity import ValidityRange


@dataclass(frozen=True, slots=True)
class Asked:
    """For which exposure.

    Parameters
    ----------
    instrument : str
        Which camera.
    at_tai_ns : int
        When, TAI ns.
    as_of_tai_ns : int or None
        As the register stood then; None: as it stands.
    """

    instrument: str
    at_tai_ns: int
    as_of_tai_ns: int | None = None


class Wanted(NamedTuple):
    """A kind for a detector, in the filter that counts for it."""

    kind: str
    detector: int
    filter: str


class Standing(NamedTuple):
    """A certification that applies, or a range of it that ended before or begins after the instant."""

    certification_id: str | None
    product_id: str
    report_id: str | None
    begin_tai_ns: int | None
    end_tai_ns: int | None
    recorded_tai_ns: int

    def contains(self, at_tai_ns: int) -> bool:
        """Tell whether an instant (TAI ns) is inside; asked of every detector, so without a range of the rules."""
        after_begin = self.begin_tai_ns is None or self.begin_tai_ns <= at_tai_ns
        return after_begin and (self.end_tai_ns is None or at_tai_ns < self.end_tai_ns)

    @property
    def range(self) -> ValidityRange:
        """The range."""
        return ValidityRange(begin_tai_ns=self.begin_tai_ns, end_tai_ns=self.end_tai_ns)


def wanted(kinds: Iterable[str], detectors: Iterable[int], filter_name: str | None) -> list[Wanted]:
    """Return every kind for every detector."""
    numbers = list(detectors)
    of_kind = {kind: Subject.of("", "", kind, 0, filter_name).filter or "" for kind in kinds}
    return [Wanted(kind, number, name) for kind, name in of_kind.items() for number in numbers]
