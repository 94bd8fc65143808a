"""HTTP over several services: probes for the whole, each service's API under its name."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import jsonschema
import pytest

from calibrant.observatory.composition import SERVICES, UnknownService, observatory
from calibrant.observatory.http import observatory_app
from calibrant.runtime.health import Phase

NAMES = ("camera", "certify")


@asynccontextmanager
async def served(settings, names=NAMES):
    async with observatory(settings, names) as running:
        transport = httpx.ASGITransport(observatory_app(running))
        async with httpx.AsyncClient(transport=transport, base_url="http://calibrant") as client:
            yield running, client


@pytest.mark.asyncio
async def test_running_services_are_well(settings):
    async with served(settings) as (_, client):
        assert set((await client.get("/")).json()["services"]) == set(NAMES)
        startup = await client.get("/startup")
        assert (startup.status_code, set(startup.json().values())) == (200, {"running"})
        live, ready = await client.get("/live"), await client.get("/ready")
        assert (live.status_code, live.json()) == (200, {})
        assert ready.status_code == 200
        assert ready.json() == {"phases": dict.fromkeys(NAMES, "running"), "troubles": {}}
        status = (await client.get("/status")).json()
        assert {name: one["phase"] for name, one in status.items()} == dict.fromkeys(NAMES, "running")
        metrics = (await client.get("/metrics")).text
        for name in NAMES:
            assert f'calibrant_ready{{service="{name}"}} 1.0' in metrics
            assert (await client.get(f"/{name}/ready")).status_code == 200


@pytest.mark.asyncio
async def test_one_paused_service_makes_the_whole_unready_but_not_dead(settings):
    async with served(settings) as (running, client):
        assert (await client.post("/certify/control/pause")).json() == {"phase": "paused"}
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["phases"]["certify"]) == (503, "paused")
        assert (await client.get("/live")).status_code == 200
        await client.post("/certify/control/resume")
        assert (await client.get("/ready")).status_code == 200
        running.process("camera").health.trouble("shutter", "it is stuck")
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["troubles"]) == (503, {"camera: shutter": "it is stuck"})


@pytest.mark.asyncio
async def test_a_service_that_has_a_fault_makes_the_whole_not_live(settings):
    async def fail():
        raise LookupError("lost")

    async with served(settings) as (running, client):
        task = asyncio.create_task(fail(), name="certify: broken")
        await asyncio.wait([task])
        running.process("certify")._background.append(task)
        live = await client.get("/live")
        assert live.status_code == 503
        assert "lost" in live.json()["certify"][0]
        (trouble,) = running.troubles().values()
        assert trouble == "certify: broken: LookupError('lost'), and has stopped; -v shows where"


@pytest.mark.asyncio
async def test_a_service_that_starts_holds_up_the_whole(settings):
    async with served(settings) as (running, client):
        running.process("camera").health.phase = Phase.STARTING
        startup = await client.get("/startup")
        assert (startup.status_code, startup.json()["camera"]) == (503, "starting")


@pytest.mark.asyncio
async def test_every_api_describes_itself(settings):
    async with served(settings, SERVICES) as (running, client):
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
