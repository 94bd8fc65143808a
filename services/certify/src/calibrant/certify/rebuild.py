"""Making the ranges in force anew from the ledger, and saying what differed: maintenance, beside the running service.

Owns no table. One kind and detector after the other, each in a short transaction of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from calibrant.certify.in_force import InForceRow
from calibrant.certify.ledger import EntryRow, lines
from calibrant.rules.ledger import LedgerEntry, Subject, prevailing
from calibrant.runtime.database import Database

_KIND_AND_DETECTOR = ("collection", "instrument", "kind", "detector")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found; nothing differs unless somebody wrote past the service.

    Parameters
    ----------
    ranges : int
        Ranges in force.
    added : int
        Those of them that were not there, or not like this.
    removed : int
        Others that were there.
    """

    ranges: int = 0
    added: int = 0
    removed: int = 0

    def __add__(self, other: Rebuilt) -> Rebuilt:
        """Add up what was found of different kinds and detectors."""
        return Rebuilt(self.ranges + other.ranges, self.added + other.added, self.removed + other.removed)


def rebuild(database: Database) -> Rebuilt:
    """Make the ranges in force what the ledger says.

    Raises
    ------
    DatabaseUnavailable
        The database is locked, full or away; what is rebuilt by then stays so.
    """
    total = Rebuilt()
    with database.reading() as session:
        subjects = _subjects(session)
    for subject in subjects:
        with database.writing() as session:
            total += rebuild_one(session, subject)
    return total


def rebuild_one(session: Session, subject: Subject) -> Rebuilt:
    """Make the ranges of one kind and detector, of all filters, what the ledger says; in the caller's transaction."""
    said = {_values(row): row for row in map(InForceRow.of, _prevailing(session, subject))}
    kept = {_values(row): row for row in _kept(session, subject)}
    stray, missing = kept.keys() - said.keys(), said.keys() - kept.keys()
    for key in stray:
        session.delete(kept[key])
    session.flush()  # in one flush what is new would come before what is deleted
    session.add_all(said[key] for key in missing)
    session.flush()
    return Rebuilt(len(said), len(missing), len(stray))


def _subjects(session: Session) -> list[Subject]:
    """Return the kinds and detectors that either table has; their filter does not count."""
    found: set[tuple[str, str, str, int]] = set()
    for table in (EntryRow, InForceRow):
        columns = (col(getattr(table, name)) for name in _KIND_AND_DETECTOR)
        found |= {tuple(row) for row in session.execute(select(*columns).distinct())}
    return [Subject.of(*one) for one in sorted(found)]


def _prevailing(session: Session, subject: Subject) -> tuple[LedgerEntry, ...]:
    return prevailing(line.entry for line in lines(session, subject).values())


def _kept(session: Session, subject: Subject) -> list[InForceRow]:
    same = (col(getattr(InForceRow, name)) == getattr(subject, name) for name in _KIND_AND_DETECTOR)
    return list(session.exec(select(InForceRow).where(*same)).all())


def _values(row: InForceRow) -> tuple[object, ...]:
    return tuple(sorted(row.model_dump(exclude={"number"}).items()))
