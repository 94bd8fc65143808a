"""The embedded log, synchronous FULL: events appended one by one, in batches, and read, beside SQLite by itself.

Alone: ``python tests/bench/embedded_log.py``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from figures import Figure, show
from rich.console import Console

from calibrant.bus.embedded import EmbeddedBus, open_bus
from calibrant.bus.ports import Message, TopicSpec
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.testing.fakes import job_done, record_of

ROUNDS = 5
SINGLY = 2000
BATCHED = 20_000
AT_ONCE = 500


def events(count: int) -> list[Message]:
    """Make events with all their headers."""
    records = (
        record_of(job_done(f"job-{n}"), topic="combine-results", event_id=f"event-{n}") for n in range(count)
    )
    return [Message(JobDone.message_type, record.key, record.value, record.headers) for record in records]


async def append(bus: EmbeddedBus, messages: Sequence[Message], at_once: int) -> float:
    """Append so many in each transaction; return events/s."""
    async with bus.producer() as producer:
        begun_s = time.perf_counter()
        for first in range(0, len(messages), at_once):
            await producer.send(messages[first : first + at_once])
        return len(messages) / (time.perf_counter() - begun_s)


async def read(bus: EmbeddedBus, group: str, count: int) -> float:
    """Read so many as a member of a new group; return events/s."""
    async with bus.consumer(group, [JobDone.message_type]) as consumer:
        begun_s, found = time.perf_counter(), 0
        while found < count:
            found += len(await consumer.fetch(max_records=AT_ONCE, timeout_s=1.0))
        return count / (time.perf_counter() - begun_s)


def plain(path: Path, messages: Sequence[Message], at_once: int) -> float:
    """Commit the same bodies to a table without an index, with SQLite alone; return rows/s."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, value BLOB)")
    begun_s = time.perf_counter()
    for first in range(0, len(messages), at_once):
        rows = [(message.value,) for message in messages[first : first + at_once]]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO log (value) VALUES (?)", rows)
        connection.execute("COMMIT")
    taken_s = time.perf_counter() - begun_s
    connection.close()
    return len(messages) / taken_s


async def rounds(folder: Path) -> list[list[float]]:
    """Measure everything, a round after the other."""
    bus = await open_bus(folder / "bus.sqlite")
    await bus.ensure_topics([TopicSpec(JobDone.message_type, 8)])
    one, many = events(SINGLY), events(BATCHED)
    found = [
        [
            await append(bus, one, 1),
            plain(folder / "plain.sqlite", one, 1),
            await append(bus, many, AT_ONCE),
            plain(folder / "plain.sqlite", many, AT_ONCE),
            await read(bus, f"group-{number}", BATCHED),
        ]
        for number in range(ROUNDS)
    ]
    await bus.close()
    return found


def embedded_log(console: Console) -> None:
    """Measure the log and show what came out."""
    with tempfile.TemporaryDirectory() as folder:
        singly, alone, batched, together, reading = zip(*asyncio.run(rounds(Path(folder))), strict=True)
    ratios = [own / bare for own, bare in zip(singly, alone, strict=True)]
    ratios_batched = [own / bare for own, bare in zip(batched, together, strict=True)]
    figures = [
        Figure("appended one by one", singly, "events/s", 2000),
        Figure("the same rate, to that of SQLite by itself", ratios),
        Figure(f"appended {AT_ONCE} at once", batched, "events/s", 50_000),
        Figure("the same rate, to that of SQLite by itself", ratios_batched),
        Figure(f"read {AT_ONCE} at once", reading, "events/s"),
    ]
    show(console, "embedded log, synchronous FULL", figures)


if __name__ == "__main__":
    embedded_log(Console(width=140))
