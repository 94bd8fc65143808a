"""Ingest killed between listing, file, rows and events: after the next start there is one of each."""

import asyncio

import pytest

from calibrant.contracts.ingest.v1 import FolderScanned, FrameIngested
from calibrant.contracts.sequencer.v1 import FolderIngestRequested
from calibrant.frames.testing import good_bytes
from calibrant.ingest.app import create_app
from calibrant.ingest.settings import IngestSettings
from calibrant.ingest.store import AcquisitionFrameRow, FrameRow
from calibrant.runtime.objects import open_store
from calibrant.runtime.probe import Step
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.killed import Mortal, events_of


@pytest.mark.parametrize(
    ("step", "passing", "files", "written"),  # the first commit is that of the listing
    [
        (Step.COMMITTED, 1, 0, 0),
        (Step.ARTIFACT_PUT, 1, 1, 0),
        (Step.BEFORE_COMMIT, 2, 1, 0),
        (Step.COMMITTED, 2, 1, 1),
    ],
)
def test_file_rows_and_events_are_made_once(  # noqa: PLR0917 - fixtures
    step, passing, files, written, database_site, tmp_path, tiny
):
    night = tmp_path / "night"
    night.mkdir()
    (night / "a.fits").write_bytes(good_bytes(tiny, EXPID="e1"))
    settings = IngestSettings(data_dir=tmp_path / "data", database=database_site.setting, worker_slots=1)
    asked = FolderIngestRequested(acquisition_id="a1", instrument="simcam-tiny", folder=str(night))
    ingest = Mortal("ingest", create_app, settings, {"sequencer": [asked]}, events=2)
    frames = open_store(settings)
    ingest.dies(step, passing)
    kept = [ingest.rows(table) for table in (FrameRow, AcquisitionFrameRow)]
    assert (len(list(frames.keys("frames"))), *map(len, kept)) == (files, written, written)
    ingest.lives()
    (row,) = ingest.rows(FrameRow)
    (link,) = ingest.rows(AcquisitionFrameRow)
    assert [f"objects:{key}" for key in frames.keys("frames")] == [row.uri]
    assert (link.acquisition_id, link.frame_id) == ("a1", row.frame_id)
    assert ingest.rows(OutboxRow) == []
    told = [event.type for event in asyncio.run(events_of(settings, "frames"))]
    assert sorted(told) == sorted([FolderScanned.message_type, FrameIngested.message_type])
