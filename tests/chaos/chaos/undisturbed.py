"""The same frames in one process on which no fault rains, all embedded: what comes of them is what must have come.

Owns the second computation and the comparison, by the bytes of products and their copies in the archive. The camera
repeats no exposure that it lost, it takes another one: so it is frames that both have in common, not commands.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from calibrant.observatory.composition import Observatory, observatory
from calibrant.observatory.following import ask, follow
from calibrant.observatory.settings import ObservatorySettings
from calibrant.observatory.testing.records import content
from calibrant.runtime.objects import ObjectStore
from chaos.checked import Checked, checked, unlike
from chaos.left import Left
from chaos.sequences import INSTRUMENT, request_of

PATIENCE_S = 60.0
"""How long a sequence may take without faults, on a machine with much else to do."""
Outcome = set[tuple[Any, ...]]


def copy_frames(left: Left, store: ObjectStore, runs: Sequence[str], place: Path) -> None:
    """Put the frames that each run planned with into a folder of its own."""
    for row in left.table("sequencer", "sequencer_frame"):
        frame = json.loads(row["frame_json"])
        folder = place / f"{runs.index(row['run_id']):04}"
        folder.mkdir(parents=True, exist_ok=True)
        key = frame["ref"]["uri"].removeprefix("objects:")
        (folder / key.rpartition("/")[2]).write_bytes(content(store, key))


def compute(place: Path, data_dir: Path, count: int) -> list[str]:
    """Take the frames of so many folders the whole way; return the names of the runs."""
    settings = ObservatorySettings(data_dir=data_dir, instrument=INSTRUMENT)
    return asyncio.run(_compute(settings, place, count))


async def _compute(settings: ObservatorySettings, place: Path, count: int) -> list[str]:
    async with asyncio.timeout(PATIENCE_S * (1 + count)), observatory(settings) as running:
        return [await _one(running, settings, place, number) for number in range(count)]


async def _one(running: Observatory, settings: ObservatorySettings, place: Path, number: int) -> str:
    request = request_of(number, settings, str((place / f"{number:04}").resolve()))
    asked = await asyncio.to_thread(ask, running, request)
    async for _ in follow(running, asked.run_id):
        pass
    return asked.run_id


def same_products(left: Left, runs: Sequence[str], reference: Left, names: Sequence[str]) -> Checked:
    """Compare products, certifications and publications of each run with those of the other computation."""
    wrong, looked_at = [], 0
    for run, name in zip(runs, names, strict=True):
        there, wanted = outcome(left, run), outcome(reference, name)
        looked_at += len(wanted)
        wrong += unlike(there, wanted, missing=f"{run} lacks", strange=f"{run} has, and should not")
        if not wanted:
            wrong.append(f"{run}: nothing came of its frames even without faults")
    return checked("the same, byte for byte, as without faults", looked_at, wrong)


def outcome(left: Left, run: str) -> Outcome:
    """Return what came of a run: products, certifications and publications, each with the hash of its file."""
    nodes = [row for row in left.table("sequencer", "sequencer_node") if row["run_id"] == run]
    jobs = {row["job_id"] for row in nodes if row["type"] == "build"}
    found: Outcome = {
        ("product", row["product_id"], row["sha256"])
        for row in left.table("combine", "combine_product")
        if row["job_id"] in jobs
    }
    found |= {
        ("certification", row["product_id"], _sha256(row), row["begin_tai_ns"], row["end_tai_ns"])
        for row in left.table("certify", "certify_entry")
        if row["run_id"] == run
    }
    return found | {
        ("publication", row["product_id"], row["sha256"])
        for row in left.table("archive", "archive_publication")
        if row["run_id"] == run
    }


def _sha256(row: Mapping[str, Any]) -> str:
    return str(json.loads(row["product"])["ref"]["sha256"])
