"""The validity ranges in force, kept beside the ledger: none overlaps another, so one step in an index finds one.

Owns the table. It says nothing that the ledger does not, and ``rebuild`` makes it anew; the database refuses an
overlap whoever writes. All times are TAI nanoseconds; a missing begin or end is unbounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Select,
    bindparam,
    delete,
    func,
    literal_column,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col

from calibrant.bus.errors import TransientError
from calibrant.certify.ledger import NUMBER, EntryRow
from calibrant.rules.ledger import LedgerAction, LedgerEntry, Subject
from calibrant.rules.validity import ValidityRange

NO_OVERLAP: Final = "certify_in_force_no_overlap"
"""Name of what refuses an overlap: an exclusion constraint on PostgreSQL, triggers on SQLite."""
_EARLIEST_NS: Final = -(2**63)
_EARLIEST: Final = f"CAST({_EARLIEST_NS} AS BIGINT)"
_LATEST_NS: Final = 2**63 - 1


class RangeTaken(TransientError):
    """The database refused a range: it overlaps one that came into force meanwhile. Nothing was written."""


class InForceRow(SQLModel, table=True):
    """A range in force, and the line of the ledger that it comes from."""

    __tablename__ = "certify_in_force"
    __table_args__ = (
        CheckConstraint("begin_tai_ns < end_tai_ns", name="certify_in_force_not_empty"),
        Index("ix_certify_in_force_product_id", "product_id"),
        Index(
            "ix_certify_in_force_begin",
            "collection",
            "instrument",
            "kind",
            "detector",
            "filter",
            func.coalesce(literal_column("begin_tai_ns"), literal_column(_EARLIEST)),
        ),
    )

    number: int | None = Field(default=None, sa_column=Column(NUMBER, primary_key=True, autoincrement=True))
    sequence: int = Field(
        sa_column=Column(NUMBER, ForeignKey("certify_entry.sequence"), nullable=False),
        description="the line of the ledger",
    )
    product_id: str
    collection: str
    instrument: str
    kind: str
    detector: int
    filter: str = Field(description="empty: none, or a kind that has none")
    begin_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger))
    end_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger))

    @classmethod
    def of(cls, entry: LedgerEntry) -> "InForceRow":
        """Make the row of a certification over a range."""
        return cls(
            sequence=entry.sequence,
            product_id=entry.product_id,
            **columns(entry.subject),
            **entry.range.model_dump(),
        )

    @property
    def range(self) -> ValidityRange:
        """The range."""
        return ValidityRange(begin_tai_ns=self.begin_tai_ns, end_tai_ns=self.end_tai_ns)


@dataclass(frozen=True, slots=True)
class InForce:
    """A range in force with what the ledger says of it.

    Parameters
    ----------
    number : int
        Its row's.
    certification_id, report_id : str
        Those of the line of the ledger.
    entry : LedgerEntry
        The certification over the range, as the rules read it.
    """

    number: int
    certification_id: str
    report_id: str
    entry: LedgerEntry


_FACTS: Final = ("product_id", "recorded_tai_ns", "sequence", "action")
# Statements are made once, from tables, and read values, not objects: either takes longer than the database does.
_RANGE: Final = SQLModel.metadata.tables[str(InForceRow.__tablename__)].columns
_LINE: Final = SQLModel.metadata.tables[str(EntryRow.__tablename__)].columns
_begun: Final = func.coalesce(_RANGE.begin_tai_ns, literal_column(_EARLIEST))
_ranges: Final = (
    select(
        _RANGE.number,
        _LINE.certification_id,
        _LINE.report_id,
        _RANGE.begin_tai_ns,
        _RANGE.end_tai_ns,
        *(_LINE[name] for name in _FACTS),
    )
    .join_from(_RANGE.number.table, _LINE.sequence.table, _LINE.sequence == _RANGE.sequence)
    .where(*(_RANGE[name] == bindparam(name) for name in Subject._fields))
)
_first_ns: Final = bindparam("first_ns", type_=BigInteger)
_last_ns: Final = bindparam("last_ns", type_=BigInteger)
# As a parameter it would keep PostgreSQL from using a plan again: it plans anew for every limit.
_one: Final = literal_column("1", Integer)
_before: Final = _ranges.where(_begun <= _last_ns).order_by(_begun.desc()).limit(_one)
_after: Final = _ranges.where(_begun > _last_ns).order_by(_begun).limit(_one)
_within: Final = _ranges.where(_begun >= _first_ns, _begun <= _last_ns).order_by(_begun)


def latest_begun(session: Session, subject: Subject, at_tai_ns: int) -> InForce | None:
    """Look up, in one statement, the last range that had begun at an instant.

    As none overlaps another it is the one that applies, unless it has ended: then it is the nearest before.
    """
    return next(_read(session, _before, subject, last_ns=held(at_tai_ns)), None)


def next_to_begin(session: Session, subject: Subject, at_tai_ns: int) -> InForce | None:
    """Look up the first range that begins after an instant."""
    return next(_read(session, _after, subject, last_ns=held(at_tai_ns)), None)


def overlapping(session: Session, subject: Subject, span: ValidityRange) -> list[InForce]:
    """Look up the ranges that share an instant with another one, in time order."""
    first_ns = _EARLIEST_NS if span.begin_tai_ns is None else span.begin_tai_ns
    last_ns = _LATEST_NS if span.end_tai_ns is None else span.end_tai_ns - 1
    begun = latest_begun(session, subject, first_ns)
    later = _read(session, _within, subject, first_ns=first_ns, last_ns=last_ns)
    found = {one.number: one for one in (begun, *later) if one is not None}
    return [one for one in found.values() if one.entry.range.overlaps(span)]


def record(session: Session, line: EntryRow) -> None:
    """Write a line into the ledger together with what it changes of the ranges in force, or neither.

    Parameters
    ----------
    session : Session
        The transaction of the only writer.
    line : EntryRow
        The line, recorded later than all there are; gets its number.

    Raises
    ------
    RangeTaken
        A range of another product in force overlaps; nothing is written, the transaction goes on.
    """
    try:
        with session.begin_nested():
            session.add(line)
            session.flush()
            _apply(session, line.entry)
    except IntegrityError as error:
        if NO_OVERLAP not in str(error.orig):
            raise
        raise RangeTaken(
            f"{line.product_id} is not certified: another product's range came into force there at the same time. "
            "It is tried again"
        ) from error


def _apply(session: Session, entry: LedgerEntry) -> None:
    """Cut the line's range out of its product's earlier ones; where it certifies, it stands there itself."""
    kept = [] if entry.action is LedgerAction.WITHDRAW or entry.range.empty else [entry]
    for earlier in overlapping(session, entry.subject, entry.range):
        if earlier.entry.product_id == entry.product_id:
            kept += [earlier.entry.over(left) for left in earlier.entry.range.without(entry.range)]
            session.execute(delete(InForceRow).where(col(InForceRow.number) == earlier.number))
    session.add_all(InForceRow.of(one) for one in kept)
    session.flush()


def columns(subject: Subject) -> dict[str, Any]:
    """Give what the table's columns say of a subject."""
    return subject._asdict() | {"filter": subject.filter or ""}


def held(at_tai_ns: int) -> int:
    """Give the instant, or the outermost that the table can hold: on that side only open ranges reach so far."""
    return max(_EARLIEST_NS, min(at_tai_ns, _LATEST_NS))


def _read(
    session: Session, statement: Select[Any], subject: Subject, **instants_ns: int
) -> Iterator[InForce]:
    rows = session.connection().execute(statement, columns(subject) | instants_ns).all()
    for number, certification_id, report_id, begin_tai_ns, end_tai_ns, *facts in rows:
        span = ValidityRange(begin_tai_ns=begin_tai_ns, end_tai_ns=end_tai_ns)
        entry = LedgerEntry(range=span, **subject._asdict(), **dict(zip(_FACTS, facts, strict=True)))
        yield InForce(number, certification_id, report_id, entry)
