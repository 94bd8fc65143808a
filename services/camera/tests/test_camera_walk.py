"""A live camera is walked over HTTP, and commanded as docs/commanding.md does it: the examples run as they stand there."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest

from calibrant.contracts.camera.v1 import AckCode, SummaryState
from calibrant.runtime.settings import PlatformSettings
from calibrant.sal import COMMANDS
from calibrant.sal.testing.walk import Said, walk

PAGE = (Path(__file__).parents[3] / "docs" / "commanding.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NOTHING_TO_TAKE = {"takeImages": {"sensors": [99]}}
"""Fields with which a walk asks for no image."""


class OverHttp:
    """A camera that is commanded over HTTP."""

    def __init__(self, app, client):
        self.process, self.client = app.state.process, client

    async def send(self, name):
        answer = await self.client.post(f"/commands/{name}", json=NOTHING_TO_TAKE.get(name, {}))
        said = answer.json()
        return Said(AckCode[said["ack"]], said["result"])

    async def state(self):
        return SummaryState[(await self.client.get("/summary-state")).json()["summary_state"]]

    async def fault(self):
        with self.process.unit_of_work("walk", None) as unit:
            self.process.spec.service.change_state(unit.session, SummaryState.FAULT, "for the walk")


@pytest.mark.asyncio
async def test_every_command_in_every_state_and_the_examples_of_the_page(tmp_path, tools):
    async with tools.running_camera(tmp_path) as (app, _):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://camera") as client:
            assert await walk(OverHttp(app, client)) == 5 * len(COMMANDS)
            await old_number(client)
            await python_example(tmp_path)
            for name in ("disable", "standby"):
                await client.post(f"/commands/{name}")
            await http_example(client)
            await what_is_kept(client)


async def old_number(client):
    order = {"sequence_number": 7, "origin": 1, "command_id": "numbered"}
    first, again, other = [
        (await client.post("/commands/enable", json=order | {"command_id": one})).json()
        for one in ("numbered", "numbered", "another")
    ]
    assert first == again
    assert "sequence number 7 of local was command numbered: " in other["result"]
    (ack,) = (await client.get("/commands/numbered")).json()["acks"]
    assert (ack["identity"], ack["origin"], ack["sequence_number"]) == ("local", 1, 7)


async def python_example(folder):
    example: dict[str, object] = {"__name__": "example"}
    exec(next(code for language, code in BLOCKS if language == "python"), example)
    names = await example["take_biases"](PlatformSettings(data_dir=folder))
    assert names == ("SC_O_20260101_000001", "SC_O_20260101_000002")


async def http_example(client):
    text = next(code for language, code in BLOCKS if language == "http")
    for request in text.strip().split("\n\n"):
        line, _, body = request.partition("\n")
        method, path = line.split()
        path = path.removeprefix("/camera")  # below which `calibrant up` has it
        answer = await client.request(method, path, json=json.loads(body) if body else None)
        assert answer.status_code == (202 if method == "POST" else 200), answer.text
    async with asyncio.timeout(60):
        while (found := (await client.get(path)).json())["state"] != "done":  # noqa: ASYNC110  HTTP tells nothing by itself
            await asyncio.sleep(0.02)
    assert [ack["code"] for ack in found["acks"]] == [301, 303]


async def what_is_kept(client):
    """The example again is the same command; its exposure is listed, and what is no order is refused."""
    text = next(code for language, code in BLOCKS if language == "http")
    order = json.loads(next(line for line in text.splitlines() if "flats-1" in line and line[0] == "{"))
    assert (await client.post("/commands/takeImages", json=order)).json()["ack"] == "COMPLETE"
    other = await client.post("/commands/takeImages", json=order | {"num_images": 2})
    assert (other.status_code, other.json()["ack"]) == (409, "FAILED")
    assert "command flats-1 exists and asks for something else: " in other.json()["result"]
    taken = (await client.get("/exposures", params={"night": "20260101"})).json()
    assert [one["image_type"] for one in taken] == ["FLAT", "BIAS", "BIAS"]
    assert (taken[0]["state"], [file["detector"] for file in taken[0]["files"]]) == ("stored", [0, 1])
    drawn = await client.get(f"/exposures/{taken[0]['image_name']}/picture.png", params={"most": 64})
    assert (drawn.headers["content-type"], drawn.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert (await client.get("/exposures/SC_O_20260101_000099/picture.png")).status_code == 404
    assert len((await client.get("/commands", params={"limit": 2})).json()) == 2
    assert (await client.get("/commands/nobody")).json() == {
        "detail": "no command nobody; GET /commands lists them"
    }
    misspelt = await client.post("/commands/takeImage", json={})
    assert (misspelt.status_code, misspelt.json()["detail"]) == (
        404,
        "there is no command 'takeImage'; did you mean takeImages?",
    )
    assert (await client.post("/commands/start", json={"speed": 1})).status_code == 422
    assert (await client.get("/openapi.json")).status_code == 200
