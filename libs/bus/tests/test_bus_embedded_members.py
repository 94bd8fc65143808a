"""Who is a member of the embedded log: sessions, processes, any order of coming and going; and retention."""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.bus.embedded import open_bus
from calibrant.bus.errors import CommitFailed
from calibrant.bus.ports import Message, TopicPartition, TopicSpec
from calibrant.bus.process import Process
from calibrant.bus.testing.harness import (
    PARTITIONS,
    PATIENCE_S,
    Site,
    all_partitions,
    collect,
    ends,
    kill,
    lines,
    numbered,
    send,
    settle,
    started,
    values,
)

ACTIONS = ["join", "leave", "fetch", "fetch", "fetch", "send"]


class Clock:
    def __init__(self):
        self.now_ns = 1_700_000_000_000_000_000

    def __call__(self):
        return self.now_ns

    def advance(self, seconds):
        self.now_ns += round(seconds * 1e9)


async def opened(path, clock=None):
    bus = await (open_bus(path) if clock is None else open_bus(path, clock_ns=clock))
    await bus.ensure_topics([TopicSpec("t", PARTITIONS, retention_s=100.0)])
    return bus


@pytest.mark.asyncio
async def test_a_member_that_stops_fetching_is_expired_and_may_come_back(tmp_path):
    clock = Clock()
    bus = await opened(tmp_path / "log.sqlite", clock)
    await send(bus, numbered("t", 8))
    async with bus.consumer("g", ["t"]) as first, bus.consumer("g", ["t"]) as second:
        await settle("t", first, second)
        for _ in range(3):  # both beat: nothing happens
            clock.advance(6)
            await first.fetch(max_records=8, timeout_s=0.0)
            await second.fetch(max_records=8, timeout_s=0.0)
            assert first.assignment() | second.assignment() == all_partitions("t")
        clock.advance(6)
        await first.fetch(max_records=8, timeout_s=0.0)
        clock.advance(6)
        await settle("t", first)
        lost = second.assignment()
        assert lost
        with pytest.raises(CommitFailed):
            await second.commit(dict.fromkeys(lost, 1))
        await settle("t", first, second)
    await bus.close()


@pytest.mark.asyncio
async def test_the_successor_of_a_killed_process_does_not_wait_for_its_session(tmp_path):
    site = Site("calibrant.bus.embedded:open_bus", {"path": str(tmp_path / "l"), "session_timeout_s": 1e6})
    bus = await site.open()
    await bus.ensure_topics([TopicSpec("t", PARTITIONS)])
    await send(bus, numbered("t", 20))
    async with site.child("hold", "t", "g") as child:
        await lines(child, 20)
        await kill(child)
        async with bus.consumer("g", ["t"]) as consumer:
            assert values(await collect(consumer, 20)) == [str(number) for number in range(20)]
    await bus.close()


@pytest.mark.asyncio
async def test_waiting_ends_by_a_wake_up_and_not_by_the_next_heartbeat(tmp_path):
    site = Site("calibrant.bus.embedded:open_bus", {"path": str(tmp_path / "l"), "session_timeout_s": 1e6})
    bus, other = await site.open(), await site.open()
    await bus.ensure_topics([TopicSpec("t", PARTITIONS)])
    async with bus.consumer("g", ["t"]) as consumer:
        await settle("t", consumer)
        for sender in (bus, other):
            waiting = await started(consumer.fetch(max_records=1, timeout_s=1e5), bus, "t")
            async with asyncio.timeout(PATIENCE_S):
                await send(sender, [Message("t", "k", b"0")])
                assert len(await waiting) == 1
        consumer.pause(all_partitions("t"))
        waiting = await started(consumer.fetch(max_records=1, timeout_s=1e5), bus, "t")
        await send(bus, [Message("t", "k", b"1")])
        await bus.end_offsets(["t"])
        consumer.resume(all_partitions("t"))
        async with asyncio.timeout(PATIENCE_S):
            assert values(await waiting) == ["1"]
    await bus.close()
    await other.close()


@pytest.mark.asyncio
async def test_a_pause_or_a_seek_beats_a_fetch_already_under_way(tmp_path):
    bus = await opened(tmp_path / "log.sqlite")
    places = await send(bus, numbered("t", 8, keys=1))
    place = places[0][0]
    async with bus.consumer("g", ["t"]) as consumer:
        await settle("t", consumer)
        await consumer.seek(place, 0)
        fetching = asyncio.create_task(consumer.fetch(max_records=8, timeout_s=0.0))
        await asyncio.sleep(0)  # its question is on the worker thread by now
        await consumer.seek(place, 6)
        await fetching
        assert values(await collect(consumer, 2)) == ["6", "7"]
        await consumer.seek(place, 0)
        fetching = asyncio.create_task(consumer.fetch(max_records=8, timeout_s=0.0))
        await asyncio.sleep(0)
        consumer.pause([place])
        assert await fetching == []
        assert await consumer.position(place) == 0
    await bus.close()


def test_a_process_is_told_from_its_successor_and_a_zombie_from_the_living():
    me = Process.current()
    assert me.scope
    assert not me.saw_end_of(me)
    assert me.saw_end_of(Process(me.scope, me.pid, "1"))
    assert not me.saw_end_of(Process("another boot", me.pid, "1"))
    assert not Process("", me.pid, "").saw_end_of(Process("", 1, ""))
    asks = "from calibrant.bus.process import Process as P; print(repr(P.current()), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", asks], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        theirs = eval(child.stdout.readline(), {"Process": Process})
        assert theirs.pid == child.pid
        assert not me.saw_end_of(theirs)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert me.saw_end_of(theirs)  # killed, its parent has not looked
        child.wait()
        assert me.saw_end_of(theirs)  # no such process


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2)), min_size=20, max_size=60))
def test_whatever_the_order_a_partition_has_one_owner_and_every_record_is_done_once(actions):
    """Each fetch commits what it got, so nothing may ever come twice; at the end everything has come."""

    async def play(path):
        bus = await open_bus(path, synchronous="NORMAL")
        await bus.ensure_topics([TopicSpec("t", PARTITIONS)])
        members, seen, sent = {}, [], 0
        for action, who in [*actions, ("join", 0)]:
            if action == "join" and who not in members:
                members[who] = await bus.consumer("g", ["t"]).__aenter__()
            elif action == "leave" and who in members:
                await members.pop(who).close()
            elif action == "fetch" and who in members:
                records = await members[who].fetch(max_records=3, timeout_s=0.0)
                await members[who].commit(ends(records))
                seen += records
            elif action == "send":
                await send(bus, [Message("t", f"key-{sent}", str(sent).encode())])
                sent += 1
            owned = [partition for member in members.values() for partition in member.assignment()]
            assert len(owned) == len(set(owned))
        for who in set(members) - {0}:
            await members.pop(who).close()
        rest = await collect(members[0], sent - len(seen))
        assert values([*seen, *rest]) == [str(number) for number in range(sent)]
        assert await members[0].fetch(max_records=1, timeout_s=0.0) == []
        await bus.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder) / "log.sqlite"))


@pytest.mark.asyncio
async def test_pruning_takes_what_is_old_and_read_and_offsets_go_on(tmp_path):
    clock = Clock()
    bus = await opened(tmp_path / "log.sqlite", clock)
    await bus.ensure_topics([TopicSpec("kept", 1)])
    await send(bus, [Message("t", "k", b"0"), Message("t", "k", b"1"), Message("kept", "k", b"0")])
    clock.advance(101)
    await send(bus, [Message("t", "k", b"2")])
    async with bus.consumer("g", ["t", "kept"]) as consumer:
        records = await collect(consumer, 4)
        place = next(record.topic_partition for record in records if record.topic == "t")
        assert await bus.prune() == 0  # read, but not committed
        await consumer.commit({place: 1})
        assert await bus.prune() == 1  # old and done
        await consumer.commit({place: 3})
        assert await bus.prune() == 1  # the third is too young
    clock.advance(101)
    assert await bus.prune() == 1
    assert await bus.prune() == 0
    assert await send(bus, [Message("t", "k", b"3")]) == [(place, 3)]
    assert [record.value for record in await bus.read("t", from_start=True, limit=9)] == [b"3"]
    assert len(await bus.read("kept", from_start=True, limit=9)) == 1
    async with bus.consumer("late", ["t"]) as consumer:
        assert values(await collect(consumer, 1)) == ["3"]
    await bus.close()


@pytest.mark.asyncio
async def test_a_topic_nobody_subscribed_to_is_pruned_by_age(tmp_path):
    clock = Clock()
    bus = await opened(tmp_path / "log.sqlite", clock)
    await send(bus, numbered("t", 5))
    clock.advance(99)
    assert await bus.prune() == 0
    clock.advance(2)
    assert await bus.prune() == 5
    await bus.close()


@pytest.mark.asyncio
async def test_records_carry_the_clocks_time(tmp_path):
    clock = Clock()
    bus = await opened(tmp_path / "log.sqlite", clock)
    await send(bus, [Message("t", "k", b"0")])
    (record,) = await bus.read("t", from_start=False, limit=1)
    assert record.timestamp_ns == clock.now_ns
    assert record.topic_partition == TopicPartition("t", record.partition)
    await bus.close()
