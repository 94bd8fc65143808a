"""The whole service on the embedded bus: a folder with good and bad files, told to a sequencer; its HTTP; --check."""

import asyncio
import gzip
import subprocess
import sys
from types import ModuleType

import httpx
import pytest

from calibrant.contracts.ingest.v1 import FolderScanned, FrameIngested, FrameRejected
from calibrant.contracts.sequencer.v1 import FolderIngestRequested
from calibrant.frames.testing import good_bytes, write_corpus
from calibrant.ingest.app import create_app
from calibrant.ingest.settings import IngestSettings
from calibrant.runtime.handlers import collect, on
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec

WAIT_S = 60


def listener(got: list) -> ModuleType:
    """Handlers of a service that writes down what it hears."""
    module = ModuleType("listener")
    for kind in (FolderScanned, FrameIngested, FrameRejected):

        @on(kind)
        def hear(message, context):
            got.append((context.run_id, message))

        setattr(module, kind.__name__, hear)
    return module


async def until(condition) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110  the condition is another task's doing
            await asyncio.sleep(0.02)


@pytest.mark.asyncio
async def test_good_frames_go_on_and_every_bad_file_is_refused(tmp_path, tiny) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    hostile = write_corpus(folder, tiny)
    for number in range(3):
        (folder / f"good{number}.fits").write_bytes(good_bytes(tiny, EXPID=f"e{number}"))
    (folder / "zz-copy.fits.gz").write_bytes(gzip.compress(good_bytes(tiny, EXPID="e0"), mtime=0))
    files = len(hostile) + 4
    got: list = []
    settings = IngestSettings(data_dir=tmp_path / "data", worker_slots=2)
    async with open_platform(settings) as platform:
        app = create_app(settings, platform)
        ingest = app.state.process
        (tmp_path / "none").mkdir()
        spec = ServiceSpec(
            "sequencer", None, collect(listener(got)), platform.database("sequencer"), tmp_path / "none"
        )
        sequencer = ServiceProcess(spec, platform)
        await ingest.start()
        await sequencer.start()
        with sequencer.unit_of_work("ask", "run-9") as unit:
            unit.emit(
                [FolderIngestRequested(acquisition_id="a1", instrument="simcam-tiny", folder=str(folder))]
            )
        await until(lambda: len(got) == files + 1)
        await check_http(app)
        await sequencer.stop(5)
        await ingest.stop(5)
    assert {run for run, _ in got} == {"run-9"}
    messages = [message for _, message in got]
    [scanned] = [m for m in messages if isinstance(m, FolderScanned)]
    assert (scanned.files, scanned.problem) == (files, "")
    ingested = {m.frame.exposure_id for m in messages if isinstance(m, FrameIngested)}
    assert ingested == {"e0", "e1", "e2"}
    refused = {m.file_name: m.reason for m in messages if isinstance(m, FrameRejected)}
    [duplicate] = [name for name, reason in refused.items() if reason == "duplicate"]
    assert duplicate in {"good0.fits", "zz-copy.fits.gz"}  # whichever came second
    del refused[duplicate]
    assert refused == {path.name: one.reason.value for path, one in hostile}
    kept = [m.kept for m in messages if isinstance(m, FrameRejected)]
    assert all(ref is not None and platform.objects.local_path(ref).is_file() for ref in kept)


async def check_http(app) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        frames = (await client.get("/frames", params={"image_type": "bias"})).json()
        assert {frame["exposure"] for frame in frames} == {"e0", "e1", "e2"}
        shown = (await client.get(f"/frames/{frames[0]['id']}")).json()
        assert shown["acquisitions"][0]["run"] == "run-9"
        assert (await client.get("/frames/none")).status_code == 404
        assert len((await client.get("/rejections", params={"limit": 2})).json()) == 2
        assert (await client.get("/frames", params={"limit": 0})).status_code == 422
        assert (await client.get("/status")).json()["faults"] == []


def test_check_builds_everything(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "calibrant.ingest", "--check", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "ingest: everything builds\n"), done.stderr
