"""The bus edge: whatever stands in a topic, every service deals with it, says why not, and goes on to what is behind it."""

import asyncio
import resource
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from calibrant.bus.cloudevents import Envelope, to_message
from calibrant.bus.ports import Message
from calibrant.bus.records import MOST_BODY_BYTES
from calibrant.contracts.flow import topics
from calibrant.observatory.composition import SERVICES, observatory
from calibrant.observatory.settings import ObservatorySettings
from calibrant.runtime import dead_letters
from calibrant.runtime.testing.hostile import NOT_JSON, bodies, headers
from calibrant.runtime.unit_of_work import was_done
from calibrant.sequencer.store.queries import SequencerQueries

pytestmark = pytest.mark.timeout(240)
GOLDEN = Path(__file__).parents[2] / "libs/contracts/tests/golden"
PATIENCE_S = 220.0
MEMORY_KIB = 600 << 10
CONSUMED = [topic for topic in topics().values() if topic.consumers]


@asynccontextmanager
async def everything(tmp_path, database):
    settings = ObservatorySettings(
        data_dir=tmp_path / "data", database=database, instrument="simcam-tiny", worker_slots=1, port=0
    )
    async with observatory(settings, SERVICES) as running:
        yield running


def message(topic, kind, body, event_id, **more):
    said = {"source": "/somewhere/else", "time_utc": "2026-01-01T00:00:00Z"} | more
    return to_message(Envelope(id=event_id, type=kind, data=body, **said), topic.name, "one-key")


def corpus(topic):
    """Everything hostile for one topic, all under one key, and a good event of each kind behind it."""
    number = count()
    for kind in topic.messages:
        good = (GOLDEN / f"{kind}.json").read_bytes()
        for body in bodies(good):
            if body.content in NOT_JSON and kind != topic.messages[0]:
                continue  # what is no message is none of any kind
            yield message(topic, kind, body.content, f"{kind}-{next(number)}")
    kind = topic.messages[0]
    fine = message(topic, kind, (GOLDEN / f"{kind}.json").read_bytes(), "?")
    for changed in headers(fine.headers):
        yield Message(topic.name, "one-key", fine.value, changed)
    yield message(topic, kind, b" " * (MOST_BODY_BYTES + 1), f"{kind}-huge")
    yield message(topic, "calibrant.unknown.v9.Nothing", b"{}", "unknown")
    for kind in topic.messages:
        yield message(topic, kind, (GOLDEN / f"{kind}.json").read_bytes(), f"good-{kind}-on-{topic.name}")


async def dealt_with(running):
    for name in SERVICES:
        assert running.process(name).faults() == []
    return sum([sum((await running.process(name).lag()).values()) for name in SERVICES]) == 0


async def send(running, messages):
    async with running.platform.bus.producer() as producer:
        await producer.send(list(messages))


async def survives(running, every):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for topic in CONSUMED:
        *hostile, _ = sent = list(corpus(topic))
        await send(running, [*hostile[::every], *sent[-len(topic.messages) :]])
    async with asyncio.timeout(PATIENCE_S):
        while not await dealt_with(running):  # noqa: ASYNC110  nobody tells, and to ask all takes a while
            await asyncio.sleep(1.0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_KIB
    for name in SERVICES:
        table = running.process(name).spec.handlers
        handled = {*table.events, *table.jobs}
        with running.database(name).reading() as session:
            found = dead_letters.letters(session, state=None)
            for topic in CONSUMED:
                behind = [f"good-{kind}-on-{topic.name}" for kind in topic.messages if kind in handled]
                if name in topic.consumers:
                    assert all(was_done(session, event_id) for event_id in behind), (name, topic.name)
        odd = [(row.event_id, row.reason) for row in found if row.error not in {"poison", "permanent"}]
        assert odd == []
        assert all(row.reason for row in found)
        assert "poison" in {row.error for row in found}
    with running.database("sequencer").reading() as session:
        assert SequencerQueries(session).runs() == []  # results of jobs that nobody gave out begin nothing


@pytest.mark.asyncio
async def test_no_record_stops_a_service_and_each_is_dealt_with_or_refused_with_a_reason(tmp_path):
    async with everything(tmp_path, "") as running:
        await survives(running, every=2)


@pytest.mark.postgres
@pytest.mark.asyncio
async def test_nor_does_one_on_postgresql(tmp_path, postgres_url):
    async with everything(tmp_path, postgres_url) as running:
        await survives(running, every=12)
