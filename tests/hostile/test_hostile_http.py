"""The HTTP edge: whatever is asked of any route, the answer is one that its documentation names, and no fault."""

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from itertools import islice
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from calibrant.observatory.composition import SERVICES, observatory
from calibrant.observatory.http import observatory_app
from calibrant.observatory.settings import ObservatorySettings
from calibrant.runtime.access.door import door_of
from calibrant.runtime.ops import Watch, ops_app
from calibrant.runtime.serving import address_of, listen, served
from calibrant.runtime.testing.hostile import NUMBERS, TEXTS, bodies
from calibrant.runtime.testing.issuer import Issuer

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ISSUER = Issuer()
SLOWEST_S = 60.0
"""Longest that an answer may take: a machine that is busy is given time, a hang is none."""
COMMON = ("/dead-letters", "/audit", "/control", "/status")
"""What every service has, and one is asked."""
LEFT_OUT = ("/control/drain", "/control/pause")
"""What would take the service away under the test."""
SOME = 7
"""Every so many of the questions are asked again on another database; over all routes each text is among them."""
GENTLE = settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@asynccontextmanager
async def everything(tmp_path, names=SERVICES, **more):
    chosen = {"data_dir": tmp_path / "data", "instrument": "simcam-tiny", "worker_slots": 1, "port": 0}
    wanted = ObservatorySettings(**chosen, **more)
    watch = Watch(expected=len(names))
    async with observatory(wanted, names, watch=watch) as running:
        yield running, observatory_app(running, door_of(wanted)), ops_app(watch)


@asynccontextmanager
async def at(app):
    """Serve an app and give its address."""
    with listen("127.0.0.1", 0) as opened:
        async with served(app, opened):
            yield address_of(opened)


def explore(app, url, token=None):
    """Ask all that schemathesis thinks of; return how many answers of each status there were."""
    answered = Counter()
    sent = {} if token is None else {"Authorization": f"Bearer {token}"}
    for found in schemathesis.openapi.from_dict(app.openapi()).get_all_operations():
        operation = found.ok()
        common = operation.path.startswith(COMMON)
        if operation.path.startswith(LEFT_OUT) or (common and not app.title.endswith(SERVICES[0])):
            continue

        @GENTLE
        @given(case=operation.as_strategy())
        def ask(case):
            response = case.call(base_url=url, headers=sent, timeout=SLOWEST_S)
            case.validate_response(response, checks=CHECKS)
            answered[response.status_code] += 1

        ask()
    return answered


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.asyncio
async def test_what_schemathesis_thinks_of_is_answered_as_documented(tmp_path, name):
    async with everything(tmp_path, (name,)) as (running, outer, ops), at(outer) as url, at(ops) as beside:
        places = [(running.apps[name], f"{url}/{name}")]
        places += [(outer, url), (ops, beside)] if name == SERVICES[0] else []
        for app, place in places:
            assert 200 in await asyncio.to_thread(explore, app, place), place
        assert running.process(name).faults() == []


@pytest.mark.asyncio
async def test_so_it_is_where_tokens_are_asked_for(tmp_path):
    tokens = ISSUER.settings(tmp_path / "jwks.json")
    async with everything(tmp_path, ("camera",), **tokens) as (running, outer, _), at(outer) as url:
        app, place = running.apps["camera"], f"{url}/camera"
        assert set(await asyncio.to_thread(explore, app, place)) == {401}
        answered = await asyncio.to_thread(explore, app, place, ISSUER.token("viewer"))
        assert {200, 403} <= set(answered)
        assert 401 not in answered


def client_of(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://calibrant", follow_redirects=True)


def queries(app):
    """Yield each path with GET, with one hostile parameter, the others left as they may be."""
    for path, operations in app.openapi()["paths"].items():
        if "get" not in operations or (path.startswith(COMMON) and not app.title.endswith(SERVICES[0])):
            continue
        wanted = operations["get"].get("parameters", [])
        plain = {one["name"]: "1" for one in wanted if one["in"] == "query" and one["required"]}
        for text in (*TEXTS, *NUMBERS):
            if "{" in path:
                yield path.partition("{")[0] + quote(text, safe="") + path.partition("}")[2], plain
            for one in wanted:
                if one["in"] == "query":
                    yield path, plain | {one["name"]: text}


async def answers_hostile_queries(running, every=1):
    for name, app in running.apps.items():
        async with client_of(app) as client:
            asked = 0
            for path, parameters in islice(queries(app), 0, None, every):
                answer = await client.get(path, params=parameters)
                assert answer.status_code in {200, 400, 404, 422}, (
                    f"{name} {path} {parameters}: {answer.text}"
                )
                assert answer.json() is not None
                asked += 1
            assert asked >= len(TEXTS) // every


@pytest.mark.asyncio
async def test_hostile_names_and_numbers_in_addresses(tmp_path):
    async with everything(tmp_path) as (running, _, _):
        await answers_hostile_queries(running)


@pytest.mark.postgres
@pytest.mark.asyncio
async def test_hostile_names_and_numbers_in_addresses_on_postgresql(tmp_path, postgres_url):
    async with everything(tmp_path, database=postgres_url) as (running, _, _):
        await answers_hostile_queries(running, SOME)


@pytest.mark.asyncio
async def test_hostile_bodies(tmp_path):
    order = {
        "instrument": "simcam-tiny",
        "run_id": "r",
        "folder": "/nowhere",
        "make": ["bias"],
        "generate": True,
    }
    order |= {"parameters": {"bias.statistic": '"median"'}, "collection": "c", "exposures": []}
    images = {
        "command_id": "c",
        "begin_within_s": 1.5,
        "num_images": 1,
        "exposure_time_s": 0.5,
        "sensors": [0],
    }
    images |= {"image_type": "BIAS", "group_id": "g", "filter": "r", "observation_note": "n", "shutter": True}
    asked = {"sequencer": ("/runs", order), "camera": ("/commands/takeImages", images)}
    async with everything(tmp_path, ("sequencer", "camera"), max_body_bytes=200_000) as (running, _, _):
        for name, (path, good) in asked.items():
            async with client_of(running.apps[name]) as client:
                for body in bodies(json.dumps(good).encode()):
                    answer = await client.post(
                        path, content=body.content, headers={"content-type": "application/json"}
                    )
                    documented = {202, 400, 409, 422} | ({413} if len(body.content) > 200_000 else set())
                    assert answer.status_code in documented, f"{name}, {body.done}: {answer.text}"
                    assert answer.json() is not None


@pytest.mark.asyncio
async def test_a_body_beyond_the_limit_is_refused_unread(tmp_path):
    taken = 0

    async def endless():
        nonlocal taken
        while True:
            taken += 1 << 16
            yield b" " * (1 << 16)

    async with (
        everything(tmp_path, ("sequencer",), max_body_bytes=1 << 18) as (running, _, _),
        client_of(running.apps["sequencer"]) as client,
    ):
        answer = await client.post("/runs", content=endless(), headers={"content-type": "application/json"})
        declared = await client.post("/runs", content=b" " * (1 << 19))
    assert (answer.status_code, declared.status_code) == (413, 413)
    assert "CALIBRANT_MAX_BODY_BYTES" in answer.json()["detail"]
    assert answer.headers["connection"] == "close"
    assert taken <= 2 << 18
