"""The whole service on the embedded bus: a job answered, also twice delivered; its HTTP; --check."""

import asyncio
import subprocess
import sys
from types import ModuleType

import httpx
import pytest

from calibrant.certify.app import create_app
from calibrant.certify.client import CertifyClient, NoneApplies, NotAccepted, Unreachable
from calibrant.certify.settings import CertifySettings
from calibrant.certify.wishes import Supersede, Undo
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
        await check_client(app)
        await sequencer.stop(5)
        await verify.stop(5)
        await certify.stop(5)
    assert [(run, message.job_id) for run, message in got[:3]] == [
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
        more = [
            (await client.get(path, params={"limit": 1})).headers["x-more"]
            for path in ("/calibrations", "/changes")
        ]
        assert more == ["false", "false"]
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
        misspelt = (await find("2026-01-01", kind="biass", collection="o")).json()["detail"]
        assert "simcam has no kind biass: it has bias, " in misspelt
        assert "there is no collection o" in misspelt
        wrong = await find("yesterday")
        assert wrong.status_code == 400
        assert "at: 'yesterday' is not a time" in wrong.json()["detail"]


class Loopback(httpx.BaseTransport):
    """Carries a client's requests to an app on another thread's event loop."""

    def __init__(self, app, loop):
        self.app, self.loop = httpx.ASGITransport(app), loop

    def handle_request(self, request):
        async def ask():
            async with httpx.AsyncClient(transport=self.app, base_url="http://test") as client:
                told = await client.request(
                    request.method, str(request.url), content=request.read(), headers=request.headers
                )
                return httpx.Response(told.status_code, content=told.content, request=request)

        return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(WAIT_S)


async def check_client(app) -> None:
    await asyncio.to_thread(use_client, Loopback(app, asyncio.get_running_loop()))


def use_client(transport) -> None:
    night = {"kind": "bias", "at": "2026-01-01T12:00:00"}
    with CertifyClient("http://test", transport=transport) as certify:
        found = certify.find("simcam", detector=3, **night)
        assert (found.calibration.product, found.calibration.end) == ("bias-1", "2026-01-02T00:00:00Z")
        with pytest.raises(NoneApplies, match="nothing of this kind"):
            certify.find("simcam", detector=4, **night)
        with pytest.raises(NotAccepted, match="is no name"):
            certify.find("simcam", detector=4, collection="/", **night)
        wish = Supersede(
            products=["bias-1"],
            collection="simcam/calib/daily",
            begin="2026-01-03",
            reason="more",
            request="r1",
        )
        with pytest.raises(NotAccepted, match="no change 'none'"):
            certify.change(Undo(change="none", reason="why"))
        assert not certify.change(wish).unchanged
        assert certify.change(wish).unchanged
        [change, *_] = certify.history(product="bias-1")
        assert (change.action, change.who, change.why) == ("supersede", "local", "more")
        whole = certify.exposure("simcam", at="2026-01-01T12:00:00", kinds=["bias"], detectors=[3, 4])
        assert [one.product for one in whole.calibrations] == ["bias-1"]
        assert [gap.detector for gap in whole.gaps] == [4]
        assert any("simcam has no detector 4" in note for note in whole.notes)
        every = [one.name for one in certify.collections()]
        assert "simcam/calib/daily" in every
        assert [one.name for one in certify.collections(limit=1)] == every[:1]
    with (
        CertifyClient("http://test/elsewhere", transport=transport) as elsewhere,
        pytest.raises(NotAccepted, match="no certify service answers at http://test/elsewhere") as wrong,
    ):
        elsewhere.find("simcam", detector=3, **night)
    assert not isinstance(wrong.value, NoneApplies), "a wrong address says nothing about calibrations"
    with CertifyClient("http://127.0.0.1:1") as nobody, pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        nobody.collections()


def test_check_builds_everything(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "calibrant.certify", "--check", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "certify: everything builds\n"), done.stderr
