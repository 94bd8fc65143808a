"""The README's service is one, and every module has its place in it."""

import asyncio
import sys
from pathlib import Path
from types import ModuleType

import pytest

from calibrant.bus.ports import Message
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.platform import open_platform
from calibrant.runtime.settings import ServiceSettings
from calibrant.runtime.testing.fakes import job_done, record_of

PACKAGE = Path(__file__).parents[1]
README = (PACKAGE / "README.md").read_text("utf-8")


@pytest.mark.asyncio
async def test_the_example_does_what_it_says(tmp_path, monkeypatch):
    module = ModuleType("example_of_the_readme")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(README.split("```python\n")[1].split("```")[0], vars(module))
    settings = ServiceSettings(data_dir=tmp_path)
    async with open_platform(settings) as platform:
        process = module.create_app(settings, platform).state.process
        await process.start()
        record = record_of(job_done("job-1"), topic="combine-results")
        async with platform.bus.producer() as producer:
            await producer.send([Message(record.topic, "k", record.value, record.headers)])
        async with asyncio.timeout(30):
            while not (told := await platform.bus.read("run-progress", from_start=True, limit=9)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await process.stop(5.0)
    (message,) = (RunProgress.from_json(record.value) for record in told)
    assert (message.run_id, message.message) == ("run-1", "use cases heard of job-1")


def test_every_module_has_its_place():
    rooms = README.split("## The rooms")[1]
    for path in (PACKAGE / "src" / "calibrant" / "runtime").iterdir():
        if path.stem != "__init__" and path.suffix in (".py", "") and path.stem != "__pycache__":
            assert f"`{path.stem}`" in rooms, path.name
