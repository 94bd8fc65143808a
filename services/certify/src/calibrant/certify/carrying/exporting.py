"""Writing a collection into a folder: its files, their checksums, its validity ranges, and the same for a Butler."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from sqlmodel import Session, col, select

from calibrant.certify.carrying.butler import Detector, Dumper, export_of
from calibrant.certify.carrying.manifest import NAME, SUMS, Line, Manifest, file_of
from calibrant.certify.changes import Refused
from calibrant.certify.collections import latest, of_row
from calibrant.certify.in_force import InForceRow
from calibrant.certify.ledger import EntryRow
from calibrant.frames.instrument import InstrumentError, named_instrument
from calibrant.rules.collections import CollectionType
from calibrant.runtime.objects import ObjectStore


def export(
    session: Session,
    objects: ObjectStore,
    collection: str,
    folder: Path,
    now_tai_ns: int,
    *,
    instruments: Path | None = None,
) -> dict[str, Any]:
    """Write what is in force in a collection into a new folder.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    objects : ObjectStore
        Where the files are; each is checked when it is read.
    collection : str
        Which.
    folder : Path
        Where; it must not be there yet.
    now_tai_ns : int
        System clock.
    instruments : Path or None
        Folder with instrument files beside those that come along; they name the detectors for a Butler.

    Returns
    -------
    dict
        ``collection, folder, certifications, files`` and ``size_bytes``.

    Raises
    ------
    Refused
        The folder is there, nothing is in force in the collection, or a product's name leads out of the folder.
    ObjectMissing, ObjectDamaged
        A file is gone or not what was certified; nothing is left behind.
    """
    lines = _lines(session, collection)
    if folder.exists():
        raise Refused(f"{folder} is there already; name a folder that is not")
    manifest = Manifest(collection=collection, exported_tai_ns=now_tai_ns, certifications=tuple(lines))
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        _write(objects, manifest, _detector_names(lines, instruments), beside)
        beside.rename(folder)
    except OSError as problem:
        raise Refused(f"{folder} cannot be written: {problem.strerror}") from problem
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    files = dict(manifest.files())
    return {
        "collection": collection,
        "folder": str(folder),
        "certifications": len(lines),
        "files": len(files),
        "size_bytes": sum(product.ref.size_bytes for product in files.values()),
    }


def _lines(session: Session, collection: str) -> list[Line]:
    row = latest(session, {collection}).get(collection)
    if row is not None and row.standing and row.type != CollectionType.CALIBRATION:
        inside = (
            f"; it searches {', '.join(of_row(row).members)}" if row.type == CollectionType.CHAINED else ""
        )
        raise Refused(f"{collection} is a {row.type} collection; export one with validity ranges{inside}")
    query = (
        select(InForceRow, EntryRow)
        .join(EntryRow, col(EntryRow.sequence) == InForceRow.sequence)
        .where(InForceRow.collection == collection)
        .order_by(col(InForceRow.kind), col(InForceRow.detector), col(InForceRow.number))
    )
    lines = [_line(row, line) for row, line in session.exec(query)]
    if not lines:
        raise Refused(
            f"nothing is in force in {collection}; `calibrant calibrations collections list` shows others"
        )
    return lines


def _line(row: InForceRow, line: EntryRow) -> Line:
    product = line.made_of
    return Line(
        **line.model_dump(
            include={"certification_id", "requested_by", "reason", "report_id", "recorded_tai_ns"}
        ),
        **row.range.model_dump(),
        product=product,
        file=file_of(product),
    )


def _detector_names(lines: Iterable[Line], folder: Path | None) -> dict[Detector, str]:
    """Return detectors' names that are theirs alone, as a Butler wants them, of the instruments that are known here."""
    names: dict[Detector, str] = {}
    for instrument in sorted({line.product.instrument for line in lines}):
        with contextlib.suppress(InstrumentError):
            every = named_instrument(instrument, folder).detectors
            times = Counter(one.name for one in every)
            names |= {(instrument, one.id): one.name for one in every if times[one.name] == 1}
    return names


def _write(objects: ObjectStore, manifest: Manifest, names: Mapping[Detector, str], folder: Path) -> None:
    sums = []
    for name, product in manifest.files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(objects.local_path(product.ref), target)
        sums.append(f"{product.ref.sha256}  {name}\n")
    (folder / NAME).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")
    with (folder / "export.yaml").open("w", encoding="utf-8") as stream:
        _dump(export_of(manifest.collection, manifest.certifications, names), stream)


def _dump(documents: dict[str, Any] | Sequence[Any], stream: Any) -> None:
    yaml.dump(documents, stream, Dumper=Dumper, sort_keys=False)
