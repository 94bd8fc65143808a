"""Several worker processes of one service: who computes what, who waits for whom, and what a sudden end costs.

On the embedded log with SQLite, and on a real Kafka with a real PostgreSQL.
"""

import asyncio
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlmodel import select

from calibrant.bus.ports import Message, TopicSpec
from calibrant.bus.testing.broker import Broker
from calibrant.contracts.flow import topics
from calibrant.runtime.adapters import open_database, open_log
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.tables import ExecutionRow
from calibrant.runtime.testing.fakes import combine_job, record_of
from calibrant.runtime.testing.forks import Forked
from calibrant.runtime.testing.probe_service import EffectRow

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 100.0
TOPIC = "combine-jobs.cpu"
IMPORTED = (
    "calibrant.runtime.testing.probe_service",
    "alembic.command",
    "alembic.ddl",
    "psycopg",
    "aiokafka",
)
QUIET = {"PYTHONWARNINGS": "ignore::UserWarning"}  # of what the killed have left to the kernel


@dataclass
class Yard:
    """Where workers work, what they are given, and what they have done."""

    folder: Path
    shared: dict[str, str]
    processes: list[Forked] = field(default_factory=list)

    def __post_init__(self):
        self.gates = self.folder / "gates"
        self.gates.mkdir()

    def settings(self, folder):
        given = {"data_dir": self.folder / ("data" if not self.shared else folder)} | self.shared
        return PlatformSettings(**given, worker_slots=2, job_let_go_s=1.0, job_lease_s=5.0)

    def start(self):
        settings = self.settings(f"worker-{len(self.processes)}")
        variables = {
            f"CALIBRANT_{name.upper()}": str(getattr(settings, name)) for name in settings.model_fields_set
        }
        command = [sys.executable, "-m", "calibrant.runtime.testing.probe_worker", str(self.gates)]
        self.processes.append(Forked(command, modules=IMPORTED, env=os.environ | variables | QUIET))
        return self.processes[-1]

    async def send(self, *names):
        """Ask for jobs, all in one partition."""
        bus = await open_log(self.settings("sender"))
        topic = topics()[TOPIC]
        await bus.ensure_topics([TopicSpec(TOPIC, topic.partitions, topic.retention_days * 86400.0)])
        async with bus.producer() as producer:
            records = [record_of(combine_job(name), topic=TOPIC, event_id=f"event-{name}") for name in names]
            await producer.send([Message(TOPIC, "one-key", r.value, r.headers) for r in records])
        await bus.close()

    def let_go(self, *names):
        for name in names:
            (self.gates / f"{name}.go").touch()

    def begun(self, name):
        """Return the processes that have begun to compute a job."""
        file = self.gates / f"{name}.begun"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def rows(self, table):
        database = open_database(self.settings("looker"), "combine")
        try:
            with database.reading() as session:
                return session.exec(select(table)).all()
        finally:
            database.close()

    def done(self):
        return sorted(row.job_id for row in self.rows(EffectRow))

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(condition):
                ended = [p.args for p in self.processes if p.poll() not in {None, 0, -9}]
                assert ended == []
                await asyncio.sleep(0.1)

    async def until_committed(self):
        """Wait until the group has committed every record there is."""
        bus = await open_log(self.settings("looker"))
        async with asyncio.timeout(PATIENCE_S):
            ends = await bus.end_offsets([TOPIC])
            while sum((await bus.committed("combine-jobs")).values()) != sum(ends.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await bus.close()


@contextmanager
def opened(folder, shared):
    yard = Yard(folder, shared)
    try:
        yield yard
    finally:
        for process in yard.processes:
            process.terminate()
        for process in yard.processes:
            process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def own_broker():
    """A broker of these tests' own: topics have the same names everywhere. Each leaves no record undone."""
    with Broker(steady=True) as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("servers", marks=[pytest.mark.kafka, pytest.mark.postgres])])
def yard(request, tmp_path):
    shared = {}
    if request.param == "servers":
        bus = f"kafka://{request.getfixturevalue('own_broker').servers}"
        shared = {"bus": bus, "database": request.getfixturevalue("postgres_url")}
    with opened(tmp_path, shared) as yard:
        yield yard


@pytest.fixture
def embedded_yard(tmp_path):
    with opened(tmp_path, {}) as yard:
        yield yard


@pytest.mark.asyncio
async def test_quick_jobs_are_done_while_a_long_one_of_their_partition_is_computed(embedded_yard):
    embedded_yard.start()
    quick = [f"quick-{n}" for n in range(8)]
    embedded_yard.let_go(*quick)
    await embedded_yard.send("long", *quick)
    await embedded_yard.until(lambda: embedded_yard.begun("long") and len(embedded_yard.done()) == 8)
    assert "long" not in embedded_yard.done()
    embedded_yard.let_go("long")
    await embedded_yard.until(lambda: len(embedded_yard.done()) == 9)
    assert [len(embedded_yard.begun(name)) for name in ("long", *quick)] == [1] * 9


@pytest.mark.asyncio
async def test_who_is_busy_for_long_leaves_its_partitions_to_others(yard):
    yard.start()
    quick = [f"quick-{n}" for n in range(5)]
    yard.let_go(*quick)
    await yard.send("long-1", "long-2")  # one for each of its slots
    await yard.until(lambda: yard.begun("long-1") and yard.begun("long-2"))
    await yard.send(*quick)  # in the same partition
    yard.start()
    await yard.until(lambda: yard.done() == quick)
    yard.let_go("long-1", "long-2")
    await yard.until(lambda: len(yard.done()) == 7)
    assert [len(yard.begun(name)) for name in ("long-1", "long-2", *quick)] == [1] * 7
    await yard.until_committed()


@pytest.mark.asyncio
async def test_what_a_killed_worker_computed_is_taken_over_and_nothing_else_is(yard):
    first = yard.start()
    await yard.send("long")
    await yard.until(lambda: yard.begun("long") == [first.pid])
    second = yard.start()
    await yard.send("other")
    yard.let_go("other")
    await yard.until(lambda: yard.done() == ["other"])
    first.kill()
    await yard.until(lambda: yard.begun("long") == [first.pid, second.pid])
    yard.let_go("long")
    await yard.until(lambda: yard.done() == ["long", "other"])
    states = sorted(row.state for row in yard.rows(ExecutionRow))
    assert states == ["done", "done", "interrupted"]
    await yard.until_committed()


@pytest.mark.asyncio
async def test_what_a_stopped_worker_gives_up_another_computes_at_once(embedded_yard):
    first = embedded_yard.start()
    await embedded_yard.send("long")
    await embedded_yard.until(lambda: embedded_yard.begun("long") == [first.pid])
    second = embedded_yard.start()
    first.terminate()
    await embedded_yard.until(lambda: first.poll() == 0)
    await embedded_yard.until(lambda: embedded_yard.begun("long") == [first.pid, second.pid])
    embedded_yard.let_go("long")
    await embedded_yard.until(lambda: embedded_yard.done() == ["long"])
    assert sorted(row.state for row in embedded_yard.rows(ExecutionRow)) == ["abandoned", "done"]


def test_every_topic_with_jobs_has_64_partitions_and_a_name_of_service_and_resources():
    jobs = [topic for topic in topics().values() if "-jobs" in topic.name and "certify" not in topic.name]
    assert jobs
    for topic in jobs:
        assert topic.partitions == 64
        assert topic.name.split("-jobs.")[0] in topic.consumers
        assert topic.name.split("-jobs.")[1] in {"cpu", "gpu"}
