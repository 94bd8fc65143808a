"""Archive killed between copy, row and announcement: after the next start there is one of each."""

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial
from types import ModuleType

import pytest
from sqlmodel import select

from calibrant.archive.app import create_app
from calibrant.archive.settings import ArchiveSettings
from calibrant.archive.store import PublicationRow
from calibrant.bus.cloudevents import from_record
from calibrant.runtime.adapters import open_database, open_log
from calibrant.runtime.handlers import collect
from calibrant.runtime.objects import open_store
from calibrant.runtime.probe import Step
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.lives import KillAt, forked_platform, lived, settled
from calibrant.runtime.testing.services import running, until


async def publishing(settings, tmp_path, certification, probe):
    """Live until the certification is published; it is sent anew each time, under the same identifier."""
    (tmp_path / "none").mkdir(exist_ok=True)
    async with forked_platform(settings) as platform:
        nobody = collect(ModuleType("nobody"))
        spec = ServiceSpec("certify", None, nobody, platform.database("certify"), tmp_path / "none")
        certify = ServiceProcess(spec, platform)
        archive = create_app(settings, replace(platform, probe=probe)).state.process
        async with running(certify, archive):
            with certify.unit_of_work("tell", "run-1") as unit:
                unit.emit([certification])

            async def published():
                with archive.database.reading() as session:
                    states = [row.status for row in session.exec(select(PublicationRow)).all()]
                return states == ["current"] and await settled(archive)

            await until(published)


def rows(settings, table):
    database = open_database(settings, "archive")
    try:
        with database.reading() as session:
            return list(session.exec(select(table)).all())
    finally:
        database.close()


async def announced(settings):
    bus = await open_log(settings)
    try:
        return [from_record(one).id for one in await bus.read("publications", from_start=True, limit=100)]
    finally:
        await bus.close()


@pytest.mark.parametrize(
    ("step", "passing", "state", "copies"),  # the first commit takes the certification in
    [
        (Step.COMMITTED, 1, "pending", None),
        (Step.BEFORE_COMMIT, 2, "pending", 1),
        (Step.COMMITTED, 2, "current", 1),
        (Step.RELAYED, 1, "current", 1),
    ],
)
def test_copy_row_and_announcement_are_made_once(  # noqa: PLR0917 - fixtures
    step, passing, state, copies, database_site, tmp_path, make_product, make_certification
):
    settings = ArchiveSettings(data_dir=tmp_path / "data", database=database_site.setting, worker_slots=1)
    objects = open_store(settings)
    life = partial(publishing, settings, tmp_path, make_certification(make_product(objects, tmp_path)))
    assert lived(partial(life, KillAt(step, passing))) == -signal.SIGKILL
    assert [row.status for row in rows(settings, PublicationRow)] == [state]
    # After the first commit the copy may be under way already, beside the handler.
    assert copies is None or len(list(objects.keys("archive"))) == copies
    assert lived(partial(life, KillAt(None))) == os.EX_OK
    (row,) = rows(settings, PublicationRow)
    assert row.version == 1
    assert list(objects.keys("archive")) == ["archive/simcam/calib/daily/bias/bias-1.fits"]
    assert rows(settings, OutboxRow) == []
    assert len(set(asyncio.run(announced(settings)))) == 1
