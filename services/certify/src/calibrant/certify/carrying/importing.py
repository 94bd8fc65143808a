"""Taking a folder with a collection into the register: every checksum first, then all of it or nothing."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from sqlmodel import select

from calibrant.certify.carrying.manifest import Line, Manifest, check, read
from calibrant.certify.certifying import certify, range_of
from calibrant.certify.changes import Change, NothingToDo, Order, Refused
from calibrant.certify.collections import open_for
from calibrant.certify.products import keep, kept
from calibrant.certify.register import OpenWork
from calibrant.certify.tables import ChangeRow
from calibrant.contracts.common.v1 import DataRef
from calibrant.frames.times import utc_text
from calibrant.rules.collections import CollectionType
from calibrant.runtime.access.audit import Deed
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.database import Database
from calibrant.runtime.objects import ObjectStore

PREFIX = "imported"
"""Where imported files lie in the object store, each import's below its change's name: no other import counts on them."""
_MOST_REASON = 4000


def bring(
    database: Database, work: OpenWork, objects: ObjectStore, folder: Path, caller: Caller, **wish: str
) -> dict[str, Any]:
    """Import a folder.

    Parameters
    ----------
    database : Database
        Certify's.
    work : callable
        Opens a unit of work for a cause.
    objects : ObjectStore
        Where the files go.
    folder : Path
        What ``export`` made.
    caller : Caller
        Who asks.
    **wish
        ``reason``, and ``collection``: the one to certify into, empty for that of the same name.

    Returns
    -------
    dict
        ``id, collection, told, certifications, files``.

    Raises
    ------
    Refused
        A file is not what it should be, something else stands there, or all of it stands already. The register is
        as it was, and no file is left behind.
    """
    manifest = read(folder)
    collection = wish.get("collection") or manifest.collection
    change_id = f"chg-{uuid.uuid4().hex[:12]}"
    new: list[DataRef] = []
    try:
        refs = _store(database, objects, manifest, folder, f"{PREFIX}/{change_id}", new)
        with work(f"import:{change_id}", "") as unit:
            order = Order.now(
                unit.session,
                unit.clock.tai_ns(),
                change_id=change_id,
                who=caller.identity,
                reason=wish["reason"],
            )
            change = Change(unit.session, order)
            told = _write(change, manifest, collection, refs)
            change.end("import", collection, told)
            unit.emit(change.events)
            unit.audit(caller, Deed("import", change_id, told))
    except BaseException:
        if not _made(database, change_id):
            for ref in new:
                objects.delete(ref.uri.removeprefix("objects:"))
        raise
    return {
        "id": change_id,
        "collection": collection,
        "told": told,
        "certifications": len(manifest.certifications),
        "files": len(refs),
    }


def _store(  # noqa: PLR0917 - what is stored, from where, to where
    database: Database,
    objects: ObjectStore,
    manifest: Manifest,
    folder: Path,
    prefix: str,
    new: list[DataRef],
) -> dict[str, DataRef]:
    """Store the files of products that are not known yet; what is known has a file that nobody takes away."""
    refs = {}
    for name, product in manifest.files():
        with database.reading() as session:
            there = kept(session, product.product_id)
        if there is not None and there.ref.sha256 == product.ref.sha256:
            refs[name] = there.ref
            continue
        key = f"{prefix}/{product.ref.sha256}.fits"
        ref = objects.put_if_absent(key, check(folder, name, product), product.ref.media_type)
        new.append(ref)
        if ref.sha256 != product.ref.sha256:
            raise Refused(f"{folder / name} changed while it was imported; import again")
        refs[name] = ref
    return refs


def _write(change: Change, manifest: Manifest, collection: str, refs: dict[str, DataRef]) -> str:
    open_for(change, collection, CollectionType.CALIBRATION)
    why, written = change.order.reason, 0
    for line in manifest.certifications:
        product = line.product.model_copy(update={"ref": refs[line.file]})
        keep(change, product)
        change.order = _with_reason(change.order, f"{why}; {_origin(line, manifest)}")
        span = range_of(line.begin_tai_ns, line.end_tai_ns)
        _, stood = certify(change, product, collection, span, line.report_id, supersede=False)
        written += stood is None
    change.order = _with_reason(change.order, why)
    if not written:
        raise NothingToDo(f"all {len(manifest.certifications)} certifications stand in {collection} already")
    return f"imported {written} certifications of {manifest.collection} into {collection}"


def _origin(line: Line, manifest: Manifest) -> str:
    return (
        f"imported from {manifest.collection}, where {line.requested_by} certified it {utc_text(line.recorded_tai_ns)}: "
        f"{line.reason}"
    )


def _with_reason(order: Order, reason: str) -> Order:
    return Order(order.change_id, order.who, reason[:_MOST_REASON], order.recorded_tai_ns, order.run_id)


def _made(database: Database, change_id: str) -> bool:
    """Tell whether the change stands; asked as the next writer, after a commit whose answer was lost."""
    with database.writing() as session:
        found = session.exec(select(ChangeRow.change_id).where(ChangeRow.change_id == change_id)).first()
    return found is not None
