"""All services in this process: a run waits for a person through a restart, and goes on when one decides over HTTP."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from calibrant.contracts.common.v1 import TimeRange
from calibrant.contracts.sequencer.v1 import ExposureRequest, RunRequested
from calibrant.observatory.composition import observatory, settings_of
from calibrant.observatory.http import observatory_app
from calibrant.observatory.settings import ObservatorySettings
from calibrant.runtime.access.callers import LOCAL
from calibrant.runtime.access.door import Door
from calibrant.runtime.settings import chosen
from calibrant.sequencer.states import ENDED
from calibrant.sequencer.store import SequencerQueries
from calibrant.verify.settings import VerifySettings

PATIENCE_S = 90.0
BIASES = RunRequested(
    run_id="night-1",
    instrument="simcam-tiny",
    exposures=(ExposureRequest(image_type="BIAS", exposure_times_s=(0.0, 0.0, 0.0), filter=""),),
    folder="",
    generate=True,
    collection="",
    validity=TimeRange(),
    requested_by="tester",
)


@asynccontextmanager
async def served(settings):
    async with observatory(settings) as running:
        transport = httpx.ASGITransport(observatory_app(running, Door(open=True)))
        async with httpx.AsyncClient(transport=transport, base_url="http://calibrant") as client:
            yield running, client


async def until(running, condition):
    """Wait until a run's view is as it should be, and return it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with running.database("sequencer").reading() as session:
                view = SequencerQueries(session).run("night-1")
            if view is not None and condition(view):
                return view
            await asyncio.sleep(0.05)


async def decide(client, waiting_id, *, accept, reason):
    return await client.post(f"/certify/decisions/{waiting_id}", json={"accept": accept, "reason": reason})


@pytest.mark.asyncio
async def test_a_run_waits_for_a_person_and_goes_on(settings, monkeypatch):
    monkeypatch.setenv("CALIBRANT_CERTIFICATION", '{"simcam-tiny/bias": "ask"}')
    async with served(settings) as (running, _):
        running.sequencer.request_run(BIASES, LOCAL.given)
        view = await until(running, lambda found: found.phase == "waiting for a person")
        assert view.nodes["certify"] == {"asked": 2}
    async with served(settings) as (running, client):
        first, second = (await client.get("/certify/waiting", params={"run": "night-1"})).json()
        assert "scores grey: " in first["because"]
        assert "0 points of history" in first["because"]
        await reports_are_scored(client, first)
        assert (await decide(client, first["id"], accept=True, reason="as usual")).json()[
            "state"
        ] == "accepted"
        again = await decide(client, first["id"], accept=False, reason="no")
        assert (again.status_code, "It is not decided twice" in again.json()["detail"]) == (409, True)
        assert (await decide(client, "wait-0", accept=True, reason="x")).status_code == 404
        assert (await decide(client, second["id"], accept=True, reason=" ")).status_code == 400
        assert (await decide(client, second["id"], accept=False, reason="stripes")).status_code == 200
        view = await until(running, lambda found: found.run.state in ENDED)
        certified = (await client.get("/certify/calibrations")).json()
        asked = {"instrument": "simcam-tiny", "metric": "NOISE"}
        trend = await client.get("/verify/trends", params=asked)
        nobody = await client.get("/verify/trends", params=asked | {"metric": "NOIS"})
        assert (nobody.status_code, " NOISE, " in nobody.json()["detail"]) == (404, True)
    assert view.run.state == "done with failures"
    assert [one["product"] for one in certified] == [first["product"]]
    ends = {row.product_id: (row.state, row.reason) for row in view.rows if row.type == "certify"}
    assert ends[second["product"]] == ("withheld", "rejected by local: stripes")
    assert {one["product"] for one in trend.json() if one["certified"]} <= {first["product"]}
    assert len(trend.json()) == 24  # three exposures of two detectors of four amplifiers


async def reports_are_scored(client, waiting):
    (line,) = (await client.get("/verify/reports", params={"product": waiting["product"]})).json()
    assert (line["score"], line["accepted"]) == ("grey", True)
    report = (await client.get(f"/verify/reports/{line['id']}")).json()
    assert report["assessment"]["scores_version"] == "scores-1"
    assert report["assessment"]["total"]["colour"] == "grey"


@pytest.mark.parametrize(
    ("address", "told"),
    [("", "http://127.0.0.1:9/camera"), ("https://example.org/c/", "https://example.org/c/camera")],
)
def test_a_service_is_told_where_others_reach_it(address, told):
    settings = ObservatorySettings(address=address)
    assert settings_of("camera", settings).address == (f"{address.rstrip('/')}/camera" if address else "")
    assert settings_of("camera", settings.listening("http://127.0.0.1:9")).address == told


def test_settings_of_verify_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CALIBRANT_TRENDS", '{"limit": 4, "least": 20}')
    monkeypatch.setenv("CALIBRANT_COMPARISON", '{"act": "fall back", "relative": {"NOISE_RATIO": 0.2}}')
    found = chosen(VerifySettings)
    assert (found.trends.limit, found.trends.least, found.trends.length) == (4.0, 20, 100)
    assert (found.comparison.act, found.comparison.relative) == ("fall back", {"NOISE_RATIO": 0.2})
