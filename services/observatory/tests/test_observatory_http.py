"""HTTP over several services: each service's API under its name, probes for the whole on a port of their own."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import jsonschema
import pytest

from calibrant.observatory.composition import SERVICES, UnknownService, observatory
from calibrant.observatory.http import observatory_app
from calibrant.runtime.access.door import Door
from calibrant.runtime.health import Phase
from calibrant.runtime.ops import Watch, ops_app

NAMES = ("camera", "certify")


@asynccontextmanager
async def served(settings, names=NAMES):
    watch = Watch(expected=len(names))
    async with (
        observatory(settings, names, watch=watch) as running,
        client_of(observatory_app(running, Door(open=True))) as client,
        client_of(ops_app(watch)) as ops,
    ):
        yield running, client, ops


def client_of(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://calibrant")


@pytest.mark.asyncio
async def test_running_services_are_well(settings):
    async with served(settings) as (_, client, ops):
        assert set((await client.get("/")).json()["services"]) == set(NAMES)
        startup = await ops.get("/startup")
        assert (startup.status_code, startup.json()["phases"]) == (200, dict.fromkeys(NAMES, "running"))
        live, ready = await ops.get("/live"), await ops.get("/ready")
        assert (live.status_code, live.json()) == (200, {"faults": {}})
        assert ready.status_code == 200
        assert ready.json() == {"phases": dict.fromkeys(NAMES, "running"), "troubles": {}}
        status = (await client.get("/status")).json()
        assert {name: one["phase"] for name, one in status.items()} == dict.fromkeys(NAMES, "running")
        metrics = (await ops.get("/metrics")).text
        for name in NAMES:
            assert f'calibrant_ready{{service="{name}"}} 1.0' in metrics
            for path in ("startup", "live", "ready", "metrics"):
                assert (await client.get(f"/{name}/{path}")).status_code == 404


@pytest.mark.asyncio
async def test_one_paused_service_makes_the_whole_unready_but_not_dead(settings):
    async with served(settings) as (running, client, ops):
        assert (await client.post("/certify/control/pause")).json() == {"phase": "paused"}
        ready = await ops.get("/ready")
        assert (ready.status_code, ready.json()["phases"]["certify"]) == (503, "paused")
        assert (await ops.get("/live")).status_code == 200
        await client.post("/certify/control/resume")
        assert (await ops.get("/ready")).status_code == 200
        running.process("camera").health.trouble("shutter", "it is stuck")
        ready = await ops.get("/ready")
        assert (ready.status_code, ready.json()["troubles"]) == (503, {"camera: shutter": "it is stuck"})


@pytest.mark.asyncio
async def test_a_service_that_has_a_fault_makes_the_whole_not_live(settings):
    async def fail():
        raise LookupError("lost")

    async with served(settings) as (running, _, ops):
        task = asyncio.create_task(fail(), name="certify: broken")
        await asyncio.wait([task])
        running.process("certify")._background.append(task)
        live = await ops.get("/live")
        assert live.status_code == 503
        assert "lost" in live.json()["faults"]["certify"][0]
        (trouble,) = running.troubles().values()
        assert trouble == "certify: broken: LookupError('lost'), and has stopped; -v shows where"


@pytest.mark.asyncio
async def test_a_service_that_starts_holds_up_the_whole(settings):
    async with served(settings) as (running, _, ops):
        running.process("camera").health.phase = Phase.STARTING
        startup = await ops.get("/startup")
        assert (startup.status_code, startup.json()["phases"]["camera"]) == (503, "starting")


@pytest.mark.asyncio
async def test_every_api_describes_itself(settings):
    async with served(settings, SERVICES) as (running, client, _):
        for path in ("", *(f"/{name}" for name in running.apps)):
            schema = (await client.get(f"{path}/openapi.json")).json()
            assert schema["openapi"].startswith("3.")
            assert "/status" in schema["paths"]
            assert (await client.get(f"{path}/docs")).status_code == 200
            for parts in schema.get("components", {}).get("schemas", {}).values():
                jsonschema.Draft202012Validator.check_schema(parts)
            for place, operations in schema["paths"].items():
                assert all(operation["summary"] for operation in operations.values()), f"{path}{place}"
        assert list(running.apps) == list(SERVICES)


@pytest.mark.asyncio
async def test_a_run_with_a_parameter_that_its_recipe_does_not_take_is_refused_before_it_begins(
    settings, tmp_path
):
    (tmp_path / "frame.fits").touch()
    asked = {"instrument": "simcam-tiny", "folder": str(tmp_path)}
    async with served(settings, ("sequencer",)) as (_, client, _):
        misspelt, negative, good = [
            await client.post("/sequencer/runs", json=asked | {"parameters": parameters})
            for parameters in ({"bias.sigmma": "4"}, {"bias.sigma": "-1"}, {"bias.hold_out": "3"})
        ]
    assert (misspelt.status_code, negative.status_code, good.status_code) == (400, 400, 202)
    assert "recipe bias has no parameter 'sigmma'; do you mean 'sigma'?" in misspelt.json()["detail"]
    assert "greater than 0" in negative.json()["detail"]


@pytest.mark.asyncio
async def test_an_unknown_service_is_named_with_the_known_ones(settings):
    with pytest.raises(
        UnknownService, match=r"no service 'combin'; there are archive, camera, certify, combine"
    ):
        await observatory(settings, ["combin"]).__aenter__()


@pytest.mark.asyncio
async def test_after_the_block_everything_has_stopped_and_the_folder_is_free(settings):
    async with observatory(settings, NAMES) as running:
        pass
    assert {running.process(name).health.phase for name in NAMES} == {Phase.STOPPED}
    async with observatory(settings, NAMES) as again:
        assert again.process("camera").health.ready
