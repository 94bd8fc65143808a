"""The use cases of archive: accept a certification, copy its file, publish it. Must not know the bus or HTTP.

One publication per certification, so its validity is the certification's. The version numbers products: 1, 2 ...
for each collection, kind, instrument, detector and filter; a product that is certified again for another range
keeps its version.
"""

from sqlmodel import Session, col, select

from calibrant.archive.bell import Bell
from calibrant.archive.obscore import obscore_row
from calibrant.archive.store import PublicationRow, Status, in_force_json
from calibrant.archive.withdrawing import announcement
from calibrant.bus.errors import PermanentError, permanent
from calibrant.contracts.archive.v1 import ProductPublished
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CalibrationCertified
from calibrant.contracts.common.v1 import DataRef
from calibrant.contracts.times import bounds_of, time_range
from calibrant.rules.validity import between
from calibrant.runtime.ids import derive
from calibrant.runtime.objects import ObjectDamaged, ObjectExists, ObjectMissing, ObjectStore
from calibrant.runtime.telemetry import spans


class PublishingFailed(PermanentError):
    """A product cannot be published: its file is gone, damaged, or stands in the archive with other bytes."""


def publication_id_of(certification_id: str) -> str:
    """Return the identifier of a certification's publication."""
    return "pub-" + derive("publication", certification_id).replace("-", "")[:16]


def archive_key(row: PublicationRow) -> str:
    """Return where the archive's copy lies in the object store."""
    return f"archive/{row.collection}/{row.kind}/{row.product_id}.fits"


class ArchiveService:
    """Publishes certified products.

    Parameters
    ----------
    objects : ObjectStore
        Where products are and copies go.
    authority : str
        Authority part of the identifiers that the archive gives.
    """

    def __init__(self, objects: ObjectStore, authority: str) -> None:
        self._objects = objects
        self._authority = authority
        self.bell = Bell()

    def accept(
        self, session: Session, certified: CalibrationCertified, *, run_id: str, now_tai_ns: int
    ) -> None:
        """Record that a certification is to be published; one that failed before is tried again.

        Parameters
        ----------
        session : Session
            The transaction.
        certified : CalibrationCertified
            The certification, new or unchanged.
        run_id : str
            The run.
        now_tai_ns : int
            System clock.
        """
        publication_id = publication_id_of(certified.certification_id)
        known = session.get(PublicationRow, publication_id)
        if known is None:
            session.add(_pending_row(publication_id, certified, run_id, now_tai_ns))
        elif known.status == Status.FAILED:
            known.status, known.reason = Status.PENDING, ""
            session.add(known)

    def pending(self, session: Session) -> list[str]:
        """Return the publications to be made, the oldest first."""
        query = select(PublicationRow.publication_id).where(col(PublicationRow.status) == Status.PENDING)
        order = (col(PublicationRow.requested_tai_ns), col(PublicationRow.publication_id))
        return list(session.exec(query.order_by(*order)).all())

    def publication(self, session: Session, publication_id: str) -> PublicationRow:
        """Return a publication that exists."""
        return session.get_one(PublicationRow, publication_id)

    def copy(self, row: PublicationRow) -> DataRef:
        """Copy a product's file into the archive, its hash checked before and after.

        Raises
        ------
        PublishingFailed
            The product's file is missing or damaged, or other bytes stand under the archive's key.
        StoreUnavailable
            The object store is full or away.
        """
        product = row.certified_product.ref
        try:
            ref = self._objects.put_if_absent(
                archive_key(row), self._objects.local_path(product), product.media_type
            )
        except ObjectMissing as problem:
            what = f"its file {product.uri} is missing from the object store; restore it or build the product again"
            raise PublishingFailed(f"{row.product_id}: {what}") from problem
        except ObjectDamaged as problem:
            what = f"its file {product.uri} is damaged: size or hash differ; restore it or build the product again"
            raise PublishingFailed(f"{row.product_id}: {what}") from problem
        except ObjectExists as problem:
            raise PublishingFailed(f"{row.product_id}: {problem}") from problem
        if ref.sha256 != product.sha256:
            self._objects.delete(archive_key(row))
            what = (
                f"its file {product.uri} changed while it was copied; restore it or build the product again"
            )
            raise PublishingFailed(f"{row.product_id}: {what}")
        return ref

    def publish(
        self, session: Session, publication_id: str, ref: DataRef, *, now_tai_ns: int
    ) -> list[Message]:
        """Make a pending publication current and announce it; one that is no longer pending stays as it is.

        Where a part of its range was withdrawn meanwhile, that is announced behind it.

        Parameters
        ----------
        session : Session
            The transaction.
        publication_id : str
            The publication.
        ref : DataRef
            The archive's copy.
        now_tai_ns : int
            System clock.
        """
        row = self.publication(session, publication_id)
        if row.status != Status.PENDING:
            return []
        row.version = _version(session, row)
        row.status, row.reason, row.published_tai_ns = Status.CURRENT, "", now_tai_ns
        row.uri, row.sha256, row.size_bytes, row.media_type = (
            ref.uri,
            ref.sha256,
            ref.size_bytes,
            ref.media_type,
        )
        session.add(row)
        session.flush()  # the publication before what refers to it
        session.add(obscore_row(row, self._authority))
        published = _announcement(row, ref)
        return [published] if row.in_force == [row.certified_range] else [published, announcement(row)]

    def fail(self, session: Session, publication_id: str, reason: str) -> None:
        """Record why a pending publication cannot be made."""
        row = self.publication(session, publication_id)
        if row.status == Status.PENDING:
            row.status, row.reason = Status.FAILED, reason
            session.add(row)


def _pending_row(
    publication_id: str, certified: CalibrationCertified, run_id: str, now_tai_ns: int
) -> PublicationRow:
    product = certified.product
    with permanent("validity"):
        span = between(*bounds_of(certified.validity))
    return PublicationRow(
        publication_id=publication_id,
        certification_id=certified.certification_id,
        product_id=product.product_id,
        product=product.to_json().decode(),
        collection=certified.collection,
        kind=product.kind,
        instrument=product.instrument,
        detector=product.detector,
        filter=product.filter,
        **span.model_dump(),
        in_force_json=in_force_json([span]),
        report_id=certified.report_id,
        requested_by=certified.requested_by,
        run_id=run_id,
        status=Status.PENDING,
        requested_tai_ns=now_tai_ns,
        traceparent=spans.here(),
    )


def _version(session: Session, row: PublicationRow) -> int:
    query = select(PublicationRow).where(
        col(PublicationRow.collection) == row.collection,
        col(PublicationRow.kind) == row.kind,
        col(PublicationRow.instrument) == row.instrument,
        col(PublicationRow.detector) == row.detector,
        col(PublicationRow.filter).is_not_distinct_from(row.filter),
        col(PublicationRow.version).is_not(None),
    )
    versions = {known.product_id: known.version or 0 for known in session.exec(query).all()}
    return versions.get(row.product_id) or 1 + max(versions.values(), default=0)


def _announcement(row: PublicationRow, ref: DataRef) -> ProductPublished:
    assert row.version is not None
    return ProductPublished(
        publication_id=row.publication_id,
        product_id=row.product_id,
        kind=row.kind,
        instrument=row.instrument,
        detector=row.detector,
        version=row.version,
        status=row.status,
        ref=ref,
        access_path=row.access_path,
        collection=row.collection,
        validity=time_range(row.begin_tai_ns, row.end_tai_ns),
    )
