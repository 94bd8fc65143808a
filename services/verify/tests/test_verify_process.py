"""The whole service on the embedded bus: jobs in, reports out, over HTTP; and ``--check``."""

import ast
import asyncio
import hashlib
import inspect
import subprocess
import sys
import types

import httpx
import pytest

from calibrant.contracts.common.v1 import JobFailed, JobInput
from calibrant.contracts.verify.v1 import DecideJob, MeasurementCompleted, VerificationCompleted
from calibrant.runtime.handlers import collect, on
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import PlatformSettings
from calibrant.verify import deciding, handlers
from calibrant.verify.app import create_app
from calibrant.verify.settings import VerifySettings

PATIENCE_S = 60.0


def conductor(platform, folder):
    """Stand in for the sequencer: keeps what it is told."""
    told: asyncio.Queue = asyncio.Queue()
    loop = asyncio.get_running_loop()
    module = types.ModuleType("conductor")

    def keep(type_):
        @on(type_)
        def handler(message, _context):
            loop.call_soon_threadsafe(told.put_nowait, message)

        return handler

    for type_ in (MeasurementCompleted, VerificationCompleted, JobFailed):
        setattr(module, type_.__name__, keep(type_))
    folder.mkdir()
    spec = ServiceSpec("sequencer", None, collect(module), platform.database("sequencer"), folder)
    return ServiceProcess(spec, platform), told


async def answer(sequencer, told, job):
    with sequencer.unit_of_work(f"ask {job.job_id}", "run-1") as unit:
        unit.emit([job])
    async with asyncio.timeout(PATIENCE_S):
        return await told.get()


@pytest.mark.asyncio
async def test_jobs_become_reports_that_http_hands_out(bench, tmp_path):
    frames = bench.frames("bias", 3)
    measure = bench.measure_job(bench.master("bias", frames), frames)
    settings = PlatformSettings(data_dir=tmp_path / "data", worker_slots=1)
    async with open_platform(settings) as platform:
        for one in measure.inputs:
            key, path = one.ref.uri.removeprefix("objects:"), bench.objects.path_of(one.ref.uri)
            platform.objects.put_if_absent(key, path, one.ref.media_type)
        app = create_app(VerifySettings(data_dir=tmp_path / "data"), platform)
        sequencer, told = conductor(platform, tmp_path / "none")
        await app.state.process.start()
        await sequencer.start()
        try:
            measured = await answer(sequencer, told, measure)
            done = JobInput(role="measurements", id=measure.job_id, ref=measured.results)
            completed = await answer(sequencer, told, bench.decide_job("bias", [done]))
            wrong = bench.measure_job(bench.master("bias", frames[:2]), frames[:2], engine_version="0")
            failed = await answer(sequencer, told, wrong)
            await look_around(app, measure, completed)
        finally:
            await sequencer.stop(5)
            await app.state.process.stop(5)
    assert "version 0 of the pixel engine" in failed.reason
    assert [one.accepted for one in completed.decisions] == [True]


async def look_around(app, measure, completed):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://verify") as client:
        (line,) = (await client.get("/reports", params={"kind": "bias"})).json()
        assert (line["id"], line["verdict"]) == (completed.report_id, "certified")
        shown = (await client.get(f"/reports/{completed.report_id}")).json()
        assert shown["decision"]["outcome"] == completed.outcome
        assert (await client.get("/reports/report-0")).status_code == 404
        page = await client.get(f"/reports/{completed.report_id}.html")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-security-policy"].startswith("default-src 'none'; img-src data:;")
        assert hashlib.sha256(page.content).hexdigest() == completed.page.sha256
        assert (await client.get("/reports/report-0.html")).status_code == 404
        asked = {"instrument": "simcam-tiny", "name": "NOISE", "amplifier": "A00"}
        assert len((await client.get("/metrics-history", params=asked)).json()) == 3
        product = {"product": measure.reference.product_id}
        (made,) = (await client.get("/measurements", params=product)).json()
        assert made["failed"] == 0
        assert len((await client.get(f"/results/{measure.job_id}")).json()) == 63


def test_check_builds_everything(tmp_path):
    command = [sys.executable, "-m", "calibrant.verify", "--check", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "verify: everything builds" in done.stdout


def test_what_a_decision_imports_late_is_imported_ahead():
    body = ast.walk(ast.parse(inspect.getsource(deciding.compute)))
    late = {node.module for node in body if isinstance(node, ast.ImportFrom)}
    assert late <= {*collect(handlers).jobs[DecideJob.message_type].modules}
