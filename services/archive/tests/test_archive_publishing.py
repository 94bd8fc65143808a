"""From a certification to a publication: copy, version, catalogue row, one announcement, whatever comes between."""

from dataclasses import replace

import pytest

from calibrant.archive.service import ArchiveService
from calibrant.contracts.common.v1 import TaiTime, TimeRange
from calibrant.runtime.health import Phase
from calibrant.runtime.objects import FolderStore, StoreUnavailable, file_hash

BEGIN = 1_767_225_637_000_000_000
DAY = 86_400_000_000_000


def days(first: int, last: int | None) -> TimeRange:
    end = None if last is None else TaiTime.from_ns(BEGIN + last * DAY)
    return TimeRange(begin=TaiTime.from_ns(BEGIN + first * DAY), end=end)


@pytest.mark.asyncio
async def test_a_certified_product_is_published(archive) -> None:
    product = archive.product()
    archive.certify(product)
    [waiting] = archive.listed()
    assert (waiting["status"], waiting["version"], waiting["path"]) == ("pending", None, None)
    assert archive.announced() == []
    await archive.step()
    [listed] = archive.listed()
    assert (listed["status"], listed["version"], listed["product"]) == ("current", 1, "bias-1")
    assert (listed["begin"], listed["end"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert listed["path"] == "archive/simcam/calib/daily/bias/bias-1.fits"
    copy = archive.objects.root / listed["path"]
    assert file_hash(copy) == (product.ref.sha256, product.ref.size_bytes)
    [event] = archive.announced()
    assert (event.publication_id, event.product_id, event.version) == (listed["id"], "bias-1", 1)
    assert (event.status, event.access_path) == ("current", listed["access_path"])
    assert event.ref == product.ref.model_copy(update={"uri": f"objects:{listed['path']}"})
    assert event.validity == days(0, 1)


@pytest.mark.asyncio
async def test_the_catalogue_row_speaks_obscore(archive) -> None:
    archive.certify(archive.product("dark-1", kind="dark", dark_time_s=30.0))
    await archive.step()
    shown = archive.shown(archive.listed()[0]["id"])
    row = shown["obscore"]
    assert row["obs_publisher_did"] == f"ivo://test.archive/archive?{shown['id']}"
    assert (row["obs_id"], row["dataproduct_type"], row["dataproduct_subtype"]) == ("dark-1", "image", "dark")
    # 2026-01-01T00:00:00 UTC is MJD 61041 in UTC; TAI is 37 s ahead
    assert row["t_min"] == pytest.approx(61041 + 37 / 86400, abs=1e-9)
    assert row["t_max"] == pytest.approx(61041.5 + 37 / 86400, abs=1e-9)
    assert row["timescale"] == "TAI"
    assert row["t_exptime"] == 300.0
    assert row["access_estsize"] == 2  # 1800 bytes
    assert (row["access_url"], row["access_format"]) == (shown["access_path"], "image/fits")
    assert (shown["run"], shown["report"], shown["certification"]) == ("run-1", "r1", "cert-1")


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "title"), [("ptc", "Ptc"), ("dark-current", "Dark current")])
async def test_a_product_of_tables_is_measurements_in_the_catalogue(archive, kind, title) -> None:
    curve = archive.product(f"{kind}-1", kind=kind, unit="")
    tables = curve.ref.model_copy(update={"media_type": "application/fits"})
    archive.certify(curve.model_copy(update={"ref": tables}))
    await archive.step()
    row = archive.shown(archive.listed()[0]["id"])["obscore"]
    assert (row["dataproduct_type"], row["access_format"]) == ("measurements", "application/fits")
    assert row["obs_title"] == f"{title} of simcam detector 3, version 1"


@pytest.mark.asyncio
async def test_the_same_certification_again_is_published_once(archive) -> None:
    product = archive.product()
    archive.certify(product)
    archive.certify(product)
    await archive.step()
    archive.certify(product, unchanged=True)
    await archive.step()
    assert len(archive.listed()) == len(archive.announced()) == 1


@pytest.mark.asyncio
async def test_versions_number_products_and_ranges_beside_each_other_stay_current(archive) -> None:
    archive.certify(archive.product("bias-1"), 1)
    archive.certify(archive.product("bias-2"), 2, validity=days(1, 2))
    archive.certify(archive.product("bias-1"), 3, validity=days(2, None))
    archive.certify(archive.product("bias-9", detector=4), 4)
    archive.certify(archive.product("bias-2"), 5, collection="simcam/calib/other")
    await archive.step()
    told = [(event.product_id, event.collection[-5:], event.version) for event in archive.announced()]
    assert told == [
        ("bias-1", "daily", 1),
        ("bias-2", "daily", 2),
        ("bias-1", "daily", 1),
        ("bias-9", "daily", 1),
        ("bias-2", "other", 1),
    ]
    assert {one["status"] for one in archive.listed()} == {"current"}
    assert archive.listed(detector=3)[1]["end"] is None


@pytest.mark.asyncio
async def test_killed_after_the_row_the_next_start_publishes(archive) -> None:
    archive.certify(archive.product())
    assert not archive.objects.exists("archive/simcam/calib/daily/bias/bias-1.fits")
    await archive.step()
    assert len(archive.announced()) == 1


@pytest.mark.asyncio
async def test_killed_after_the_copy_the_next_start_publishes_once(archive) -> None:
    archive.certify(archive.product())
    with archive.process.database.reading() as session:
        [publication_id] = archive.service.pending(session)
        archive.service.copy(archive.service.publication(session, publication_id))
    assert archive.objects.exists("archive/simcam/calib/daily/bias/bias-1.fits")
    await archive.step()
    await archive.step()
    assert len(archive.announced()) == 1
    assert list(archive.objects.keys("archive")) == ["archive/simcam/calib/daily/bias/bias-1.fits"]


@pytest.mark.asyncio
async def test_two_publishers_announce_once(archive) -> None:
    archive.certify(archive.product())
    with archive.process.database.reading() as session:
        [publication_id] = archive.service.pending(session)
        ref = archive.service.copy(archive.service.publication(session, publication_id))
    await archive.step()
    with archive.process.unit_of_work("late") as unit:
        unit.emit(archive.service.publish(unit.session, publication_id, ref, now_tai_ns=BEGIN))
    assert len(archive.announced()) == 1


@pytest.mark.parametrize(
    ("harm", "says"),
    [(lambda path: path.unlink(), "missing"), (lambda path: path.write_bytes(b"other"), "damaged")],
    ids=["missing", "damaged"],
)
@pytest.mark.asyncio
async def test_a_lost_file_fails_visibly_and_the_others_go_on(archive, harm, says) -> None:
    lost = archive.product()
    archive.certify(lost)
    archive.certify(archive.product("bias-2"), 2, validity=days(1, 2))
    path = archive.objects.path_of(lost.ref.uri)
    content = path.read_bytes()
    harm(path)
    await archive.step()
    [failed] = archive.listed(status="failed")
    assert says in failed["reason"]
    assert "products/bias-1.fits" in failed["reason"]
    assert failed["path"] is None
    assert str(archive.tmp_path) not in failed["reason"]
    assert [event.product_id for event in archive.announced()] == ["bias-2"]
    # restored and certified again, it is published
    path.write_bytes(content)
    await archive.step()
    assert len(archive.announced()) == 1
    archive.certify(lost, unchanged=True)
    await archive.step()
    assert [event.product_id for event in archive.announced()] == ["bias-2", "bias-1"]
    assert archive.listed(status="failed") == []


@pytest.mark.asyncio
async def test_other_bytes_in_the_archive_are_never_replaced(archive) -> None:
    (archive.tmp_path / "other").write_bytes(b"other")
    key = "archive/simcam/calib/daily/bias/bias-1.fits"
    archive.objects.put_if_absent(key, archive.tmp_path / "other", "image/fits")
    archive.certify(archive.product())
    await archive.step()
    [failed] = archive.listed()
    assert failed["status"] == "failed"
    assert key in failed["reason"]
    assert archive.objects.path_of(f"objects:{key}").read_bytes() == b"other"


@pytest.mark.asyncio
async def test_a_name_that_leads_out_of_the_store_fails(archive) -> None:
    archive.certify(archive.product(), collection="../../etc")
    await archive.step()
    assert archive.listed()[0]["status"] == "failed"
    assert archive.announced() == []


class FullStore(FolderStore):
    def put_if_absent(self, key, file, media_type):
        raise StoreUnavailable("the disk is full")


class ChangingStore(FolderStore):
    def local_path(self, ref):
        path = super().local_path(ref)
        path.write_bytes(b"changed between check and copy")
        return path


@pytest.mark.asyncio
async def test_a_full_store_leaves_it_pending_and_troubles_the_service_until_it_is_well(archive) -> None:
    archive.certify(archive.product())
    process, spec = archive.process, archive.process.spec
    process.spec = replace(spec, service=ArchiveService(FullStore(archive.objects.root), "test"))
    await archive.step()
    assert archive.listed()[0]["status"] == "pending"
    assert "disk is full" in process.health.troubles["publishing"]
    process.spec = spec
    await archive.step()
    assert archive.listed()[0]["status"] == "current"
    assert not process.health.troubles


@pytest.mark.asyncio
async def test_a_file_that_changes_while_it_is_copied_leaves_no_copy(archive) -> None:
    archive.certify(archive.product())
    archive.process.spec = replace(
        archive.process.spec, service=ArchiveService(ChangingStore(archive.objects.root), "test")
    )
    await archive.step()
    assert "changed while it was copied" in archive.listed()[0]["reason"]
    assert list(archive.objects.keys("archive")) == []


@pytest.mark.asyncio
async def test_a_fault_in_one_publication_fails_that_one_alone(archive, monkeypatch) -> None:
    archive.certify(archive.product("bias-1"), 1)
    archive.certify(archive.product("bias-2", detector=4), 2)
    copy = ArchiveService.copy

    def faulty(service, row):
        if row.product_id == "bias-1":
            raise ZeroDivisionError("a fault of ours")
        return copy(service, row)

    monkeypatch.setattr(ArchiveService, "copy", faulty)
    await archive.step()
    found = {one["product"]: (one["status"], one["reason"]) for one in archive.listed()}
    assert found == {"bias-1": ("failed", "ZeroDivisionError: a fault of ours"), "bias-2": ("current", "")}
    assert [event.product_id for event in archive.announced()] == ["bias-2"]


@pytest.mark.asyncio
async def test_a_drain_lets_the_copy_in_hand_end_and_begins_no_other(archive, monkeypatch) -> None:
    archive.certify(archive.product("bias-1"), 1)
    archive.certify(archive.product("bias-2", detector=4), 2)
    copy, in_hand = ArchiveService.copy, []

    def drained_meanwhile(service, row):
        in_hand.append(archive.process.in_hand)
        archive.process.health.phase = Phase.DRAINING
        return copy(service, row)

    monkeypatch.setattr(ArchiveService, "copy", drained_meanwhile)
    await archive.step()
    assert {one["product"]: one["status"] for one in archive.listed()} == {
        "bias-1": "current",
        "bias-2": "pending",
    }
    assert in_hand == [1]
