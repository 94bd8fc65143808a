"""One event at a time through the whole unit of work, beside a bare aiokafka loop on the same broker.

Whoever sends waits for what follows from an event before sending the next: the two are measured in turns by the same
sender. The bare loop sends on and commits its offset, and keeps nothing. Alone:
``python tests/bench/delivery_singly.py``.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import aiokafka
from figures import Figure, show
from rich.console import Console

from calibrant.bus.kafka import open_bus
from calibrant.bus.ports import Consumer, Message, Producer, TopicSpec
from calibrant.bus.testing import broker
from calibrant.runtime.handlers import collect
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing import postgres
from calibrant.runtime.testing.fakes import job_done, record_of
from calibrant.runtime.testing.probe_service import MIGRATIONS, hear

ROUNDS = 5
EVENTS = 200
BARE_IN, BARE_OUT = "bench-in", "bench-out"
OWN_IN, OWN_OUT = "combine-results", "run-progress"


@dataclass(slots=True)
class Sender:
    """Sends an event and waits for what follows from it.

    Parameters
    ----------
    producer : Producer
        Sends.
    consumer : Consumer
        Reads what follows.
    topic : str
        Where to.
    """

    producer: Producer
    consumer: Consumer
    topic: str
    sent: int = 0

    async def one(self) -> float:
        """Return how long it took, in seconds."""
        self.sent += 1
        record = record_of(job_done(f"job-{self.sent}"), topic=self.topic, event_id=f"event-{self.sent}")
        begun_s = time.perf_counter()
        await self.producer.send([Message(self.topic, record.key, record.value, record.headers)])
        async with asyncio.timeout(60):
            while not await self.consumer.fetch(max_records=1, timeout_s=1.0):
                pass
        return time.perf_counter() - begun_s

    async def several(self) -> list[float]:
        """Return how long each event of a round took, in seconds."""
        return [await self.one() for _ in range(EVENTS)]


async def bare_loop(servers: str) -> None:
    """Send each record on, wait until it is there, commit."""
    reader = aiokafka.AIOKafkaConsumer(
        BARE_IN,
        bootstrap_servers=servers,
        group_id="bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    writer = aiokafka.AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    async with reader, writer:
        async for record in reader:
            await writer.send_and_wait(BARE_OUT, record.value, headers=list(record.headers))
            await reader.commit({aiokafka.TopicPartition(record.topic, record.partition): record.offset + 1})


@asynccontextmanager
async def while_running(work: Awaitable[None]) -> AsyncIterator[None]:
    """Let something run until the block ends."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def the_service(servers: str, database: str, folder: Path) -> AsyncIterator[None]:
    """Run the probe's second half: an effect and an announcement for each event."""
    module = ModuleType("handlers_of_a_bench")
    vars(module)["hear"] = hear
    settings = PlatformSettings(data_dir=folder, bus=f"kafka://{servers}", database=database, worker_slots=1)
    async with open_platform(settings) as platform:
        spec = ServiceSpec("sequencer", None, collect(module), platform.database("sequencer"), MIGRATIONS)
        process = ServiceProcess(spec, platform)
        await process.start()
        try:
            yield
        finally:
            await process.stop(5.0)


async def measured(servers: str, database: str, folder: Path) -> list[tuple[list[float], list[float]]]:
    """Return the seconds of each event of each round, ours and the bare loop's."""
    async with AsyncExitStack() as stack:
        bus = await open_bus(servers)
        stack.push_async_callback(bus.close)
        await bus.ensure_topics([TopicSpec(BARE_IN, 8), TopicSpec(BARE_OUT, 8)])
        await stack.enter_async_context(the_service(servers, database, folder))
        await stack.enter_async_context(while_running(bare_loop(servers)))
        producer = await stack.enter_async_context(bus.producer())
        senders = []
        for topic_in, topic_out in ((OWN_IN, OWN_OUT), (BARE_IN, BARE_OUT)):
            consumer = await stack.enter_async_context(bus.consumer(f"bench of {topic_out}", [topic_out]))
            senders.append(Sender(producer, consumer, topic_in))
        for sender in senders:
            await sender.one()
        own, bare = senders
        return [(await own.several(), await bare.several()) for _ in range(ROUNDS)]


def figures_of(name: str, rounds: list[tuple[list[float], list[float]]]) -> list[Figure]:
    """Compare the two of each round: their rates, and their 99th percentiles."""

    def p99_ms(seconds: list[float]) -> float:
        return statistics.quantiles(seconds, n=100)[98] * 1e3

    rates = [(EVENTS / sum(own), EVENTS / sum(bare)) for own, bare in rounds]
    slow = [(p99_ms(own), p99_ms(bare)) for own, bare in rounds]
    return [
        Figure(f"{name}: ours", [own for own, _ in rates], "events/s"),
        Figure("  bare loop", [bare for _, bare in rates], "events/s"),
        Figure("  ratio of the rates", [own / bare for own, bare in rates], target=0.5),
        Figure("  p99, ours", [own for own, _ in slow], "ms"),
        Figure("  p99, bare loop", [bare for _, bare in slow], "ms"),
        Figure("  ratio of the p99", [own / bare for own, bare in slow], target=5, at_most=True),
    ]


def delivery_singly(console: Console) -> None:
    """Measure with each database there is, and show what came out."""
    if lacking := broker.missing():
        console.print(f"one event at a time: {lacking}")
        return
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with broker.Broker() as running:
            figures += figures_of("SQLite", asyncio.run(measured(running.servers, "", folder / "sqlite")))
        if not postgres.missing():
            with broker.Broker() as running, postgres.Cluster(durable=True) as cluster:
                url = cluster.create_database()
                figures += figures_of(
                    "PostgreSQL", asyncio.run(measured(running.servers, url, folder / "postgres"))
                )
    show(console, f"one event at a time, {EVENTS} a round", figures)
    if lacking := postgres.missing():
        console.print(f"PostgreSQL: {lacking}")


if __name__ == "__main__":
    delivery_singly(Console(width=140))
