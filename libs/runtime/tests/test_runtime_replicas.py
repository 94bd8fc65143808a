"""Two and three replicas of one service on one PostgreSQL: every event has one effect, each key keeps its order."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from sqlmodel import func, select

from calibrant.bus.ports import Message
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.handlers import on
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.tables import DeadLetterRow, InboxRow, OutboxRow
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.runtime.testing.fakes import job_done, record_of
from calibrant.runtime.testing.probe_service import MIGRATIONS, EffectRow
from calibrant.runtime.testing.services import running, table, until

pytestmark = [pytest.mark.postgres, pytest.mark.asyncio]
KEYS, EACH = 8, 12


@on(JobDone)
def hear(done, context):
    context.session.add(EffectRow(job_id=done.job_id, what="heard"))
    key, number = done.job_id.split(".")
    yield RunProgress(run_id=key, phase="heard", message=number, nodes_ended=0, nodes=0)


async def send(platform):
    """Send all events, key by key interleaved, each of them twice under its own identifier."""
    messages = []
    for number in range(EACH):
        for key in range(KEYS):
            job_id = f"k{key}.{number:03d}"
            record = record_of(job_done(job_id), topic="combine-results", event_id=f"event-{job_id}")
            messages += [Message(record.topic, f"k{key}", record.value, record.headers)] * 2
    async with platform.bus.producer() as producer:
        await producer.send(messages)


def count(database, model):
    with database.reading() as session:
        return session.exec(select(func.count()).select_from(model)).one()


async def told(platform):
    """What the service has said, by run, in the log's order, repetitions left out."""
    seen, said = set(), {}
    for record in await platform.bus.read("run-progress", from_start=True, limit=10_000):
        event_id = dict(record.headers)["ce_id"]
        if event_id not in seen:
            seen.add(event_id)
            message = RunProgress.from_json(record.value)
            said.setdefault(message.run_id, []).append(message.message)
    return said


@pytest.mark.parametrize("replicas", [2, 3])
async def test_replicas_share_the_work_and_do_nothing_twice(platform, postgres_url, replicas):
    site = DatabaseSite(postgres_url, "sequencer")
    processes = [
        ServiceProcess(
            ServiceSpec("sequencer", None, table(hear=hear), site.open(), MIGRATIONS), replace(platform)
        )
        for _ in range(replicas)
    ]
    await asyncio.gather(*(asyncio.to_thread(process.prepare) for process in processes))
    async with AsyncExitStack() as stack:
        for process in processes:
            await stack.enter_async_context(running(process))
        await send(platform)
        database = processes[0].database

        async def done():
            if any(process.faults() for process in processes):
                return True
            effects, waiting = await asyncio.to_thread(
                lambda: (count(database, EffectRow), count(database, OutboxRow))
            )
            return effects >= KEYS * EACH and not waiting and not sum((await processes[0].lag()).values())

        await until(done)
        assert [process.faults() for process in processes] == [[]] * replicas
        assert count(database, EffectRow) == count(database, InboxRow) == KEYS * EACH
        assert count(database, DeadLetterRow) == 0
        assert await told(platform) == {
            f"k{key}": [f"{number:03d}" for number in range(EACH)] for key in range(KEYS)
        }
