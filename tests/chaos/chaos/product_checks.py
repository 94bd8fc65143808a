"""Checks of products, certifications, publications and files: each once, each there, each right. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from calibrant.rules.ledger import LedgerAction, LedgerEntry, prevailing
from calibrant.rules.validity import ValidityRange
from chaos.checked import Checked, checked, twice, unlike, unpacked
from chaos.left import Left, Row

OBJECTS = "objects:"


def products(left: Left) -> Checked:
    """Each product expected was made and announced once; no other one lies about."""
    rows, nodes = left.table("combine", "combine_product"), _nodes(left, "build")
    expected = [node["job_id"] for node in nodes if node.get("product")]
    announced = [data["job_id"] for data in left.once("combine-results", "JobDone").values()]
    wrong = twice((row["job_id"] for row in rows), "products of job") + twice(announced, "results of job")
    wrong += twice((row["product_id"] for row in rows), "product")
    wrong += twice((node["node_id"] for node in nodes), "plan node")
    made = [row["job_id"] for row in rows]
    wrong += unlike(made, expected, missing="no product of job", strange="product that no plan expects")
    wrong += unlike(announced, expected, missing="never announced", strange="announced unexpectedly")
    wrong += _stray(left, "products/", rows)
    return checked("each product once", len(rows), wrong)


def certifications(left: Left) -> Checked:
    """Each certification expected is in the ledger and was announced once; each is of another product."""
    rows, nodes = left.table("certify", "certify_entry"), _nodes(left, "certify")
    expected = [node["certification_id"] for node in nodes if node["state"] == "done"]
    announced = [
        data["certification_id"] for data in left.once("certifications", "CalibrationCertified").values()
    ]
    wrong = twice((row["product_id"] for row in rows), "certifications of product")
    wrong += twice((row["certification_id"] for row in rows), "certification")
    wrong += twice(announced, "announcement of certification")
    there = [row["certification_id"] for row in rows]
    wrong += unlike(there, expected, missing="not in the ledger", strange="in the ledger unexpectedly")
    wrong += unlike(announced, there, missing="never announced", strange="announced and not in the ledger")
    return checked("each certification once", len(rows), wrong)


def publications(left: Left) -> Checked:
    """Each certification is published under one identifier, announced to the world once, and copied once."""
    rows = left.table("archive", "archive_publication")
    certified = [row["certification_id"] for row in left.table("certify", "certify_entry")]
    announced = [data["publication_id"] for data in left.once("publications", "ProductPublished").values()]
    wrong = twice((row["certification_id"] for row in rows), "publications of certification")
    wrong += twice((row["product_id"] for row in rows), "publications of product")
    wrong += twice(announced, "announcement of publication")
    wrong += [
        f"{row['publication_id']} is {row['status']}: {row['reason']}"
        for row in rows
        if row["status"] != "current"
    ]
    there = [row["certification_id"] for row in rows]
    wrong += unlike(there, certified, missing="not published", strange="published without certification")
    ids = [row["publication_id"] for row in rows]
    wrong += unlike(announced, ids, missing="never announced", strange="announced and not in the archive")
    wrong += _stray(left, "archive/", rows)
    return checked("each publication once", len(rows), wrong)


def ranges(left: Left) -> Checked:
    """No two ranges in force overlap; the ranges kept beside the ledger are those that follow from it."""
    in_force = left.table("certify", "certify_in_force")
    followed = prevailing(_entry(row) for row in left.table("certify", "certify_entry"))
    said = [(e.sequence, *_subject(e), e.range.begin_tai_ns, e.range.end_tai_ns) for e in followed]
    kept = [(row["sequence"], *_subject_of(row), row["begin_tai_ns"], row["end_tai_ns"]) for row in in_force]
    wrong = unlike(kept, said, missing="not kept as in force", strange="in force without a ledger's line")
    wrong += twice(kept, "range in force")
    wrong += [
        f"ranges of {one['product_id']} and {other['product_id']} overlap for {_subject_of(one)}"
        for rows in (in_force, left.table("certify", "certify_entry"))
        for one, other in combinations(rows, 2)
        if _subject_of(one) == _subject_of(other) and _overlap(one, other)
    ]
    return checked("no overlapping validity", len(in_force), wrong)


def files(left: Left) -> Checked:
    """Each file that any event names is there, with the hash and the size that the event says."""
    refs = {
        (ref["uri"], ref["sha256"], ref["size_bytes"])
        for events in left.events.values()
        for event in events
        for ref in _refs(event.data)
    }
    wrong = []
    for uri, sha256, size in sorted(refs):
        found = left.files.get(uri.removeprefix(OBJECTS))
        if found != (sha256, size):
            wrong.append(f"{uri}: announced with {sha256}, {size} bytes; there is {found or 'none'}")
    return checked("each announced file there and right", len(refs), wrong)


def _nodes(left: Left, kind: str) -> list[Mapping[str, Any]]:
    rows = [row for row in left.table("sequencer", "sequencer_node") if row["type"] == kind]
    return [{**unpacked(row["node_json"]), "state": row["state"], "job_id": row["job_id"]} for row in rows]


def _stray(left: Left, prefix: str, rows: Iterable[Row]) -> list[str]:
    named = {str(row["uri"]).removeprefix(OBJECTS) for row in rows}
    there = (key for key in left.files if key.startswith(prefix))
    return unlike(there, named, missing="no file", strange="file that belongs to nothing")


def _entry(row: Row) -> LedgerEntry:
    names = ("product_id", "collection", "kind", "instrument", "detector", "filter", "recorded_tai_ns")
    return LedgerEntry(
        **{name: row[name] for name in names},
        range=ValidityRange(begin_tai_ns=row["begin_tai_ns"], end_tai_ns=row["end_tai_ns"]),
        sequence=row["sequence"],
        action=LedgerAction(row["action"]),
    )


def _subject(entry: LedgerEntry) -> tuple[Any, ...]:
    subject = entry.subject
    return (subject.collection, subject.instrument, subject.kind, subject.detector, subject.filter or "")


def _subject_of(row: Row) -> tuple[Any, ...]:
    through = row["filter"] if row["kind"] == "flat" else None
    return (row["collection"], row["instrument"], row["kind"], row["detector"], through or "")


def _overlap(one: Row, other: Row) -> bool:
    """Tell by the definition of a half-open range, not by the code that is under test."""
    ends = [float("inf") if row["end_tai_ns"] is None else row["end_tai_ns"] for row in (one, other)]
    begins = [float("-inf") if row["begin_tai_ns"] is None else row["begin_tai_ns"] for row in (one, other)]
    return bool(max(begins) < min(ends))


def _refs(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each reference to a file, however deep it is in a message."""
    if isinstance(data, Mapping):
        if {"uri", "sha256", "size_bytes"} <= data.keys():
            yield data
        for value in data.values():
            yield from _refs(value)
    elif isinstance(data, list):
        for value in data:
            yield from _refs(value)
