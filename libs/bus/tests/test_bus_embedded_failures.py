"""The embedded log when the world is against it: locked, full, damaged, from another version."""

import asyncio
import sqlite3

import pytest
import pytest_asyncio

from calibrant.bus.embedded import open_bus
from calibrant.bus.errors import BusCorrupt, BusUnavailable
from calibrant.bus.ports import Message, TopicPartition, TopicSpec
from calibrant.bus.testing.harness import send

pytestmark = pytest.mark.asyncio


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "log.sqlite"


@pytest_asyncio.fixture
async def bus(path):
    bus = await open_bus(path, busy_timeout_s=0.2)
    await bus.ensure_topics([TopicSpec("t", 1)])
    yield bus
    await bus.close()


async def test_a_locked_file_is_a_transient_error_and_the_loop_runs_on(bus, path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sending = asyncio.create_task(send(bus, [Message("t", "k", b"1")]))
    turns = 0
    while not sending.done():
        await asyncio.sleep(0)
        turns += 1
    with pytest.raises(BusUnavailable, match=r"log\.sqlite.*locked"):
        sending.result()
    assert turns > 100
    other.execute("ROLLBACK")
    other.close()
    assert [offset for _, offset in await send(bus, [Message("t", "k", b"1")])] == [0]


async def test_a_full_disk_is_a_transient_error_and_nothing_is_written(bus):
    database = bus._engine.database
    await database._on_thread(lambda: database._connection.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(BusUnavailable, match="disk is full"):
        await send(bus, [Message("t", "k", b"small"), Message("t", "k", bytes(1_000_000))])
    assert set((await bus.end_offsets(["t"])).values()) == {0}
    await database._on_thread(lambda: database._connection.execute("PRAGMA max_page_count = 1000000"))
    assert [offset for _, offset in await send(bus, [Message("t", "k", bytes(1_000_000))])] == [0]


async def test_a_file_that_is_no_log_is_named_and_left_alone(tmp_path):
    path = tmp_path / "log.sqlite"
    path.write_bytes(b"SIMPLE  =                    T" * 1000)
    with pytest.raises(BusCorrupt, match=r"log\.sqlite is damaged or no log"):
        await open_bus(path)
    assert path.read_bytes() == b"SIMPLE  =                    T" * 1000


async def test_a_log_of_another_version_is_refused(tmp_path):
    path = tmp_path / "log.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(BusCorrupt, match="version 99"):
        await open_bus(path)


async def test_a_folder_that_cannot_be_made_is_a_transient_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BusUnavailable, match="cannot be opened"):
        await open_bus(tmp_path / "file" / "log.sqlite")


async def test_a_closed_bus_says_so(path):
    bus = await open_bus(path)
    await bus.close()
    await bus.close()
    with pytest.raises(BusUnavailable, match="was closed"):
        await bus.end_offsets([])


async def test_many_open_a_new_file_at_once(path):
    buses = await asyncio.gather(*(open_bus(path) for _ in range(8)))
    try:
        await asyncio.gather(*(bus.ensure_topics([TopicSpec("t", 3)]) for bus in buses))
        assert len(await buses[0].end_offsets(["t"])) == 3
    finally:
        await asyncio.gather(*(bus.close() for bus in buses))


async def test_closing_the_bus_lets_its_consumers_leave(path):
    bus = await open_bus(path)
    await bus.ensure_topics([TopicSpec("t", 1)])
    await bus.consumer("g", ["t"]).__aenter__()
    await bus.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM members").fetchone() == (0,)
    connection.close()


async def test_a_consumer_that_was_not_entered_says_so(bus):
    with pytest.raises(BusUnavailable, match="async with"):
        await bus.consumer("g", ["t"]).fetch(max_records=1, timeout_s=0.0)


async def test_numbers_out_of_range_are_refused(bus):
    async with bus.consumer("g", ["t"]) as consumer:
        with pytest.raises(ValueError, match="max_records"):
            await consumer.fetch(max_records=0, timeout_s=0.0)
        await consumer.fetch(max_records=1, timeout_s=0.0)
        (partition,) = consumer.assignment()
        with pytest.raises(ValueError, match="offset"):
            await consumer.commit({partition: -1})
        with pytest.raises(ValueError, match="offset"):
            await consumer.seek(partition, -1)
    with pytest.raises(ValueError, match="limit"):
        await bus.read("t", from_start=True, limit=0)


async def test_a_fetch_of_large_records_gives_a_few_at_a_time(bus, monkeypatch):
    monkeypatch.setattr("calibrant.bus.embedded.log.MOST_FETCH_BYTES", 2500)
    await send(bus, [Message("t", "k", bytes(900), (("h", bytes(100)),))] * 7)
    async with bus.consumer("g", ["t"]) as consumer:
        fetched = [await consumer.fetch(max_records=100, timeout_s=5.0) for _ in range(3)]
    assert [[record.offset for record in records] for records in fetched] == [[0, 1, 2], [3, 4, 5], [6]]


async def test_what_is_sent_is_waited_for_on_the_disk_and_what_may_come_again_is_not(bus):
    async def level():
        return await bus._engine.database.read(lambda c: c.execute("PRAGMA synchronous").fetchone()[0])

    levels = []
    async with bus.consumer("g", ["t"]) as consumer:
        for number in range(2):
            await send(bus, [Message("t", "k", b"1")])
            levels.append(await level())
            await consumer.fetch(max_records=1, timeout_s=5.0)
            await consumer.commit({TopicPartition("t", 0): number + 1})
            levels.append(await level())
    assert levels == [2, 1, 2, 1]
