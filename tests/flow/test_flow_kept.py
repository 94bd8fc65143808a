"""What a certification or a publication names outlives every clean-up there is, withdrawn or not."""

import asyncio
import json

import pytest
from sqlalchemy import text
from sqlmodel import select

from calibrant.archive.store import PublicationRow
from calibrant.certify.ledger import EntryRow
from calibrant.certify.tables import ProductRow
from calibrant.contracts.common.v1 import Product
from calibrant.observatory.composition import SERVICES, observatory
from calibrant.observatory.settings import ObservatorySettings
from calibrant.observatory.testing import asked, here
from calibrant.runtime.adapters import open_database
from calibrant.runtime.housekeeping import prune_inbox
from calibrant.runtime.objects import FolderStore, open_store
from calibrant.runtime.objects import folder as folder_store

DAILY = "simcam-tiny/calib/daily"


def named(settings) -> dict:
    """Return all that ledger, register and archive name, by address."""
    refs = []
    for service, table in (("certify", EntryRow), ("certify", ProductRow), ("archive", PublicationRow)):
        database = open_database(settings, service)
        with database.reading() as session:
            rows = session.exec(select(table)).all()
        database.close()
        refs += [Product.from_json(row.product.encode()).ref for row in rows]
        refs += [row.copy_ref for row in rows if isinstance(row, PublicationRow)]
    return {ref.uri: ref for ref in refs}


async def clean_up(settings) -> None:
    """Start everything anew, which sweeps and reconciles, and keep house with a log and an inbox that are all old."""
    async with observatory(settings, SERVICES) as running:
        running.begin_night()
        for name in SERVICES:
            process = running.process(name)
            await process.platform.bus.prune()
            await prune_inbox(process)


@pytest.fixture
def removed(monkeypatch):
    """What is asked to be removed from the object store."""
    keys = []
    for name in ("delete", "discard"):
        original = getattr(folder_store.FolderStore, name)

        def note(self, key, original=original):
            keys.append(key)
            original(self, key)

        monkeypatch.setattr(FolderStore, name, note)
    return keys


def test_no_clean_up_takes_what_is_certified_or_published(own_copy, tmp_path, removed) -> None:
    settings = ObservatorySettings(data_dir=own_copy, instrument="simcam-tiny", worker_slots=1)
    place = ("--data-dir", own_copy)
    keep = named(settings)
    assert {uri.split("/")[0] for uri in keep} == {"objects:products", "objects:archive"}
    out = tmp_path / "out"
    here("calibrations", "export", out, "--collection", DAILY, *place)
    here("calibrations", "decertify", "--collection", DAILY, "--kind", "bias", "--why", "all of them", *place)
    manifest = out / "collection.json"
    said = json.loads(manifest.read_text())
    said["certifications"] += [
        {
            **said["certifications"][0],
            "product": {**said["certifications"][0]["product"], "product_id": "bias-x"},
        }
    ]
    manifest.write_text(json.dumps(said))
    here("calibrations", "import", out, "--why", "two for one", *place, code=1)  # takes its own files back
    database = open_database(settings, "combine")
    with database.writing() as session:
        session.execute(text("UPDATE inbox SET done_tai_ns = 0"))
    database.close()
    asyncio.run(clean_up(settings))
    assert removed
    assert not [uri for uri in keep if any(uri.removeprefix("objects:").startswith(key) for key in removed)]
    store = open_store(settings)
    for ref in keep.values():
        store.local_path(ref)


def test_what_one_place_exports_another_imports_that_never_ran(demonstrated, tmp_path) -> None:
    old, new = ("--data-dir", demonstrated[0]), ("--data-dir", tmp_path / "new")
    here("calibrations", "export", tmp_path / "out", "--collection", DAILY, *old)
    told = here("calibrations", "import", tmp_path / "out", "--why", "moved", *new).out
    assert f"certifications of {DAILY} into {DAILY}" in told

    def standing(place) -> list:
        rows = asked("calibrations", "list", *place)
        return sorted((row["product"], row["begin"], row["end"]) for row in rows)

    assert standing(new) == standing(old)
    [change] = asked("calibrations", "history", *new)
    assert (change["action"], change["why"]) == ("import", "moved")
