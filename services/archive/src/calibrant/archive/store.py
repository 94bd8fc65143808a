"""What the archive keeps of each publication, and the one query class that HTTP and the command line use.

Owns the tables of publications and of the catalogue. Times are TAI nanoseconds; texts are UTC with
``Z``.
"""

import json
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, Session, SQLModel, col, select

from calibrant.contracts.common.v1 import DataRef, Product
from calibrant.frames.times import utc_text
from calibrant.rules.validity import ValidityRange
from calibrant.runtime.objects import ObjectStore


class Status(StrEnum):
    """Where a publication stands."""

    PENDING = "pending"  # certified, its file not copied yet
    FAILED = "failed"  # cannot be published; the reason says why
    CURRENT = "current"  # public, and in force over its range or a part of it
    SUPERSEDED = "superseded"  # another product took its place; nothing of its range is in force
    WITHDRAWN = "withdrawn"  # nothing of its range is in force


class PublicationRow(SQLModel, table=True):
    """A publication, from its certification on; what is None is known once it is current."""

    __tablename__ = "archive_publication"
    __table_args__ = (
        Index("ix_archive_publication_subject", "collection", "instrument", "kind", "detector"),
    )

    publication_id: str = Field(primary_key=True)
    certification_id: str = Field(unique=True)
    product_id: str = Field(index=True)
    product: str = Field(sa_column=Column(Text, nullable=False), description="JSON: the contract's Product")
    collection: str
    kind: str
    instrument: str
    detector: int
    filter: str | None = None
    begin_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger))
    end_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger))
    report_id: str
    requested_by: str
    run_id: str
    status: str = Field(index=True)
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    version: int | None = None
    uri: str | None = Field(default=None, description="the archive's own copy")
    sha256: str | None = None
    size_bytes: int | None = Field(default=None, sa_column=Column(BigInteger))
    media_type: str | None = None
    in_force_json: str = Field(
        sa_column=Column(Text, nullable=False), description="JSON: what is left of its range, begins and ends"
    )
    withdrawal: str = Field(
        default="", sa_column=Column(Text, nullable=False), description="the last one: how, why, by whom"
    )
    superseded_by: str = Field(default="", description="the product that took its place; empty for none")
    requested_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    published_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger))
    traceparent: str = Field(default="", description="the span in which it was accepted; empty for none")

    @property
    def copy_ref(self) -> DataRef | None:
        """The archive's own copy; None until it is published."""
        if self.uri is None or self.sha256 is None or self.size_bytes is None or self.media_type is None:
            return None
        return DataRef(
            uri=self.uri, sha256=self.sha256, size_bytes=self.size_bytes, media_type=self.media_type
        )

    @property
    def in_force(self) -> list[ValidityRange]:
        """What is left of its range, in order."""
        return [
            ValidityRange(begin_tai_ns=begin, end_tai_ns=end) for begin, end in json.loads(self.in_force_json)
        ]

    @in_force.setter
    def in_force(self, ranges: Iterable[ValidityRange]) -> None:
        self.in_force_json = in_force_json(ranges)

    @property
    def certified_range(self) -> ValidityRange:
        """The range that it was certified over."""
        return ValidityRange(begin_tai_ns=self.begin_tai_ns, end_tai_ns=self.end_tai_ns)

    @property
    def certified_product(self) -> Product:
        """The product, as it was certified."""
        return Product.from_json(self.product.encode())

    @property
    def access_path(self) -> str:
        """Path of the download under the archive's address."""
        return f"/files/{self.publication_id}"


def in_force_json(ranges: Iterable[ValidityRange]) -> str:
    """Write ranges as a row keeps them."""
    return json.dumps([[one.begin_tai_ns, one.end_tai_ns] for one in ranges])


class ObsCoreRow(SQLModel, table=True):
    """One publication in the observation catalogue; units as ObsCore has them."""

    __tablename__ = "archive_obscore"

    publication_id: str = Field(primary_key=True, foreign_key="archive_publication.publication_id")
    obs_publisher_did: str = Field(unique=True, description="ivo://AUTHORITY/archive?PUBLICATION")
    obs_creator_did: str = Field(description="ivo://AUTHORITY/products?PRODUCT")
    obs_id: str = Field(description="the product: versions and ranges of it share this")
    obs_collection: str
    obs_title: str
    obs_creator_name: str = Field(description="who asked for the certification")
    obs_release_date: str = Field(description="UTC, ISO 8601")
    dataproduct_type: str
    dataproduct_subtype: str = Field(description="kind of calibration")
    calib_level: int
    instrument_name: str
    detector: int = Field(description="not ObsCore's own: detector number")
    filter: str | None = Field(default=None, description="not ObsCore's own: filter name")
    t_min: float | None = Field(
        default=None, description="start of the first frame combined, MJD, in timescale"
    )
    t_max: float | None = Field(default=None, description="end of the last frame combined, MJD, in timescale")
    timescale: str = Field(description="time scale of t_min and t_max: TAI")
    t_exptime: float | None = Field(
        default=None, description="dark time of all frames combined, s; None where it does not matter"
    )
    access_url: str = Field(description="path under the archive's own address")
    access_format: str
    access_estsize: int = Field(sa_column=Column(BigInteger, nullable=False), description="kB of 1000 bytes")
    data_rights: str


class ArchiveQueries:
    """Questions about publications; answers are plain values.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    objects : ObjectStore or None
        Tells where files are; None: ``path`` is the key in the object store.
    """

    def __init__(self, session: Session, objects: ObjectStore | None = None) -> None:
        self._session = session
        self._objects = objects

    def publications(
        self,
        *,
        instrument: str | None = None,
        kind: str | None = None,
        detector: int | None = None,
        status: str | None = None,
        products: Collection[str] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """List publications, the latest first; also those that wait or failed.

        Parameters
        ----------
        instrument, kind, detector, status
            Only these; None: all.
        products : collection of str or None
            Only of these products; None: of all.
        limit : int or None
            At most so many; None: all.

        Returns
        -------
        list of dict
            Each with ``id, product, kind, instrument, detector, filter, collection, version, status, reason, begin,
            end`` (UTC; None: unbounded) ``, begin_tai_ns, end_tai_ns, in_force, superseded_by, path, access_path``.
            Version and path are None until it is published. Begin and end are what it was certified over, ``in_force``
            lists ``begin, end`` (UTC) of what is left of that.
        """
        query = select(PublicationRow)
        wanted = {
            PublicationRow.instrument: instrument,
            PublicationRow.kind: kind,
            PublicationRow.detector: detector,
            PublicationRow.status: status,
        }
        for column, value in wanted.items():
            if value is not None:
                query = query.where(col(column) == value)
        if products is not None:
            query = query.where(col(PublicationRow.product_id).in_(products))
        latest = (col(PublicationRow.requested_tai_ns).desc(), col(PublicationRow.publication_id))
        return [self._summary(row) for row in self._session.exec(query.order_by(*latest).limit(limit)).all()]

    def publication(self, publication_id: str) -> dict[str, Any] | None:
        """Show one publication; None when there is none.

        Returns
        -------
        dict or None
            The listing's fields; beside them ``certification, report, run, published`` (UTC) ``, sha256, size_bytes,
            media_type`` and ``obscore``, its row in the catalogue (None until it is published).
        """
        row = self.row(publication_id)
        if row is None:
            return None
        catalogued = self._session.get(ObsCoreRow, publication_id)
        return {
            **self._summary(row),
            **row.model_dump(include={"sha256", "size_bytes", "media_type"}),
            "certification": row.certification_id,
            "report": row.report_id,
            "run": row.run_id,
            "published": utc_text(row.published_tai_ns),
            "obscore": None if catalogued is None else catalogued.model_dump(exclude={"publication_id"}),
        }

    def row(self, publication_id: str) -> PublicationRow | None:
        """Return a publication as it is kept; None when there is none."""
        return self._session.get(PublicationRow, publication_id)

    def _summary(self, row: PublicationRow) -> dict[str, Any]:
        return {
            "id": row.publication_id,
            "product": row.product_id,
            "kind": row.kind,
            "instrument": row.instrument,
            "detector": row.detector,
            "filter": row.filter,
            "collection": row.collection,
            "version": row.version,
            "status": row.status,
            "reason": row.reason or row.withdrawal,
            "begin": utc_text(row.begin_tai_ns),
            "end": utc_text(row.end_tai_ns),
            "begin_tai_ns": row.begin_tai_ns,
            "end_tai_ns": row.end_tai_ns,
            "in_force": [
                {"begin": utc_text(one.begin_tai_ns), "end": utc_text(one.end_tai_ns)} for one in row.in_force
            ],
            "superseded_by": row.superseded_by or None,
            "path": self._path(row),
            "access_path": row.access_path,
        }

    def _path(self, row: PublicationRow) -> str | None:
        if row.uri is None:
            return None
        return row.uri.removeprefix("objects:") if self._objects is None else self._objects.locate(row.uri)
