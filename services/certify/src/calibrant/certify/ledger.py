"""The ledger's table, written once and never changed, and its lines as the rules read them.

Owns the table. All times are TAI nanoseconds; a missing begin or end is unbounded.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, Index, Integer, String, Text, false
from sqlmodel import Field, Session, SQLModel, col, select

from calibrant.contracts.common.v1 import Product
from calibrant.rules.ledger import LedgerAction, LedgerEntry, Subject
from calibrant.rules.validity import ValidityRange

NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")


class EntryRow(SQLModel, table=True):
    """A line of the ledger. Triggers in the database refuse to change or delete one."""

    __tablename__ = "certify_entry"
    __table_args__ = (
        Index("ix_certify_entry_subject", "collection", "instrument", "kind", "detector"),
        {"sqlite_autoincrement": True},
    )

    sequence: int | None = Field(default=None, sa_column=Column(NUMBER, primary_key=True, autoincrement=True))
    certification_id: str = Field(unique=True)
    action: str = Field(description="certify or withdraw")
    product_id: str = Field(index=True)
    product: str = Field(sa_column=Column(Text, nullable=False), description="JSON: the contract's Product")
    collection: str
    kind: str
    instrument: str
    detector: int
    filter: str | None = None
    begin_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger))
    end_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger))
    recorded_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    report_id: str
    requested_by: str
    reason: str = Field(sa_column=Column(Text, nullable=False))
    job_id: str
    run_id: str
    change_id: str = Field(
        default="",
        sa_column=Column(String, nullable=False, server_default="", index=True),
        description="the change of the register that wrote it",
    )
    gives_way: bool = Field(
        default=False,
        sa_column=Column(Boolean, nullable=False, server_default=false()),
        description="nobody wished for its end: what is certified afterwards and begins later takes its place",
    )

    @property
    def made_of(self) -> Product:
        """The product, as it was given."""
        return Product.from_json(self.product.encode())

    @property
    def range(self) -> ValidityRange:
        """The validity range that the line names."""
        return ValidityRange(begin_tai_ns=self.begin_tai_ns, end_tai_ns=self.end_tai_ns)

    @property
    def entry(self) -> LedgerEntry:
        """The line as the rules read it."""
        assert self.sequence is not None
        return LedgerEntry(
            product_id=self.product_id,
            collection=self.collection,
            kind=self.kind,
            instrument=self.instrument,
            detector=self.detector,
            filter=self.filter,
            range=self.range,
            recorded_tai_ns=self.recorded_tai_ns,
            sequence=self.sequence,
            action=LedgerAction(self.action),
        )


def lines(session: Session, subject: Subject, product_id: str | None = None) -> dict[int, EntryRow]:
    """Return the lines about a kind and detector in a collection, of all filters, by number, in order.

    Parameters
    ----------
    session : Session
        A transaction.
    subject : Subject
        The kind and detector; its filter does not count.
    product_id : str or None
        Only those of this product; None: all.
    """
    query = select(EntryRow).where(*_about(subject))
    if product_id is not None:
        query = query.where(col(EntryRow.product_id) == product_id)
    rows = session.exec(query.order_by(col(EntryRow.sequence))).all()
    return {row.sequence: row for row in rows if row.sequence is not None}


def filters(session: Session, subject: Subject) -> set[str | None]:
    """Return the filters that there are lines for, about a kind and detector in a collection."""
    named = session.exec(select(EntryRow.filter).where(*_about(subject)).distinct()).all()
    return {subject.of(*subject[:-1], name).filter for name in named}


def _about(subject: Subject) -> Iterator[ColumnElement[bool]]:
    for name in ("collection", "instrument", "kind", "detector"):
        yield col(getattr(EntryRow, name)) == getattr(subject, name)
