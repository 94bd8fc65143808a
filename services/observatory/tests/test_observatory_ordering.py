"""A run of calibrations asked for over HTTP, as docs/commanding.md does it: the example runs as it stands there."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from calibrant.observatory.composition import observatory
from calibrant.observatory.http import observatory_app
from calibrant.runtime.access.door import Door

PAGE = (Path(__file__).parents[3] / "docs" / "commanding.md").read_text()
EXAMPLE = re.search(r"^### A run of calibrations\n.*?^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PATIENCE_S = 60.0


@pytest.mark.asyncio
async def test_the_example_orders_a_run_and_follows_it_to_its_end(settings, capsys):
    """No camera answers here, so the run ends when somebody stops it; whole ones are in docs/recorded-runs.md."""
    example = {"__name__": "example"}
    exec(EXAMPLE[1], example)
    order = example["ORDER"] | {"instrument": "simcam-tiny"}
    run = f"/sequencer/runs/{order['run_id']}"
    async with asyncio.timeout(PATIENCE_S), observatory(settings, ["sequencer"]) as running:
        transport = httpx.ASGITransport(observatory_app(running, Door(open=True)))
        async with httpx.AsyncClient(transport=transport, base_url="http://calibrant") as client:
            wrong = order | {"run_id": "wrong", "exposures": order["exposures"] * 2, "make": ["bais"]}
            assert await example["calibrate"](client, wrong) == ()
            followed = asyncio.create_task(example["calibrate"](client, order))
            while await asked_for(client, run) != 6:  # noqa: ASYNC110  HTTP tells nothing by itself
                await asyncio.sleep(0.02)
            assert (await client.post(f"{run}/stop", params={"now": True})).status_code == 200
            assert await followed == []
    said = capsys.readouterr().out
    assert "do you mean 'bias'?" in said
    assert "\nstopped: " in said


async def asked_for(client, run):
    """Return how many exposures a run has asked the camera for; 0 while there is no such run."""
    found = await client.get(run)
    return found.json()["exposures"]["total"] if found.status_code == 200 else 0
