"""Certify killed around the one transaction that holds ledger line, range in force and event: all of it, or nothing."""

import asyncio

import pytest

from calibrant.certify.app import create_app
from calibrant.certify.in_force import InForceRow
from calibrant.certify.ledger import EntryRow
from calibrant.certify.settings import CertifySettings
from calibrant.runtime.probe import Step
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.killed import Mortal, events_of

BEGIN = 1_767_225_637_000_000_000  # 2026-01-01T00:00:00 UTC
DAY = 86_400_000_000_000


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def server(request):
    """Return the setting ``database``: a server's, each test its own, or none."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.mark.parametrize(
    ("step", "passing", "written"),  # the first commit is that of the report
    [(Step.BEFORE_COMMIT, 2, 0), (Step.COMMITTED, 2, 1), (Step.RELAYED, 1, 1), (Step.MARKED_SENT, 1, 1)],
)
def test_a_line_its_range_and_its_event_come_together_and_once(  # noqa: PLR0917 - fixtures
    step, passing, written, server, tmp_path, make, asked, report
):
    settings = CertifySettings(data_dir=tmp_path / "data", database=server, worker_slots=1)
    job = asked(make(), begin=BEGIN, end=BEGIN + DAY)
    told = {"verify": [report("r1", make())], "sequencer": [job]}
    certify = Mortal("certify", create_app, settings, told, events=2)
    certify.dies(step, passing)
    assert [len(certify.rows(table)) for table in (EntryRow, InForceRow)] == [written, written]
    certify.lives()
    (line,) = certify.rows(EntryRow)
    (in_force,) = certify.rows(InForceRow)
    assert line.product_id == "bias-1"
    assert in_force.sequence == line.sequence
    assert certify.rows(OutboxRow) == []
    assert len(asyncio.run(events_of(settings, "certifications"))) == 1
