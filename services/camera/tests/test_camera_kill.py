"""The camera killed between its own steps: image begun, files put, row stored, events sent.

Afterwards an image is stored with its files and told of once, or aborted without any; the next has a new number.
"""

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial

import httpx
import pytest

from calibrant.camera.app import create_app
from calibrant.camera.settings import CameraSettings
from calibrant.camera.store import ExposureRow
from calibrant.contracts.camera.v1 import ExposureStored
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.tables import DeadLetterRow, OutboxRow
from calibrant.runtime.testing.killed import events_of, rows_of
from calibrant.runtime.testing.lives import forked_platform, lived, settled
from calibrant.runtime.testing.services import running, until

DETECTORS = 2


class KillWhen(Probe):
    """Kills this process when a step is passed while the first image is in a state and so many files are there."""

    def __init__(self, settings, step, state, files):
        self.settings, self.step, self.wanted = settings, step, ([state], files)

    def at(self, step):
        if step is self.step and found(self.settings) == self.wanted:
            os.kill(os.getpid(), signal.SIGKILL)


def found(settings):
    files = list((settings.data_dir / "objects" / "raw").glob("2*/*.fits"))
    return [row.state for row in rows_of(settings, "camera", ExposureRow)], len(files)


async def taking(settings, commands, probe):
    """Live until each of the commands to take an image has ended and everything is told."""
    async with forked_platform(settings) as platform:
        app = create_app(settings, replace(platform, probe=probe))
        transport = httpx.ASGITransport(app)
        async with (
            running(app.state.process),
            httpx.AsyncClient(transport=transport, base_url="http://camera") as client,
        ):
            for name in ("start", "enable"):
                await client.post(f"/commands/{name}", json={})
            for command in commands:
                await client.post("/commands/takeImages", json={"command_id": command, "image_type": "BIAS"})

            async def done():
                answers = [(await client.get(f"/commands/{command}")).json() for command in commands]
                return {one["state"] for one in answers} == {"done"} and await settled(app.state.process)

            await until(done)


def told(settings):
    """Return which images were told of as stored, by event."""
    events = asyncio.run(events_of(settings, "camera-events"))
    stored = [e.data for e in events if e.type == ExposureStored.message_type]
    return sorted(ExposureStored.from_json(data).image.image_name for data in stored)


@pytest.mark.parametrize(
    ("step", "state", "files", "becomes"),
    [
        (Step.COMMITTED, "begun", 0, "aborted"),
        (Step.BEFORE_COMMIT, "begun", DETECTORS, "aborted"),
        (Step.COMMITTED, "stored", DETECTORS, "stored"),
        (Step.RELAYED, "stored", DETECTORS, "stored"),
    ],
)
def test_an_image_is_stored_and_told_of_once_or_leaves_no_file(  # noqa: PLR0917 - fixtures
    step, state, files, becomes, database_site, tmp_path
):
    settings = CameraSettings(
        data_dir=tmp_path / "data", database=database_site.setting, instrument="simcam-tiny", worker_slots=1
    )
    probe = KillWhen(settings, step, state, files)
    assert lived(partial(taking, settings, ["first"], probe)) == -signal.SIGKILL
    assert found(settings) == ([state], files)
    assert lived(partial(taking, settings, ["first", "second"], Probe())) == os.EX_OK
    images = sorted(rows_of(settings, "camera", ExposureRow), key=lambda row: row.image_number)
    assert [(row.image_number, row.state) for row in images] == [(1, becomes), (2, "stored")]
    stored = [row.image_name for row in images if row.state == "stored"]
    assert found(settings)[1] == DETECTORS * len(stored)
    assert told(settings) == stored
    assert [rows_of(settings, "camera", table) for table in (OutboxRow, DeadLetterRow)] == [[], []]
