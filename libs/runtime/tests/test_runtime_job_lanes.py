"""Jobs of one partition side by side: nobody waits for a long one, and only what is done without a gap is committed."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest

from calibrant.runtime import job_lanes
from calibrant.runtime.health import Health
from calibrant.runtime.job_lanes import JobLanes
from calibrant.runtime.membership import Membership
from calibrant.runtime.probe import Probe
from calibrant.runtime.testing.lanes import A, B, MemoryBus, MemoryLog, at_work, until

pytestmark = pytest.mark.asyncio
NEVER_S = 3600.0


@pytest.fixture
def make(hands):
    @asynccontextmanager
    async def make(log, *, slots=2, let_go_s=NEVER_S, bus=None):
        lanes = JobLanes(
            hands.attempt, slots=slots, let_go_s=let_go_s, health=Health(), probe=Probe(), part="bus of t"
        )
        async with (
            Membership(bus or MemoryBus(log), "g", ["t"], lanes) as membership,
            at_work(lanes.run(membership)) as running,
        ):
            yield lanes, running

    return make


async def test_quick_jobs_of_a_long_ones_partition_are_done_beside_it(make, hands):
    log = MemoryLog(a=6)
    async with make(log, slots=2) as (lanes, running):
        await until(lambda: len(hands.begun) == 2)
        assert hands.begun == [(0, 0), (0, 1)]  # so many as there are slots, no more
        assert log.positions[A] == 2  # the rest stays for other members
        for offset in range(1, 6):
            hands.gate(0, offset).set()
        await until(lambda: len(hands.ended) == 5)
        assert log.committed[A] == 0  # the long one would be lost otherwise
        hands.gate(0, 0).set()
        await until(lambda: log.committed[A] == 6)
        assert all(commit.get(A, 6) == 6 for commit in log.commits)
        lanes.drain()
        await running


async def test_the_done_prefix_grows_as_gaps_close(make, hands):
    log = MemoryLog(a=4)
    async with make(log, slots=4):
        await until(lambda: len(hands.begun) == 4)
        hands.gate(0, 1).set()
        hands.gate(0, 0).set()
        await until(lambda: log.committed[A] == 2)
        hands.gate(0, 3).set()
        await until(lambda: (0, 3) in hands.ended)
        hands.gate(0, 2).set()
        await until(lambda: log.committed[A] == 4)


async def test_what_waits_for_its_next_attempt_takes_no_slot_and_holds_up_nobody(make, hands):
    log = MemoryLog(a=4, b=2)
    hands.open = True
    hands.answers[0, 0] = [NEVER_S]
    async with make(log, slots=1) as (lanes, running):
        await until(lambda: log.committed[B] == 2 and len(hands.ended) == 5)
        assert log.committed[A] == 0
        lanes.drain()  # what rests is given up at once: it comes again at the next start
        await asyncio.wait_for(running, 20)
    assert hands.begun.count((0, 0)) == 1


async def test_another_attempt_is_made_after_the_wait(make, hands):
    log = MemoryLog(a=2)
    hands.open = True
    hands.answers[0, 0] = [0.001, 0.001]
    async with make(log, slots=1):
        await until(lambda: log.committed[A] == 2)
    assert hands.begun.count((0, 0)) == 3


async def test_only_so_many_may_wait_for_another_attempt(make, hands, monkeypatch):
    monkeypatch.setattr(job_lanes, "RESTING", 1)
    log = MemoryLog(a=10)
    hands.open = True
    hands.answers = {(0, offset): [NEVER_S] for offset in range(10)}
    async with make(log, slots=2) as (lanes, _):
        await until(lambda: len(hands.begun) == 3 and log.paused() == {A, B})
        assert lanes.in_hand == 3


async def test_only_so_many_may_be_done_behind_one_that_is_not(make, hands, monkeypatch):
    monkeypatch.setattr(job_lanes, "BEHIND", 5)
    log = MemoryLog(a=20, b=1)
    for offset in range(1, 20):
        hands.gate(0, offset).set()
    hands.gate(1, 0).set()
    async with make(log, slots=2):
        await until(lambda: log.paused() == {A})
        await until(lambda: log.committed[B] == 1)
        assert log.positions[A] == 5
        hands.gate(0, 0).set()
        await until(lambda: log.committed[A] == 20)


async def test_what_comes_again_while_it_is_in_hand_is_not_begun_again(make, hands):
    log = MemoryLog(a=3)
    async with make(log, slots=3) as (lanes, _):
        await until(lambda: len(hands.begun) == 3)
        hands.gate(0, 0).set()
        hands.gate(0, 2).set()
        await until(lambda: log.committed[A] == 1)
        await log.rebalance(lanes)
        await until(lambda: hands.begun.count((0, 2)) == 2)  # done and not committed: the inbox drops it
        hands.gate(0, 1).set()
        await until(lambda: log.committed[A] == 3)
    assert hands.begun.count((0, 0)) == hands.begun.count((0, 1)) == 1


async def test_of_a_partition_that_went_nothing_is_committed_nor_tried_again(make, hands):
    log = MemoryLog(a=2)
    hands.answers[0, 1] = [0.001]
    async with make(log) as (lanes, running):
        await until(lambda: len(hands.begun) == 2)
        await lanes.on_revoked(log.owned)
        log.owned = frozenset({B})
        hands.open = True
        for gate in hands.gates.values():
            gate.set()
        await until(lambda: lanes.in_hand == 0)
        lanes.drain()
        await asyncio.wait_for(running, 20)
    assert sorted(hands.begun) == [(0, 0), (0, 1)]
    assert log.commits == []


async def test_drained_it_finishes_what_is_in_hand_and_abandoned_it_does_not(make, hands):
    log = MemoryLog(a=5)
    async with make(log) as (lanes, running):
        await until(lambda: len(hands.begun) == 2)
        lanes.drain()
        hands.gate(0, 0).set()
        await until(lambda: log.committed[A] == 1)
        lanes.abandon()
        await asyncio.wait_for(running, 20)
    assert hands.begun == [(0, 0), (0, 1)]
    assert log.committed[A] == 1


async def test_a_processor_that_raises_ends_the_consumer(make, hands):
    log = MemoryLog(a=1, b=1)
    hands.answers[0, 0] = [ZeroDivisionError("a fault of ours")]
    async with make(log) as (lanes, running):
        await until(lambda: len(hands.begun) == 2)
        hands.gate(0, 0).set()
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(running, 20)
        assert lanes.in_hand == 0
    assert log.committed == {A: 0, B: 0}


async def test_who_is_busy_for_long_leaves_and_comes_back_when_a_slot_is_free(make, hands, monkeypatch):
    monkeypatch.setattr("calibrant.runtime.feed.BEAT_S", 0.001)
    log, busy = MemoryLog(a=3), MemoryLog(a=1)
    bus = MemoryBus(log)
    async with make(log, slots=1, let_go_s=0.001, bus=bus) as (lanes, running):
        await until(lambda: lanes._health.counts.get("let_go"))
        assert (hands.begun, bus.joined, log.committed[A]) == ([(0, 0)], 1, 0)
        hands.open = True
        hands.gate(0, 0).set()  # done while it was away: given again, and dropped by the inbox
        await until(lambda: log.committed[A] == 3)
        assert bus.joined >= 2
        lanes.drain()
        await asyncio.wait_for(running, 20)
    async with make(busy, slots=1, let_go_s=0.001) as (lanes, _):
        await until(lambda: busy.fetches > 20)
        assert lanes._health.counts == {}  # nothing waits, so nobody would gain by it


async def test_who_lets_go_in_vain_waits_longer_each_time(make, hands, monkeypatch):
    monkeypatch.setattr("calibrant.runtime.feed.BEAT_S", 0.001)
    log = MemoryLog(a=3)
    async with make(log, slots=1, let_go_s=0.001) as (lanes, _):
        for offset in range(3):
            await until(partial(hands.begun.__contains__, (0, offset)))
            if offset < 2:
                await until(lambda count=offset + 1: lanes._health.counts.get("let_go") == count)
                assert lanes._patience_s == 0.001 * job_lanes.LONGER
                log.committed[A] = offset + 1
                hands.gate(0, offset).set()
