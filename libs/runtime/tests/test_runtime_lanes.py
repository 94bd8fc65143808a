"""Lanes: order within a partition, the contiguous done prefix, batches, pauses and drain."""

import asyncio

import pytest
from lane_hands import Several

from calibrant.bus.embedded import open_bus
from calibrant.bus.ports import Message, TopicSpec
from calibrant.runtime.health import Health
from calibrant.runtime.lanes import Lanes
from calibrant.runtime.probe import Probe
from calibrant.runtime.testing.lanes import A, B, MemoryLog, until

pytestmark = pytest.mark.asyncio


async def test_a_partition_keeps_its_order_and_partitions_go_side_by_side(make_lanes, hands):
    log = MemoryLog(a=3, b=2)
    async with make_lanes(log) as (lanes, running):
        await until(lambda: len(hands.begun) == 2)
        assert sorted(hands.begun) == [(0, 0), (1, 0)]
        hands.gate(1, 0).set()
        await until(lambda: (1, 1) in hands.begun)
        assert (0, 1) not in hands.begun
        hands.open = True
        for gate in hands.gates.values():
            gate.set()
        await until(lambda: log.committed == {A: 3, B: 2})
        assert [offset for partition, offset in hands.ended if partition == 0] == [0, 1, 2]
        lanes.drain()
        await running


async def test_only_the_contiguous_done_prefix_is_committed(make_lanes, hands):
    log = MemoryLog(a=4, b=1)
    async with make_lanes(log, slots=2, ahead=8):
        for offset in range(2):
            hands.gate(0, offset).set()
        hands.gate(1, 0).set()
        await until(lambda: log.committed == {A: 2, B: 1})
        assert (0, 2) in hands.begun
        assert (0, 3) not in hands.begun
        for commit in log.commits:
            assert commit.get(A, 0) <= 2


async def test_one_slow_partition_leaves_the_other_slots_to_the_others(make_lanes, hands):
    log = MemoryLog(a=10, b=3)
    async with make_lanes(log, slots=2, ahead=1) as (lanes, _):
        for offset in range(3):
            hands.gate(1, offset).set()
        await until(lambda: log.committed[B] == 3)  # although partition 0 has a job in hand and nine waiting
        assert lanes.in_hand == 1
        assert log.positions[A] == 1  # the rest stays for other members
        assert log.paused() == {A}


async def test_a_record_that_waits_for_its_next_attempt_takes_no_slot(make_lanes, hands):
    log = MemoryLog(a=2, b=3)
    hands.open = True
    hands.answers[0, 0] = [3600.0]
    async with make_lanes(log, slots=1) as (lanes, running):
        await until(lambda: log.committed[B] == 3)
        assert hands.begun.count((0, 0)) == 1
        assert (0, 1) not in hands.begun
        assert log.committed[A] == 0
        lanes.drain()  # what rests is given up at once: it comes again at the next start
        await asyncio.wait_for(running, 20)
    assert log.committed == {A: 0, B: 3}


async def test_another_attempt_is_made_after_the_wait(make_lanes, hands):
    log = MemoryLog(a=2)
    hands.open = True
    hands.answers[0, 0] = [0.001, 0.001]
    async with make_lanes(log, slots=1):
        await until(lambda: log.committed[A] == 2)
    assert hands.begun == [(0, 0), (0, 0), (0, 0), (0, 1)]


async def test_of_large_records_fewer_are_fetched_ahead(make_lanes, hands, monkeypatch):
    monkeypatch.setattr("calibrant.runtime.feed.BEAT_S", 0.001)
    log = MemoryLog(a=50, b=50, value=b"x" * 1000)
    log.most = 1  # a fetch gives one large record
    async with make_lanes(log, slots=1, ahead=40, ahead_bytes=3000) as (lanes, running):
        await until(lambda: lanes.in_hand == 3)
        before = log.fetches
        await until(lambda: log.fetches > before + 5)
        assert (lanes.in_hand, log.paused()) == (3, {A, B})
        hands.open = True
        for gate in hands.gates.values():
            gate.set()
        await until(lambda: log.committed == {A: 50, B: 50})
        lanes.drain()
        await running


async def test_while_everything_is_busy_it_goes_on_fetching_nothing(make_lanes, hands, monkeypatch):
    monkeypatch.setattr("calibrant.runtime.feed.BEAT_S", 0.001)
    log = MemoryLog(a=5, b=5)
    async with make_lanes(log, slots=2) as (lanes, _):
        await until(lambda: lanes.in_hand == 2)
        before = log.fetches
        await until(lambda: log.fetches > before + 5)
        assert log.paused() == {A, B}
        assert lanes.in_hand == 2


async def test_paused_it_takes_on_nothing_and_finishes_what_is_in_hand(make_lanes, hands):
    log = MemoryLog(a=1)
    async with make_lanes(log) as (lanes, _):
        await until(lambda: hands.begun == [(0, 0)])
        lanes.pause()
        log.lengths = {A: 2, B: 1}
        hands.open = True
        hands.gate(0, 0).set()
        await until(lambda: log.committed[A] == 1 and log.paused() == {A, B})
        assert hands.begun == [(0, 0)]
        lanes.resume()
        await until(lambda: log.committed == {A: 2, B: 1})


@pytest.mark.parametrize("close", ["pause", "drain"])
async def test_what_a_fetch_brings_after_pause_or_drain_is_put_back(make_lanes, hands, close):
    log = MemoryLog(a=3, b=3)
    hands.open = True
    async with make_lanes(log, slots=4, ahead=3) as (lanes, running):

        async def too_late(found):
            if found:
                log.before_return = None
                getattr(lanes, close)()

        log.before_return = too_late
        await until(lambda: log.before_return is None)
        if close == "drain":
            await asyncio.wait_for(running, 20)
        else:
            await until(lambda: log.paused() == {A, B})
        assert hands.begun == []
        assert log.positions == {A: 0, B: 0}
        if close == "pause":
            lanes.resume()
            await until(lambda: log.committed == {A: 3, B: 3})


async def test_drained_it_finishes_what_is_worked_on_and_leaves_the_rest(make_lanes, hands):
    log = MemoryLog(a=5)
    async with make_lanes(log, slots=1, ahead=5) as (lanes, running):
        await until(lambda: hands.begun == [(0, 0)])
        assert lanes.in_hand == 5
        lanes.drain()
        assert lanes.in_hand == 1
        hands.open = True
        hands.gate(0, 0).set()
        await asyncio.wait_for(running, 20)
    assert hands.ended == [(0, 0)]
    assert log.committed[A] == 1


async def test_abandoned_it_ends_and_commits_what_was_done(make_lanes, hands):
    log = MemoryLog(a=2, b=1)
    async with make_lanes(log) as (lanes, running):
        hands.gate(1, 0).set()
        await until(lambda: hands.ended == [(1, 0)] and hands.begun.count((0, 0)) == 1)
        lanes.abandon()
        await asyncio.wait_for(running, 20)
    assert log.committed == {A: 0, B: 1}


async def test_what_waits_is_dealt_with_at_once_and_one_record_by_itself(make_lanes, hands):
    log, several = MemoryLog(a=1), Several()
    async with make_lanes(log, slots=1, ahead=8, batch=several) as (lanes, _):
        await until(lambda: hands.begun == [(0, 0)])  # it waits for no others
        log.lengths[A] = 5
        await until(lambda: lanes.in_hand == 5)
        hands.gate(0, 0).set()
        await until(lambda: several.begun)
        assert several.begun == [[1, 2, 3, 4]]
        assert log.committed[A] <= 1
        several.free.set()
        await until(lambda: log.committed[A] == 5)
    assert hands.begun == [(0, 0)]


async def test_what_a_batch_leaves_goes_on_in_order_some_of_it_one_by_one(make_lanes, hands):
    log, several = MemoryLog(a=8), Several()
    hands.open = True
    several.free.set()
    several.answers = [(2, 0), (1, 2)]
    async with make_lanes(log, slots=1, ahead=8, batch=several):
        await until(lambda: log.committed[A] == 8)
    assert several.begun == [[0, 1, 2, 3, 4, 5, 6, 7], [2, 3, 4, 5, 6, 7], [5, 6, 7]]
    assert hands.begun == [(0, 3), (0, 4)]


async def test_drained_it_finishes_the_batch_and_leaves_the_rest(make_lanes, hands):
    log, several = MemoryLog(a=6), Several()
    several.answers = [(3, 1)]
    async with make_lanes(log, slots=1, ahead=6, batch=several) as (lanes, running):
        await until(lambda: several.begun)
        lanes.drain()
        several.free.set()
        await asyncio.wait_for(running, 20)
    assert log.committed[A] == 3
    assert hands.begun == []


async def test_on_a_real_log_everything_is_done_once_and_committed(make_lanes, hands, tmp_path):
    hands.open = True
    hands.answers[0, 0] = [0.01]
    bus = await open_bus(tmp_path / "bus.sqlite")
    await bus.ensure_topics([TopicSpec("t", 3)])
    async with bus.producer() as producer:
        await producer.send([Message("t", f"key-{n % 7}", str(n).encode()) for n in range(60)])
    lanes = Lanes(hands.attempt, slots=2, ahead=4, ahead_bytes=1 << 20, health=Health(), probe=Probe())
    async with bus.consumer("g", ["t"], listener=lanes) as consumer:
        running = asyncio.create_task(lanes.run(consumer))
        ends = dict(await bus.end_offsets(["t"]))
        async with asyncio.timeout(30):
            while dict(await bus.committed("g")) != ends:  # noqa: ASYNC110  the log has no event for it
                await asyncio.sleep(0.01)
        lanes.drain()
        await running
    await bus.close()
    for at, end in ends.items():
        assert [o for p, o in hands.ended if p == at.partition] == list(range(end))
