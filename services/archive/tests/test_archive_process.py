"""The whole service on the embedded bus: certified, published, announced; again after a restart; --check."""

import asyncio
import subprocess
import sys
from types import ModuleType

import pytest

from calibrant.archive import publishing
from calibrant.archive.app import create_app
from calibrant.archive.settings import ArchiveSettings
from calibrant.archive.store import ArchiveQueries
from calibrant.contracts.archive.v1 import ProductPublished
from calibrant.runtime.handlers import collect
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec

WAIT_S = 30


async def announcements(platform, number: int) -> list[ProductPublished]:
    """Wait for so many announcements on the public topic, as a client outside reads them."""
    got = []
    async with platform.bus.consumer("a-client", ["publications"]) as consumer, asyncio.timeout(WAIT_S):
        while len(got) < number:
            records = await consumer.fetch(max_records=10, timeout_s=0.2)
            got += [ProductPublished.from_json(record.value) for record in records]
    return got


@pytest.mark.asyncio
async def test_a_certification_on_the_bus_is_published_also_what_a_stopped_service_left(
    tmp_path, make_product, make_certification, monkeypatch
) -> None:
    monkeypatch.setattr(publishing, "RETRY_S", 1000.0)  # a certification rings; nobody looks by the clock
    settings = ArchiveSettings(data_dir=tmp_path / "data", worker_slots=1)
    (tmp_path / "none").mkdir()
    async with open_platform(settings) as platform:
        spec = ServiceSpec(
            "certify", None, collect(ModuleType("none")), platform.database("certify"), tmp_path / "none"
        )
        certify = ServiceProcess(spec, platform)
        await certify.start()
        archive = create_app(settings, platform).state.process
        await archive.start()
        first = make_certification(make_product(platform.objects, tmp_path))
        second = make_certification(make_product(platform.objects, tmp_path, "bias-2", detector=5), 2)
        with certify.unit_of_work("tell", "run-5") as unit:
            unit.emit([first, second])
        told = await announcements(platform, 2)
        await archive.stop(5)

        third = make_certification(make_product(platform.objects, tmp_path, "bias-3", detector=6), 3)
        archive = create_app(settings, platform).state.process
        with archive.database.writing() as session:  # as if killed right after the row
            archive.spec.service.accept(session, third, run_id="run-6", now_tai_ns=0)
        await archive.start()
        told += await announcements(platform, 3)
        with archive.database.reading() as session:
            listed = ArchiveQueries(session, platform.objects).publications()
        await archive.stop(5)
        await certify.stop(5)
    assert {event.product_id for event in told} == {"bias-1", "bias-2", "bias-3"}
    assert all(one["status"] == "current" and one["path"].endswith(".fits") for one in listed)
    assert len(listed) == 3


def test_check_builds_everything(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "calibrant.archive", "--check", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "archive: everything builds\n"), done.stderr
