"""Certify killed around the one transaction that holds ledger line, range in force and event: all of it, or nothing."""

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial
from types import ModuleType

import pytest
from sqlmodel import select

from calibrant.bus.cloudevents import from_record
from calibrant.certify.app import create_app
from calibrant.certify.in_force import InForceRow
from calibrant.certify.ledger import EntryRow
from calibrant.certify.settings import CertifySettings
from calibrant.runtime.adapters import open_database, open_log
from calibrant.runtime.handlers import collect
from calibrant.runtime.probe import Step
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.tables import InboxRow, OutboxRow
from calibrant.runtime.testing.lives import KillAt, forked_platform, lived, settled
from calibrant.runtime.testing.services import running, until

BEGIN = 1_767_225_637_000_000_000  # 2026-01-01T00:00:00 UTC
DAY = 86_400_000_000_000


def other(name, platform, folder):
    """Make another service, which only sends."""
    folder.mkdir(exist_ok=True)
    nobody = collect(ModuleType("nobody"))
    return ServiceProcess(ServiceSpec(name, None, nobody, platform.database(name), folder), platform)


async def certifying(settings, tmp_path, job, report, probe):
    """Live until the job is answered; it and its report are sent anew each time, under the same identifiers."""
    async with forked_platform(settings) as platform:
        certify = create_app(settings, replace(platform, probe=probe)).state.process
        sequencer, verify = (other(name, platform, tmp_path / "none") for name in ("sequencer", "verify"))
        async with running(sequencer, verify, certify):
            with verify.unit_of_work("tell", "run-1") as unit:
                unit.emit([report])
            with sequencer.unit_of_work("ask", "run-1") as unit:
                unit.emit([job])

            async def answered():
                with certify.database.reading() as session:
                    done = len(session.exec(select(InboxRow)).all())
                return done == 2 and await settled(certify)

            await until(answered)


def rows(settings, table):
    database = open_database(settings, "certify")
    try:
        with database.reading() as session:
            return list(session.exec(select(table)).all())
    finally:
        database.close()


async def announced(settings):
    bus = await open_log(settings)
    try:
        return [from_record(one).id for one in await bus.read("certifications", from_start=True, limit=100)]
    finally:
        await bus.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def server(request):
    """Return the setting ``database``: a server's, each test its own, or none."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres").create_database()


@pytest.mark.parametrize(
    ("step", "passing", "written"),  # the first commit is that of the report
    [(Step.BEFORE_COMMIT, 2, 0), (Step.COMMITTED, 2, 1), (Step.RELAYED, 1, 1), (Step.MARKED_SENT, 1, 1)],
)
def test_a_line_its_range_and_its_event_come_together_and_once(  # noqa: PLR0917 - fixtures
    step, passing, written, server, tmp_path, make, asked, report
):
    settings = CertifySettings(data_dir=tmp_path / "data", database=server, worker_slots=1)
    job = asked(make(), begin=BEGIN, end=BEGIN + DAY)
    life = partial(certifying, settings, tmp_path, job, report("r1", make()))
    assert lived(partial(life, KillAt(step, passing))) == -signal.SIGKILL
    assert [len(rows(settings, table)) for table in (EntryRow, InForceRow)] == [written, written]
    assert lived(partial(life, KillAt(None))) == os.EX_OK
    (line,) = rows(settings, EntryRow)
    (in_force,) = rows(settings, InForceRow)
    assert line.product_id == "bias-1"
    assert in_force.sequence == line.sequence
    assert rows(settings, OutboxRow) == []
    assert len(set(asyncio.run(announced(settings)))) == 1
