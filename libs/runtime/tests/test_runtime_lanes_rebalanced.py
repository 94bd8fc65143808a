"""Lanes in trouble: partitions that go and come again, a bus that is away, a processor that raises."""

import asyncio

import pytest
from lane_hands import Several

from calibrant.bus.errors import BusUnavailable, CommitFailed
from calibrant.runtime.testing.lanes import A, B, MemoryLog, until

pytestmark = pytest.mark.asyncio


async def test_what_is_in_hand_of_a_partition_that_went_is_dropped_from_the_commit(make_lanes, hands):
    log = MemoryLog(a=2, b=1)
    async with make_lanes(log) as (lanes, running):
        await until(lambda: len(hands.begun) == 2)
        await lanes.on_revoked(log.owned)
        log.owned = frozenset({B})
        log.positions = dict(log.committed)
        hands.open = True
        for gate in hands.gates.values():
            gate.set()
        await until(lambda: log.committed[B] == 1)
        lanes.drain()
        await asyncio.wait_for(running, 20)
    assert log.committed == {A: 0, B: 1}
    assert all(A not in commit for commit in log.commits)


async def test_what_comes_again_while_it_is_in_hand_is_not_begun_again(make_lanes, hands):
    log = MemoryLog(a=2, b=1)
    async with make_lanes(log) as (lanes, _):
        hands.gate(1, 0).set()
        await until(lambda: len(hands.begun) == 2 and hands.ended == [(1, 0)])
        await log.rebalance(lanes)
        assert log.committed[B] == 1  # committed on the way out
        hands.open = True
        await until(lambda: log.positions[A] >= 1)
        hands.gate(0, 0).set()
        await until(lambda: log.committed == {A: 2, B: 1})
    assert sorted(hands.begun) == [(0, 0), (0, 1), (1, 0)]


async def test_what_another_member_has_done_meanwhile_is_not_taken_back(make_lanes, hands):
    log = MemoryLog(a=6)
    async with make_lanes(log, slots=2) as (lanes, running):
        await until(lambda: hands.begun == [(0, 0)])
        await lanes.on_revoked(log.owned)
        log.committed[A] = log.positions[A] = 5  # by another member, before it came back
        hands.gate(0, 0).set()
        await until(lambda: (0, 5) in hands.begun)
        hands.gate(0, 5).set()
        await until(lambda: log.committed[A] == 6)
        lanes.drain()
        await asyncio.wait_for(running, 20)
    assert log.commits == [{A: 6}]


async def test_a_commit_that_comes_too_late_is_dropped_and_work_goes_on(make_lanes, hands):
    log = MemoryLog(a=1, b=1)
    hands.open = True
    commit, refused = log.commit, []

    async def late(offsets):
        if not refused:
            refused.append(dict(offsets))
            raise CommitFailed(sorted(offsets))
        await commit(offsets)

    log.commit = late
    async with make_lanes(log, slots=1):
        await until(lambda: refused)
        log.lengths = {A: 2, B: 2}
        await until(lambda: log.committed == {A: 2, B: 2})


async def test_while_the_bus_is_away_it_says_so_and_goes_on(make_lanes, hands, monkeypatch):
    monkeypatch.setattr("calibrant.runtime.feed.FETCH_S", 0.001)
    log = MemoryLog(a=1)
    hands.open = True
    log.failures = [BusUnavailable("locked: wait")] * 3
    async with make_lanes(log) as (lanes, _):
        lanes._health.trouble("outbox", "another part's trouble")
        await until(lambda: "bus of t" in lanes._health.troubles)
        await until(lambda: log.committed[A] == 1)
        assert lanes._health.troubles == {"outbox": "another part's trouble"}


async def test_a_processor_that_raises_ends_the_consumer_and_commits_nothing_of_it(make_lanes, hands):
    log = MemoryLog(a=1, b=1)
    hands.answers[0, 0] = [ZeroDivisionError("a fault of ours")]
    async with make_lanes(log) as (lanes, running):
        await until(lambda: len(hands.begun) == 2)
        hands.gate(0, 0).set()
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(running, 20)
        assert lanes.in_hand == 0  # what was in hand of the other partition was given up
    assert log.committed == {A: 0, B: 0}


@pytest.mark.parametrize("done", [4, 2])
async def test_a_batch_that_comes_again_while_it_is_in_hand_is_not_begun_again(make_lanes, hands, done):
    log, several = MemoryLog(a=4), Several()
    hands.open = True
    several.answers = [(done, 0)]
    async with make_lanes(log, slots=1, ahead=8, batch=several) as (lanes, _):
        await until(lambda: several.begun == [[0, 1, 2, 3]])
        await log.rebalance(lanes)
        log.lengths[A] = 6
        await until(lambda: lanes.in_hand == 6)
        several.free.set()
        await until(lambda: log.committed[A] == 6)
    assert several.begun == [[0, 1, 2, 3], list(range(done, 6))]
    assert hands.begun == []


async def test_of_a_batch_whose_partition_went_nothing_is_committed_and_nothing_left_to_do(make_lanes, hands):
    log, several = MemoryLog(a=4), Several()
    several.answers = [(2, 1)]
    async with make_lanes(log, slots=1, ahead=8, batch=several) as (lanes, running):
        await until(lambda: several.begun)
        await lanes.on_revoked(log.owned)
        log.owned = frozenset({B})
        several.free.set()
        await until(lambda: lanes.in_hand == 0)
        lanes.drain()
        await asyncio.wait_for(running, 20)
    assert hands.begun == []
    assert log.commits == []
