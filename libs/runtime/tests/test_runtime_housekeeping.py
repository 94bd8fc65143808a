"""What is old goes while a service runs; what a drain waits for; what only one process may have."""

import asyncio
from dataclasses import replace

import pytest
from sqlmodel import select

from calibrant.bus.errors import BusUnavailable
from calibrant.contracts.flow import topics_consumed
from calibrant.runtime import housekeeping
from calibrant.runtime.housekeeping import prune_inbox
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.sole import HeldByAnother, LockUnusable, hold
from calibrant.runtime.tables import InboxRow
from calibrant.runtime.testing.fakes import FakeClock
from calibrant.runtime.testing.services import running, send_done, table, until

pytestmark = pytest.mark.asyncio
DAY_NS = 86_400_000_000_000


def remember(process, **events):
    with process.database.writing() as session:
        session.add_all([InboxRow(event_id=name, done_tai_ns=when) for name, when in events.items()])


def remembered(process):
    with process.database.reading() as session:
        return {row.event_id for row in session.exec(select(InboxRow)).all()}


async def test_the_inbox_forgets_what_the_log_cannot_bring_again(make_process, platform):
    process = make_process()
    process.prepare()
    now = platform.clock.tai_ns()
    remember(process, old=now - 4000 * DAY_NS, young=now - DAY_NS // 24)
    assert await prune_inbox(process) == 1
    assert remembered(process) == {"young"}


async def test_each_topics_events_are_forgotten_with_what_their_topic_keeps(make_process, platform):
    process = make_process()
    process.prepare()
    topics = {topic.name: topic.retention_days for topic in topics_consumed("sequencer")}
    short, long = min(topics, key=topics.get), max(topics, key=topics.get)
    assert topics[short] < topics[long]
    now, between = platform.clock.tai_ns(), (topics[short] + topics[long]) // 2
    with process.database.writing() as session:
        for name, topic in {"short": short, "long": long, "none": "", "gone": "no-topic-any-more"}.items():
            row = InboxRow(event_id=name, topic=topic, done_tai_ns=now - between * DAY_NS)
            session.add(row)
    assert await prune_inbox(process) == 1
    assert remembered(process) == {"long", "none", "gone"}


async def test_the_inbox_keeps_what_may_come_again_because_it_was_never_committed(make_process, platform):
    made = make_process()
    years_later = FakeClock(platform.clock.tai_ns() + 4000 * DAY_NS)
    process = ServiceProcess(made.spec, replace(platform, clock=years_later))
    process.prepare()
    before = platform.clock.tai_ns() - DAY_NS
    await send_done(platform, "a")  # as if the service had ended between its own commit and the log's
    after = platform.clock.tai_ns() + 1
    remember(process, before=before, after=after)
    assert await prune_inbox(process) == 1
    assert remembered(process) == {"after"}


async def test_a_service_keeps_house_while_it_runs_also_after_the_log_was_away(
    make_process, platform, monkeypatch
):
    monkeypatch.setattr(housekeeping, "EVERY_S", 0.01)
    prune, asked = platform.bus.prune, []

    async def away_at_first():
        asked.append(len(asked))
        if len(asked) == 1:
            raise BusUnavailable("the log is locked")
        return await prune()

    monkeypatch.setattr(platform.bus, "prune", away_at_first)
    process = make_process()
    process.prepare()
    remember(process, old=1)

    async def forgotten():
        return not remembered(process)

    async with running(process):
        await until(forgotten)
        assert len(asked) > 1
        assert process.faults() == []


async def test_a_stop_waits_for_what_background_work_has_in_hand(make_process):
    go, ended = asyncio.Event(), []

    async def exposing(process):
        with process.busy():
            await go.wait()
        ended.append("whole")
        await asyncio.Event().wait()

    process = make_process(background=(exposing,))
    await process.start()

    async def in_hand():
        return process.in_hand == 1

    await until(in_hand)
    stopping = asyncio.create_task(process.stop(30.0))

    async def draining():
        return process.health.phase == "draining"

    await until(draining)
    await asyncio.wait([stopping], timeout=0.2)
    assert not stopping.done()
    go.set()
    await stopping
    assert ended == ["whole"]
    assert process.in_hand == 0


async def test_a_stop_gives_background_work_up_when_its_time_is_over(make_process):
    async def endless(process):
        with process.busy():
            await asyncio.Event().wait()

    process = make_process(background=(endless,))
    await process.start()

    async def in_hand():
        return process.in_hand == 1

    await until(in_hand)
    await asyncio.wait_for(process.stop(0.1), 20)
    assert process.health.phase == "stopped"
    assert process.in_hand == 0


async def test_what_only_one_may_have_is_refused_to_a_second_and_free_again_afterwards(make_process):
    first, second = (
        make_process(sole="camera a/b"),
        make_process("combine", handlers=table(), sole="camera a/b"),
    )
    async with running(first):
        with pytest.raises(
            HeldByAnother, match=r"camera a/b runs already in this data folder, in process \d+"
        ):
            await second.start()
        assert first.faults() == []
    async with running(make_process("combine", handlers=table(), sole="camera a/b")):
        pass


async def test_a_lock_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "flat").write_text("")
    with pytest.raises(LockUnusable, match="flat"), hold(tmp_path / "flat", "camera"):
        pass
