"""The operators' port: probes and metrics, from the first moment on and for all services of a process."""

import asyncio

import httpx
import pytest
from anyio import to_thread
from prometheus_client.parser import text_string_to_metric_families

from calibrant.runtime.access.door import Door
from calibrant.runtime.handlers import HandlerTable
from calibrant.runtime.http import http_app
from calibrant.runtime.ops import Watch, ops_app
from calibrant.runtime.serving import address_of, listen, served
from calibrant.runtime.testing.services import running, until

pytestmark = pytest.mark.asyncio


def watching(*processes):
    watch = Watch(expected=len(processes))
    for process in processes:
        watch.add(http_app(process, Door(open=True)))
    return watch


def client_of(watch):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=ops_app(watch)), base_url="http://service")


async def test_the_probes_mean_different_things(platform, make_process):
    broken = asyncio.Event()

    async def beside(process):
        await broken.wait()
        raise ZeroDivisionError("a fault of ours")

    process = make_process(background=(beside,))
    watch = watching(process)
    async with client_of(watch) as client:

        async def probes():
            return [(await client.get(f"/{name}")).status_code for name in ("startup", "live", "ready")]

        assert await probes() == [503, 200, 503]  # not started, not broken, takes on nothing
        async with running(process):
            assert await probes() == [200, 200, 200]
            process.health.trouble("database", "locked")
            assert await probes() == [200, 200, 503]
            assert (await client.get("/ready")).json()["troubles"] == {"sequencer: database": "locked"}
            process.health.well("database")
            broken.set()

            async def told():
                return bool(process.faults())

            await until(told)
            assert await probes() == [200, 503, 200]
            assert "ZeroDivisionError" in (await client.get("/live")).json()["faults"]["sequencer"][0]


async def test_before_a_service_is_built_it_has_not_come_up_and_is_not_broken():
    async with client_of(Watch(expected=1)) as client:
        codes = [(await client.get(f"/{name}")).status_code for name in ("startup", "live", "ready")]
    assert codes == [503, 200, 503]


async def test_they_answer_while_every_thread_of_the_api_waits_for_something(make_process):
    threads = to_thread.current_default_thread_limiter()
    waiting = [object() for _ in range(int(threads.available_tokens))]
    for one in waiting:
        threads.acquire_on_behalf_of_nowait(one)
    try:
        async with client_of(watching(make_process())) as client, asyncio.timeout(60):
            codes = [
                (await client.get(path)).status_code for path in ("/startup", "/live", "/ready", "/metrics")
            ]
    finally:
        for one in waiting:
            threads.release_on_behalf_of(one)
    assert codes == [503, 200, 503, 200]


async def test_one_of_two_services_is_not_all_of_them(make_process):
    watch = Watch(expected=2)
    async with client_of(watch) as client, running(first := make_process()):
        watch.add(http_app(first, Door(open=True)))
        assert (await client.get("/startup")).status_code == 503
        async with running(second := make_process("certify", handlers=HandlerTable({}, {}))):
            watch.add(http_app(second, Door(open=True)))
            assert (await client.get("/startup")).json() == {
                "phases": {"sequencer": "running", "certify": "running"}
            }
            assert (await client.get("/ready")).status_code == 200
            second.pause()
            assert (await client.get("/ready")).status_code == 503
            assert (await client.get("/live")).json() == {"faults": {}}


async def test_metrics_are_what_prometheus_reads(platform, make_process):
    process = make_process()
    async with client_of(watching(process)) as client, running(process):
        process.health.count("events", 3)
        families = {f.name: f for f in text_string_to_metric_families((await client.get("/metrics")).text)}
    (sample,) = families["calibrant_records"].samples
    assert (sample.labels, sample.value) == ({"service": "sequencer", "what": "events"}, 3.0)
    assert families["calibrant_ready"].samples[0].value == 1.0
    assert families["calibrant_in_hand"].samples[0].value == 0.0


async def test_metrics_of_several_services_are_explained_once(make_process):
    both = watching(make_process(), make_process("certify", handlers=HandlerTable({}, {})))
    async with client_of(both) as client:
        text = (await client.get("/metrics")).text
    families = [family for family in text_string_to_metric_families(text) if family.name == "calibrant_ready"]
    (ready,) = families
    assert {sample.labels["service"] for sample in ready.samples} == {"sequencer", "certify"}


async def test_nothing_else_is_served_without_credentials(make_process):
    app = ops_app(watching(make_process()))
    assert set(app.openapi()["paths"]) == {"/startup", "/live", "/ready", "/metrics"}


async def test_it_is_served_until_the_block_ends(make_process):
    opened = listen("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=address_of(opened)) as client:
        async with served(ops_app(watching(make_process())), opened):
            assert (await client.get("/startup")).status_code == 503
        with pytest.raises(httpx.ConnectError):
            await client.get("/startup")
