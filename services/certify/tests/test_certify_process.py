"""The whole service on the embedded bus: a job answered, also twice delivered; its HTTP; --check."""

import asyncio
import subprocess
import sys
from types import ModuleType

import httpx
import pytest

from calibrant.certify.app import create_app
from calibrant.certify.settings import CertifySettings
from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused
from calibrant.runtime.handlers import collect, on
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec

WAIT_S = 60
BEGIN = 1_767_225_637_000_000_000  # 2026-01-01T00:00:00 UTC
DAY = 86_400_000_000_000


def listener(got: list) -> ModuleType:
    """Handlers of a service that writes down what it hears."""
    module = ModuleType("listener")
    for kind in (CalibrationCertified, CertificationRefused):

        @on(kind)
        def hear(message, context):
            got.append((context.run_id, message))

        setattr(module, kind.__name__, hear)
    return module


@pytest.mark.asyncio
async def test_a_job_is_answered_and_the_ledger_can_be_asked(tmp_path, make, asked, report) -> None:
    got: list = []
    (tmp_path / "none").mkdir()
    async with open_platform(CertifySettings(data_dir=tmp_path / "data", worker_slots=1)) as platform:
        app = create_app(CertifySettings(), platform)
        certify = app.state.process
        spec = ServiceSpec(
            "sequencer", None, collect(listener(got)), platform.database("sequencer"), tmp_path / "none"
        )
        sequencer = ServiceProcess(spec, platform)
        await certify.start()
        await sequencer.start()
        nobody = ServiceSpec(
            "verify", None, collect(ModuleType("nobody")), platform.database("verify"), tmp_path / "none"
        )
        verify = ServiceProcess(nobody, platform)
        await verify.start()
        with sequencer.unit_of_work("ask", "run-3") as unit:
            unit.emit(
                [
                    asked(make(), begin=BEGIN, end=BEGIN + DAY),
                    asked(make("bias-2"), begin=BEGIN, end=BEGIN + DAY, job_id="j2"),
                    asked(make(), begin=BEGIN, end=BEGIN + DAY, job_id="j3"),
                ]
            )
        # the jobs may come before the report that they name
        with verify.unit_of_work("tell", "run-3") as unit:
            unit.emit([report("r1", make(), make("bias-2"))])
        async with asyncio.timeout(WAIT_S):
            while len(got) < 3:  # noqa: ASYNC110  the condition is another task's doing
                await asyncio.sleep(0.02)
        await check_http(app)
        await sequencer.stop(5)
        await verify.stop(5)
        await certify.stop(5)
    assert [(run, message.job_id) for run, message in got] == [
        ("run-3", "j1"),
        ("run-3", "j2"),
        ("run-3", "j3"),
    ]
    assert isinstance(got[1][1], CertificationRefused)
    assert got[2][1].unchanged


async def check_http(app) -> None:
    ask = {"instrument": "simcam", "detector": 3, "kind": "bias"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        [listed] = (await client.get("/calibrations", params={"instrument": "simcam"})).json()
        assert (listed["begin"], listed["end"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
        shown = (await client.get(f"/calibrations/{listed['id']}")).json()
        assert shown["run"] == "run-3"
        assert (await client.get("/calibrations/none")).status_code == 404

        async def find(at: str, **more) -> httpx.Response:
            return await client.get("/calibrations/find", params={**ask, "at": at, **more})

        found = await find("2026-01-01T23:59:59")
        assert found.json()["calibration"]["product"] == "bias-1"
        assert (await find("2026-01-02T00:00:00")).status_code == 404
        assert "nearest before" in (await find("2026-01-02T00:00:00")).json()["detail"]
        # 37 s between UTC and TAI
        assert (await find("2026-01-02T00:00:36 TAI")).status_code == 200
        assert (await find("2026-01-02T00:00:37 TAI")).status_code == 404
        before = await find("2026-01-01T12:00:00", as_of="1990-01-01")
        assert before.status_code == 404
        assert "yet" in before.json()["detail"]
        assert (await find("2026-01-01", detector=2**63)).status_code == 422
        wrong = await find("yesterday")
        assert wrong.status_code == 400
        assert "at: 'yesterday' is not a time" in wrong.json()["detail"]


def test_check_builds_everything(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "calibrant.certify", "--check", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "certify: everything builds\n"), done.stderr
