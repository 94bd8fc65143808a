"""The sequencer as a process: schema, HTTP, the embedded bus, ``--check``."""

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx
import pytest

from calibrant.contracts.camera.v1 import SummaryState, SummaryStateChanged, TakeImages
from calibrant.contracts.sequencer.v1 import FolderIngestRequested
from calibrant.runtime.platform import open_platform
from calibrant.runtime.testing.services import answer_lost
from calibrant.sequencer.app import create_app
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.states import ENDED
from calibrant.sequencer.store.tables import CameraRow


def test_check_builds_everything(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "calibrant.sequencer", "--check", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CALIBRANT_WORKER_SLOTS": "1"},
    )
    assert (done.returncode, done.stdout) == (0, "sequencer: everything builds\n"), done.stderr


@asynccontextmanager
async def serving(folder):
    """A sequencer at work on the embedded bus: a client of its HTTP API, the platform, the process."""
    settings = SequencerSettings(data_dir=folder, worker_slots=1, camera_wait_s=1.0, timer_s=0.05)
    async with open_platform(settings) as platform:
        app = create_app(settings, platform)
        process = app.state.process
        await process.start()
        transport = httpx.ASGITransport(app)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://sequencer") as client:
                yield client, platform, process
        finally:
            await process.stop(5)


@pytest.mark.asyncio
async def test_r3_a_run_asked_over_http_goes_over_the_bus(kit, tmp_path):
    async with serving(tmp_path / "data") as (client, platform, process):
        order = {"instrument": "simcam-tiny", "folder": kit.folder, "run_id": "folder-run"}
        assert (await client.post("/runs", json=order)).status_code == 202
        sent = await read(platform.bus, "ingest-requests")
        assert FolderIngestRequested.from_json(sent[0].value).folder == kit.folder
        exposing = {"image_type": "BIAS", "exposure_times_s": [0.0] * 3, "filter": ""}
        order = {"instrument": "simcam-tiny", "exposures": [exposing], "run_id": "camera-run"}
        assert (await client.post("/runs", json=order)).status_code == 202
        shown = await finished(client, "camera-run")
        assert (shown["run"]["state"], shown["exposures"]["failed"]) == ("failed", 3)
        assert "has said nothing" in shown["run"]["message"]
        assert (await client.post("/runs/folder-run/pause")).json()["held"] == "paused"
        refused = await client.post("/runs/folder-run/pause")
        told = "run folder-run is paused already: resume it, or stop it"
        assert (refused.status_code, refused.json()["detail"]) == (409, told)
        assert (await client.post("/runs/folder-run/resume")).json()["held"] == ""
        assert (await client.post("/runs/folder-run/stop", params={"now": True})).json()["state"] == "stopped"
        assert (await finished(client, "folder-run"))["run"]["state"] == "stopped"
        assert [run["run_id"] for run in (await client.get("/runs")).json()] == ["camera-run", "folder-run"]
        with process.database.writing() as session:
            session.merge(CameraRow(component="camera", summary_state="ENABLED"))
        assert (await client.post("/queue/camera/runs", json=order | {"run_id": "queued"})).status_code == 202
        await begun(client, "queued")
        assert (await client.get("/status")).json()["last_results"] == []
        assert process.faults() == []


@pytest.mark.asyncio
async def test_an_order_repeated_after_a_503_under_its_name_is_one_run(kit, tmp_path):
    async with serving(tmp_path / "data") as (client, platform, _process):
        order = {"instrument": "simcam-tiny", "folder": kit.folder, "run_id": "mine"}
        with answer_lost("request:"):
            assert (await client.post("/runs", json=order)).status_code == 503
        again = await client.post("/runs", json=order)
        assert (again.status_code, again.json()) == (202, {"run_id": "mine"})
        other = await client.post("/runs", json=order | {"make": ["bias"]})
        assert (other.status_code, "mine" in other.json()["detail"]) == (400, True)
        assert [run["run_id"] for run in (await client.get("/runs")).json()] == ["mine"]
        assert len({record.headers for record in await read(platform.bus, "runs")}) == 1


@pytest.mark.asyncio
async def test_wrong_requests_are_answered_with_what_to_do(kit, tmp_path):
    async with serving(tmp_path / "data") as (client, _platform, _process):
        refused = await client.post("/runs", json={"instrument": "nope", "folder": kit.folder})
        assert (refused.status_code, "no such instrument" in refused.json()["detail"]) == (400, True)
        assert (await client.post("/runs", json={"instrument": "nope", "folders": ""})).status_code == 422
        assert (await client.get("/runs/none")).status_code == 404
        assert (await client.post("/runs/none/stop")).status_code == 404


WRONG = {
    "a time that is no number": '{"exposures": [{"image_type": "BIAS", "exposure_times_s": [NaN], "filter": ""}]}',
    "an endless time": '{"exposures": [{"image_type": "BIAS", "exposure_times_s": [1e999], "filter": ""}]}',
    "a time beyond all clocks": '{"exposures": [{"image_type": "BIAS", "exposure_times_s": [1e308], "filter": ""}]}',
    "a filter that is none": '{"exposures": [{"image_type": "BIAS", "exposure_times_s": [0, 0, 0], "filter": "SDSSx"}]}',
    "too few exposures": '{"exposures": [{"image_type": "BIAS", "exposure_times_s": [0, 0], "filter": ""}]}',
    "half a character": '{"folder": "FOLDER", "collection": "a\\ud800"}',
    "an unknown field with half a character": '{"folder": "FOLDER", "a\\ud800": 1}',
    "a control character": '{"folder": "FOLDER", "requested_by": "\\u0007"}',
    "a folder with a zero": '{"folder": "FOLDER\\u0000"}',
    "a run named as a path": '{"folder": "FOLDER", "run_id": "../run"}',
    "a run with a line end": '{"folder": "FOLDER", "run_id": "run\\n"}',
    "a run without a name": '{"folder": "FOLDER", "run_id": ""}',
    "a run with a long name": '{"folder": "FOLDER", "run_id": "%s"}' % ("r" * 65),
    "a run that is no number": '{"folder": "FOLDER", "run_id": NaN}',
    "an instrument by path": '{"folder": "FOLDER", "instrument": "FOLDER/simcam-tiny.yaml"}',
    "an instrument in a folder": '{"folder": "FOLDER", "instrument": "../simcam-tiny"}',
}  # fmt: skip


@pytest.mark.asyncio
async def test_impossible_requests_are_the_askers_fault(kit, tmp_path):
    async with serving(tmp_path / "data") as (client, _platform, _process):
        for what, text in WRONG.items():
            body = text.replace("FOLDER", kit.folder)
            if '"instrument"' not in body:
                body = body.replace("{", '{"instrument": "simcam-tiny", ', 1)
            answer = await client.post("/runs", content=body, headers={"content-type": "application/json"})
            assert answer.status_code in {400, 422}, (what, answer.text)
            assert answer.json()["detail"], what
        assert (await client.get("/runs")).json() == []


async def finished(client, run_id):
    """Wait for a run's end, and return it."""
    async with asyncio.timeout(30):
        while True:
            shown = (await client.get(f"/runs/{run_id}")).json()
            if shown["run"]["state"] in ENDED:
                return shown
            await asyncio.sleep(0.02)


async def begun(client, run_id):
    """Wait until there is a run of this name."""
    async with asyncio.timeout(60):
        while True:
            if (await client.get(f"/runs/{run_id}")).status_code == 200:
                return
            await asyncio.sleep(0.02)


async def read(bus, topic):
    """Wait for records of a topic, and return them."""
    async with asyncio.timeout(30):
        while True:
            records = await bus.read(topic, from_start=True, limit=10)
            if records:
                return records
            await asyncio.sleep(0.02)


def test_the_sequencer_takes_a_state_before_any_run(kit):
    world = kit.world()
    ready = SummaryStateChanged(component="camera", summary_state=SummaryState.ENABLED, reason="")
    world.camera.state = SummaryState.ENABLED
    world.say("camera", ready)
    world.play()
    world.request(kit.request(exposures=(kit.exposures("BIAS", 0.0, 0.0, 0.0),)))
    world.play()
    assert len(world.of(TakeImages)) == 3
    assert world.view().run.state == "done"
