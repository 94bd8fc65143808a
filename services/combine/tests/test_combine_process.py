"""The whole service on the embedded bus: jobs in, products out, over HTTP; and ``--check``."""

import asyncio
import subprocess
import sys
import types
from io import BytesIO

import httpx
import pytest
from astropy.io import fits

from calibrant.combine.app import create_app
from calibrant.combine.settings import CombineSettings
from calibrant.contracts.common.v1 import JobDone, JobFailed
from calibrant.pixels import backend_in_use
from calibrant.runtime.handlers import collect, on
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import PlatformSettings

PATIENCE_S = 60.0


def conductor(platform, folder):
    """Stand in for the sequencer: keeps what it is told."""
    told: asyncio.Queue = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def keep(message, _context):
        loop.call_soon_threadsafe(told.put_nowait, message)

    @on(JobDone)
    def done(message, context):
        keep(message, context)

    @on(JobFailed)
    def failed(message, context):
        keep(message, context)

    module = types.ModuleType("conductor")
    module.done, module.failed = done, failed
    folder.mkdir()
    spec = ServiceSpec("sequencer", None, collect(module), platform.database("sequencer"), folder)
    return ServiceProcess(spec, platform), told


@pytest.mark.asyncio
async def test_jobs_become_products_that_http_hands_out(bench, tmp_path):
    good = bench.job("bias", bench.biases(3))
    bad = bench.job("bias", bench.biases(2))
    async with open_platform(PlatformSettings(data_dir=tmp_path / "data", worker_slots=1)) as platform:
        for one in (*good.inputs, *bad.inputs):
            key = one.ref.uri.removeprefix("objects:")
            platform.objects.put_if_absent(key, bench.objects.path_of(one.ref.uri), "image/fits")
        app = create_app(CombineSettings(data_dir=tmp_path / "data"), platform)
        sequencer, told = conductor(platform, tmp_path / "none")
        await app.state.process.start()
        await sequencer.start()
        try:
            with sequencer.unit_of_work("test", "run-1") as unit:
                unit.emit([good, bad])
            async with asyncio.timeout(PATIENCE_S):
                answers = [await told.get(), await told.get()]
            await look_around(app, answers)
        finally:
            await sequencer.stop(5)
            await app.state.process.stop(5)


async def look_around(app, told):
    (done,) = [one for one in told if isinstance(one, JobDone)]
    (failed,) = [one for one in told if isinstance(one, JobFailed)]
    assert "2 bias frames of detector 0, 3 are needed" in failed.reason
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://combine") as client:
        (line,) = (await client.get("/products")).json()
        name = line["id"]
        assert name == done.products[0].product_id
        shown = (await client.get(f"/products/{name}")).json()
        assert [run["backend"] for run in shown["executions"]] == [backend_in_use()]
        assert [run["state"] for run in shown["executions"]] == ["done"]
        file = await client.get(f"/products/{name}/file")
        assert fits.getheader(BytesIO(file.content))["PRODID"] == name
        assert (await client.get("/products/bias-0")).status_code == 404
        assert (await client.get("/products/bias-0/file")).status_code == 404
        recipes = (await client.get("/recipes")).json()
        (flat,) = (one for one in recipes if one["name"] == "flat")
        assert flat["parameters"]["normalise"]["default"] == "each"
        assert (await client.get("/status")).json()["ready"] is True


def test_check_builds_everything(tmp_path):
    command = [sys.executable, "-m", "calibrant.combine", "--check", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "combine: everything builds" in done.stdout
