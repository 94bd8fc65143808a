"""Queues over HTTP: every route in process, and what it answers to what is wrong."""

import itertools

import httpx
import pytest
from fastapi import FastAPI

from calibrant.contracts.camera.v1 import SummaryState, SummaryStateChanged
from calibrant.runtime.access.door import Door
from calibrant.runtime.access.guard import Guard
from calibrant.sequencer.queue.api import routes
from calibrant.sequencer.queue.keeping import keep

BIAS = {"image_type": "BIAS", "exposure_times_s": [0.0], "filter": ""}
ORDER = {"instrument": "simcam-tiny", "exposures": [BIAS], "generate": False, "skip_verification": True}


@pytest.fixture
def world(kit):
    made = kit.world()
    made.say("camera", SummaryStateChanged(component="camera", summary_state=SummaryState.ENABLED, reason=""))
    made.camera.state = SummaryState.ENABLED
    made.play()
    return made


@pytest.fixture
def client(world):
    app = FastAPI()
    names = (f"made-{number}" for number in itertools.count(1))
    app.include_router(routes(world.service, names.__next__))
    app.add_middleware(Guard, door=Door(open=True))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sequencer")


@pytest.mark.asyncio
async def test_a_queue_is_filled_ordered_and_told_of_over_http(client, world):
    assert (await client.post("/queue/camera/runs", json=ORDER)).json() == {
        "told": "made-1 waits at place 1",
        "run_id": "made-1",
    }
    for name in ("b", "c"):
        added = await client.post("/queue/camera/runs?place=1", json=ORDER | {"run_id": name})
        assert added.status_code == 202
    assert (await client.post("/queue/camera/runs/c/move?place=3")).json()["told"] == "c waits at place 3"
    assert (await client.post("/queue/camera/runs/made-1/remove")).status_code == 200
    shown = (await client.get("/queue/camera")).json()
    assert [(line["run_id"], line["place"], line["what"]) for line in shown["waiting"]] == [
        ("b", 1, "1 exposure"),
        ("c", 2, "1 exposure"),
    ]
    assert (await client.post("/queue/camera/pause")).json()["told"] == "the queue is paused"
    assert (await client.get("/queue/camera")).json()["waits_for"] == "paused by local"
    assert (
        (await client.post("/queue/camera/stop?now=true"))
        .json()["told"]
        .startswith("the queue is paused; no run")
    )
    assert (await client.post("/queue/camera/resume")).json()["told"] == "the queue goes on"
    assert keep(world.service) == ["b"]
    world.play()
    history = await client.get("/queue/camera/history?limit=2")
    assert [(one["run_id"], one["state"], one["run_state"]) for one in history.json()] == [
        ("c", "waiting", ""),
        ("b", "started", "done"),
    ]
    assert (history.headers["X-More"], history.json()[1]["added_by"]) == ("true", "local")


@pytest.mark.asyncio
async def test_schedules_are_set_listed_and_dropped_over_http(client):
    daily = {"at": "06:00", "zone": "America/Santiago", "run": ORDER}
    assert (
        (await client.post("/queue/camera/schedules/daily", json=daily))
        .json()["told"]
        .startswith("daily: daily at 06:00")
    )
    (line,) = (await client.get("/queue/camera/schedules")).json()
    assert (line["name"], line["zone"], line["grace_s"], line["set_by"]) == (
        "daily",
        "America/Santiago",
        3600.0,
        "local",
    )
    assert (await client.post("/queue/camera/schedules/daily/drop")).json() == {
        "told": "daily is dropped",
        "run_id": "",
    }
    assert (await client.get("/queue/camera/schedules")).json() == []


SDSSX = ORDER | {"exposures": [BIAS | {"filter": "SDSSx"}]}
WRONG = [
    ("POST", "camera/runs", SDSSX, 400, "has no filter 'SDSSx'; it has u, g"),
    ("POST", "camera/schedules/x", {"at": "06:00", "run": SDSSX}, 400, "has no filter 'SDSSx'"),
    ("POST", "camera/runs", ORDER | {"instrument": "nope"}, 400, "no such instrument"),
    ("POST", "camera/runs", {"instrument": "simcam-tiny"}, 400, "take exposures"),
    ("POST", "camera/runs?place=0", ORDER, 422, "place"),
    ("POST", "camera/runs/none/move?place=1", None, 404, "no 'none' in the queue"),
    ("POST", "camera/runs/none/remove", None, 404, "no 'none' in the queue"),
    ("POST", "camera/schedules/x", {"at": "noon", "run": ORDER}, 400, "write 06:00"),
    ("POST", "camera/schedules/x", {"at": "06:00", "grace_s": 1e9, "run": ORDER}, 422, "grace_s"),
    ("POST", "camera/schedules/-x", {"at": "06:00", "run": ORDER}, 400, "no name"),
    ("POST", "camera/schedules/x/drop", None, 404, "no schedule 'x'"),
    ("POST", "lamp/pause", None, 404, "no camera 'lamp'"),
    ("GET", "lamp", None, 404, "no camera 'lamp'"),
    ("GET", "lamp/history", None, 404, "no camera 'lamp'"),
]


@pytest.mark.asyncio
async def test_what_is_wrong_is_answered_with_what_to_do(client):
    for method, path, body, status, text in WRONG:
        answer = await client.request(method, f"/queue/{path}", json=body)
        assert (answer.status_code, text in answer.text) == (status, True), (path, answer.text)


@pytest.mark.parametrize(
    ("within", "said"),
    [
        ({"exposures": [BIAS, BIAS | {"discrad": 1}]}, "unknown field 'discrad'; did you mean 'discard'?"),
        ({"validity": {"begun": {}}}, "unknown field 'begun'; did you mean 'begin'?"),
        ({"validity": {"begin": {"second": 1}}}, "unknown field 'second'; did you mean 'seconds'?"),
    ],
)
@pytest.mark.asyncio
async def test_a_misspelt_key_within_an_order_is_refused_and_the_nearest_one_named(
    client, world, within, said
):
    """A message of another version may have keys that nobody knows; in an order they would be obeyed as left out."""
    answer = await client.post("/queue/camera/runs", json=ORDER | within)
    assert answer.status_code == 422
    assert said in answer.text
    assert (await client.get("/queue/camera")).json()["waiting"] == []
