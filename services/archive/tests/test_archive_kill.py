"""Archive killed between copy, row and announcement: after the next start there is one of each."""

import asyncio

import pytest
from sqlmodel import select

from calibrant.archive.app import create_app
from calibrant.archive.settings import ArchiveSettings
from calibrant.archive.store import PublicationRow
from calibrant.runtime.objects import open_store
from calibrant.runtime.probe import Step
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.killed import Mortal, events_of


def published(session):
    return [row.status for row in session.exec(select(PublicationRow)).all()] == ["current"]


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
    told = {"certify": [make_certification(make_product(objects, tmp_path))]}
    archive = Mortal("archive", create_app, settings, told, events=1, through=published)
    archive.dies(step, passing)
    assert [row.status for row in archive.rows(PublicationRow)] == [state]
    # After the first commit the copy may be under way already, beside the handler.
    assert copies is None or len(list(objects.keys("archive"))) == copies
    archive.lives()
    (row,) = archive.rows(PublicationRow)
    assert row.version == 1
    assert list(objects.keys("archive")) == ["archive/simcam/calib/daily/bias/bias-1.fits"]
    assert archive.rows(OutboxRow) == []
    assert len(asyncio.run(events_of(settings, "publications"))) == 1
