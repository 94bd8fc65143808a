"""Events that wait, through inbox, effect and outbox: decoded, taken on, handled, announced, committed.

Those that are fetched already, and with reading them from the embedded log. The relay is not counted. One core for this process. Alone: ``python tests/bench/delivery_batched.py``.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from figures import Figure, show
from processor import one_core
from rich.console import Console
from sqlmodel import func, select

from calibrant.bus.embedded import open_bus
from calibrant.bus.ports import Bus, Message, Record, TopicSpec
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.batches import Batches
from calibrant.runtime.clock import SystemClock
from calibrant.runtime.consumers import AHEAD, AHEAD_BYTES
from calibrant.runtime.database import Database
from calibrant.runtime.desk import Desk
from calibrant.runtime.dispatch import Dispatcher
from calibrant.runtime.events import EventWork
from calibrant.runtime.garbage import settle
from calibrant.runtime.handlers import Context, EventHandler
from calibrant.runtime.health import Health
from calibrant.runtime.lanes import BATCH, Lanes
from calibrant.runtime.new_rows import insert_later
from calibrant.runtime.probe import Probe
from calibrant.runtime.tables import InboxRow, OutboxRow
from calibrant.runtime.testing import postgres
from calibrant.runtime.testing.fakes import job_done, record_of
from calibrant.runtime.testing.probe_service import MIGRATIONS, EffectRow

ROUNDS = 5
EVENTS = 10_000
PARTITIONS = 4
TARGET = 20_000
TOPIC = "combine-results"
Handle = Callable[[Any, Context[Any]], Iterable[RunProgress]]
Measured = Coroutine[Any, Any, list[tuple[float, float]]]


def wait_for_the_others(done: JobDone, context: Context[None]) -> list[RunProgress]:
    """Let the effect's row wait for those of the other events."""
    insert_later(context.session, EffectRow, {"job_id": done.job_id, "what": "heard"})
    return [announcement(context)]


def add_to_the_session(done: JobDone, context: Context[None]) -> list[RunProgress]:
    """Add the effect's row to the session, as most handlers do."""
    context.session.add(EffectRow(job_id=done.job_id, what="heard"))
    return [announcement(context)]


def announcement(context: Context[None]) -> RunProgress:
    """Make what follows from an event."""
    return RunProgress(run_id=context.run_id, phase="working", message="heard", nodes_ended=1, nodes=1)


def made(first: int, count: int) -> list[Record]:
    """Make events, as they come from a log."""
    numbers = range(first, first + count)
    return [record_of(job_done(f"job-{n}"), topic=TOPIC, event_id=f"event-{n}") for n in numbers]


async def fill(bus: Bus) -> None:
    """Append the events of all rounds."""
    await bus.ensure_topics([TopicSpec(TOPIC, PARTITIONS)])
    async with bus.producer() as producer:
        for first in range(0, EVENTS * (ROUNDS + 1), BATCH):
            records = made(first, BATCH)
            await producer.send([Message(TOPIC, r.key, r.value, r.headers) for r in records])


def batches_on(database: Database, handle: Handle, health: Health) -> Batches:
    """Make what a service deals with several events by."""
    desk = Desk("sequencer", None, database, SystemClock(), health, Probe(), lambda: None)
    events = EventWork(desk, {JobDone.message_type: EventHandler(JobDone, handle)})
    return Batches(events, frozenset(events.handlers))


async def deal(database: Database, handle: Handle) -> list[tuple[float, float]]:
    """Deal with events that are fetched already; return what ``deliver`` does."""
    batches, rates = batches_on(database, handle, Health()), []
    for number in range(ROUNDS + 1):
        waiting = made(number * EVENTS, EVENTS)
        begun_s, own_s, place = time.perf_counter(), time.process_time(), 0
        while place < EVENTS:
            done, _ = await batches.deal(waiting[place : place + BATCH])
            place += done
        rates.append((EVENTS / (time.perf_counter() - begun_s), EVENTS / (time.process_time() - own_s)))
    await asyncio.to_thread(check, database)
    return rates[1:]  # the first one warms up


def lanes_on(database: Database, handle: Handle, health: Health) -> Lanes:
    """Make what a service puts between the log and its handlers."""
    batches = batches_on(database, handle, health)
    return Lanes(
        Dispatcher(batches.events.desk, dict.fromkeys(batches.handled, batches.events)).attempt,
        slots=1,
        ahead=AHEAD,
        ahead_bytes=AHEAD_BYTES,
        health=health,
        probe=Probe(),
        batch=batches.deal,
    )


async def deliver(bus: Bus, group: str, database: Database, handle: Handle) -> list[tuple[float, float]]:
    """Deal with all events; return events per second, and per second of this process's time, of each round."""
    health = Health()
    lanes = lanes_on(database, handle, health)
    marks: list[tuple[int, float, float]] = []
    async with bus.consumer(group, [TOPIC], listener=lanes) as consumer:
        running = asyncio.create_task(lanes.run(consumer))
        while len(marks) <= ROUNDS:
            done = health.counts.get("events", 0)
            if done >= EVENTS * (len(marks) + 1) and not running.done():
                marks.append((done, time.perf_counter(), time.process_time()))
            await asyncio.sleep(0.02)
        lanes.drain()
        await running
    await asyncio.to_thread(check, database)
    pairs = pairwise(marks)  # what comes before the first mark warms up
    return [((b[0] - a[0]) / (b[1] - a[1]), (b[0] - a[0]) / (b[2] - a[2])) for a, b in pairs]


def check(database: Database) -> None:
    """Make sure that everything is there, once for each event."""
    with database.reading() as session:
        counts = [
            session.exec(select(func.count()).select_from(table)).one()
            for table in (InboxRow, OutboxRow, EffectRow)
        ]
    assert counts == [EVENTS * (ROUNDS + 1)] * 3, counts


@contextmanager
def databases(folder: Path) -> Iterator[list[tuple[str, Callable[[], Database]]]]:
    """Give ways to make empty databases, of each kind that there is on this machine."""

    def file() -> Database:
        return Database(f"sqlite:///{tempfile.mkdtemp(dir=folder)}/sequencer.sqlite")

    if postgres.missing():
        yield [("SQLite", file)]
        return
    with postgres.Cluster(durable=True) as cluster:
        yield [
            ("SQLite", file),
            ("PostgreSQL", lambda: Database(cluster.create_database(), schema="sequencer")),
        ]


async def measured(folder: Path, kinds: list[tuple[str, Callable[[], Database]]]) -> list[Figure]:
    """Measure each database with each way of writing an effect."""
    bus = await open_bus(folder / "bus.sqlite")
    await fill(bus)
    settle()  # as a service's program does
    figures = []
    for name, make in kinds:

        def from_the_log(database: Database, handle: Handle, group: str = name) -> Measured:
            return deliver(bus, f"{group} {handle.__name__}", database, handle)

        ways = (
            ("fetched already, an effect that waits for the others", deal, wait_for_the_others, TARGET),
            ("from the log, an effect that waits for the others", from_the_log, wait_for_the_others, None),
            ("from the log, session.add", from_the_log, add_to_the_session, None),
        )
        for way, measure, handle, target in ways:
            database = make()
            database.migrate([MIGRATIONS])
            rates = await measure(database, handle)
            database.close()
            wall, own = zip(*rates, strict=True)
            figures += [
                Figure(f"{name}, {way}", wall, "events/s", target),
                Figure("  of this process's time alone", own, "events/CPU s"),
            ]
    await bus.close()
    return figures


def delivery_batched(console: Console) -> None:
    """Measure and show what came out."""
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as kinds, one_core():
        figures = asyncio.run(measured(Path(name), kinds))
    show(console, f"events that wait, {EVENTS} a round, one core", figures)
    if len(kinds) == 1:
        console.print(f"PostgreSQL: {postgres.missing()}")


if __name__ == "__main__":
    delivery_batched(Console(width=140))
