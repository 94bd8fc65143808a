"""The register's tables beside ledger and ranges in force: changes, collections, what is in them, stages, products.

Owns their shape. All are append-only; of several lines about one thing the last counts. Times are TAI nanoseconds.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from calibrant.certify.ledger import NUMBER
from calibrant.contracts.common.v1 import Product
from calibrant.rules.ledger import Subject

_GROWS = {"sqlite_autoincrement": True}


def _number() -> Column[int]:
    return Column(NUMBER, primary_key=True, autoincrement=True)


def _ns() -> Column[int]:
    return Column(BigInteger, nullable=False)


def _text() -> Column[str]:
    return Column(Text, nullable=False)


class ChangeRow(SQLModel, table=True):
    """A change of the register: who, when, why; its lines name it."""

    __tablename__ = "certify_change"
    __table_args__ = _GROWS

    number: int | None = Field(default=None, sa_column=_number())
    change_id: str = Field(unique=True)
    action: str = Field(description="certify, decertify, supersede, move, approve, chain, tag, import, undo")
    collection: str
    recorded_tai_ns: int = Field(sa_column=_ns())
    requested_by: str
    reason: str = Field(sa_column=_text())
    told: str = Field(sa_column=_text(), description="what was done, in words")
    run_id: str = ""
    wish: str = Field(
        default="", description="SHA-256 of what was asked for under a request's name; empty: nothing was"
    )
    undoes: str = Field(default="", index=True, description="the change that this one undid; empty for none")


class CollectionRow(SQLModel, table=True):
    """What a collection is from some time on."""

    __tablename__ = "certify_collection"
    __table_args__ = (Index("ix_certify_collection_name", "name", "number"), _GROWS)

    number: int | None = Field(default=None, sa_column=_number())
    change_id: str = Field(index=True, description="empty: it came to be with what was first put into it")
    name: str
    type: str
    members: str = Field(default="[]", sa_column=_text(), description="JSON: names, the first searched first")
    standing: bool = Field(default=True, description="false: it is no more")
    recorded_tai_ns: int = Field(sa_column=_ns())


class MemberRow(SQLModel, table=True):
    """A product comes into a run's or a tagged collection, or leaves the latter."""

    __tablename__ = "certify_member"
    __table_args__ = (Index("ix_certify_member_collection", "collection", "product_id", "number"), _GROWS)

    number: int | None = Field(default=None, sa_column=_number())
    change_id: str = Field(index=True, description="empty: the run made it")
    collection: str
    product_id: str
    present: bool
    recorded_tai_ns: int = Field(sa_column=_ns())


class StageRow(SQLModel, table=True):
    """A product in a collection passes a stage, or is said not to have."""

    __tablename__ = "certify_stage"
    __table_args__ = (Index("ix_certify_stage_product_id", "product_id", "collection", "stage"), _GROWS)

    number: int | None = Field(default=None, sa_column=_number())
    change_id: str = Field(index=True, description="empty: an event told of it")
    collection: str
    product_id: str
    stage: str = Field(description="approval or distribution")
    reached: bool
    recorded_tai_ns: int = Field(sa_column=_ns())
    said_by: str
    reason: str = Field(sa_column=_text())


class ProductRow(SQLModel, table=True):
    """A product that was built or brought, as it was told first."""

    __tablename__ = "certify_product"
    __table_args__ = _GROWS

    number: int | None = Field(default=None, sa_column=_number())
    product_id: str = Field(unique=True)
    product: str = Field(sa_column=_text(), description="JSON: the contract's Product")
    kind: str
    instrument: str
    detector: int
    filter: str | None = None
    run_id: str
    recorded_tai_ns: int = Field(sa_column=_ns())

    @property
    def made_of(self) -> Product:
        """The product, as it was given."""
        return Product.from_json(self.product.encode())

    def subject(self, collection: str) -> Subject:
        """Return what it calibrates, in a collection."""
        return Subject.of(collection, self.instrument, self.kind, self.detector, self.filter)
