"""Several events at once: the same tables as one by one, whatever goes wrong, and as little as possible again."""

import asyncio
import shutil
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import accumulate, chain, count, repeat
from operator import itemgetter

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.bus.ports import Record
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.batches import Batches
from calibrant.runtime.desk import Desk
from calibrant.runtime.dispatch import Dispatcher
from calibrant.runtime.events import EventWork
from calibrant.runtime.handlers import EventHandler
from calibrant.runtime.health import Health
from calibrant.runtime.new_rows import insert_later
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.tables import DeadLetterRow, InboxRow, OutboxRow
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.runtime.testing.fakes import BEGIN_TAI_NS, combine_job, job_done, record_of
from calibrant.runtime.testing.probe_service import MIGRATIONS, EffectRow

UNKNOWN = RunProgress(run_id="run-1", phase="working", message="x", nodes_ended=0, nodes=0)


class StandingClock:
    """A clock that stands still, so that two ways of doing the same may be compared."""

    def tai_ns(self):
        return BEGIN_TAI_NS

    def monotonic_s(self):
        return 0.0


class Steps(Probe):
    """Writes the steps down."""

    def __init__(self):
        self.seen = []

    def at(self, step):
        self.seen.append(step)


class Service:
    """A service whose handler does what the job's name says, on a database of its own."""

    def __init__(self, database, monotonic_s=lambda: 0.0):
        self.database = database
        self.steps, self.calls, self.busy = Steps(), [], {"busy"}
        desk = Desk("sequencer", None, self.database, StandingClock(), Health(), self.steps, lambda: None)
        events = EventWork(desk, {JobDone.message_type: EventHandler(JobDone, self.hear)})
        works = {JobDone.message_type: events, "calibrant.combine.v1.CombineJob": None}
        self.dispatcher = Dispatcher(desk, works)
        self.batches = Batches(events, frozenset(works), monotonic_s=monotonic_s)

    def hear(self, message, context):
        name = message.job_id
        self.calls.append(name)
        context.session.add(EffectRow(number=1 if name == "clash" else None, job_id=name, what="heard"))
        if name == "look":
            rows = context.session.exec(select(EffectRow).order_by(EffectRow.number)).all()
            yield RunProgress(run_id="r", phase=str(len(rows)), message=rows[-1].what, nodes_ended=0, nodes=0)
            rows[-1].what = "looked at"
        if name == "fail":
            raise PermanentError("job fail is bad: mend it")
        if name == "fault":
            raise ZeroDivisionError
        if name in self.busy:
            self.busy.remove(name)
            raise TransientError("busy")
        yield RunProgress(run_id="r", phase="p", message=name, nodes_ended=0, nodes=0)

    async def singly(self, records):
        for record in records:
            failed = 0
            while await self.dispatcher.attempt(record, failed) is not None:
                failed += 1

    async def at_once(self, records, size):
        while records:
            done, singly = await self.batches.deal(records[:size])
            await self.singly(records[done : done + singly])
            records = records[done + singly :]

    def tables(self):
        with self.database.reading() as session:
            tables = (EffectRow, InboxRow, OutboxRow, DeadLetterRow)
            rows = [[row.model_dump() for row in session.exec(select(table)).all()] for table in tables]
        rows[0].sort(key=itemgetter("number"))
        rows[2].sort(key=itemgetter("number"))
        for row in rows[0] + rows[2]:
            row.pop("number")  # a transaction that fails may use up numbers, here or there
        return rows[0], sorted(rows[1], key=str), rows[2], rows[3]

    def effects(self):
        return [row["job_id"] for row in self.tables()[0]]


@pytest.fixture
def make_service(database):
    return partial(Service, database)


@pytest_asyncio.fixture
async def service(make_service):
    return make_service()


def heard(offset, name, event_id=None):
    return record_of(
        job_done(name), topic="combine-results", offset=offset, event_id=event_id or f"event-{offset}"
    )


def records_of(*names):
    return [heard(offset, name) for offset, name in enumerate(names)]


def named(event_id):
    """Make a record with an identifier that no envelope may have."""
    record = heard(0, "a")
    headers = tuple((name, event_id if name == "ce_id" else value) for name, value in record.headers)
    return replace(record, headers=headers)


POISON = Record("combine-results", 0, 0, None, b"?", (), 0)
KINDS = st.sampled_from(
    ["a", "b", "look", "fail", "fault", "clash", "busy", "poison", "unknown", "again", "again"]
)


def garbled(kinds):
    """Make records of these kinds; "again" repeats the event before the last one."""
    found = []
    for offset, kind in enumerate(kinds):
        if kind == "poison":
            found.append(Record("combine-results", 0, offset, None, b"?%d" % offset, (), 0))
        elif kind == "unknown":
            found.append(record_of(UNKNOWN, topic="combine-results", offset=offset))
        elif kind == "again" and len(found) > 1:
            of = found[-2]
            found.append(Record(of.topic, 0, offset, of.key, of.value, of.headers, 0))
        else:
            found.append(heard(offset, kind))
    return found


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Return a file with all tables and no row, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "x.sqlite"
    with DatabaseSite(f"sqlite:///{path}").opened(MIGRATIONS):
        pass
    return path


@settings(max_examples=40, deadline=None)
@given(kinds=st.lists(KINDS, max_size=12), size=st.integers(1, 8))
def test_several_at_once_leave_what_one_by_one_leave(tmp_path_factory, empty, kinds, size):
    records = garbled(kinds)
    folder = tmp_path_factory.mktemp("batches")
    paths = [shutil.copy(empty, folder / f"{name}.sqlite") for name in ("one", "other")]
    with ExitStack() as stack:
        databases = [DatabaseSite(f"sqlite:///{path}").open() for path in paths]
        for database in databases:
            stack.callback(database.close)
        one, other = map(Service, databases)
        asyncio.run(one.singly(records))
        asyncio.run(other.at_once(records, size))
        assert one.tables() == other.tables()
        assert one.dispatcher.desk.health.counts == other.dispatcher.desk.health.counts


@pytest.mark.asyncio
async def test_all_of_a_batch_is_one_transaction(service):
    assert await service.batches.deal(records_of("a", "b", "c")) == (3, 0)
    assert service.steps.seen == [Step.FETCHED, Step.BEFORE_COMMIT, Step.COMMITTED]
    assert service.effects() == ["a", "b", "c"]


@pytest.mark.asyncio
async def test_a_handler_sees_what_those_before_it_left(service):
    assert await service.batches.deal(records_of("a", "look", "look")) == (3, 0)
    effects, _, outbox, _ = service.tables()
    assert [row["what"] for row in effects] == ["heard", "looked at", "looked at"]
    assert b'"phase":"3"' in outbox[-2]["value"]


@pytest.mark.asyncio
async def test_what_stands_before_a_failure_is_kept_and_only_the_failure_is_attempted_again(service):
    assert await service.batches.deal(records_of("a", "b", "fail", "c", "d")) == (2, 1)
    assert service.effects() == ["a", "b"]
    assert service.calls == ["a", "b", "fail", "a", "b"]
    assert await service.batches.deal([heard(5, "fail"), heard(6, "a")]) == (0, 1)


@pytest.mark.asyncio
async def test_what_cannot_be_told_whose_fault_it_is_is_attempted_one_by_one(service):
    assert await service.batches.deal(records_of("a", "clash", "b")) == (0, 3)
    assert service.effects() == []


@pytest.mark.asyncio
async def test_a_batch_ends_before_poison_and_before_a_job(service):
    job = record_of(combine_job(), topic="combine-results")
    for stranger in (POISON, job, named(b"\0"), named(b"x" * 5000)):
        assert await service.batches.deal([stranger, heard(1, "a")]) == (0, 1)
    assert await service.batches.deal([heard(1, "a"), POISON, heard(2, "b")]) == (1, 0)
    assert await service.batches.deal([heard(3, "c"), named(b"\0"), heard(4, "d")]) == (1, 0)
    assert service.effects() == ["a", "c"]


@pytest.mark.asyncio
async def test_a_transaction_that_lasts_commits_what_is_done(make_service):
    ticks = count()
    service = make_service(monotonic_s=lambda: next(ticks) * 0.02)
    assert await service.batches.deal(records_of("a", "b", "c", "d", "e", "f")) == (3, 0)
    assert service.effects() == ["a", "b", "c"]


@pytest.mark.asyncio
async def test_what_is_skipped_takes_its_time_too(make_service):
    ticks = count()
    service = make_service(monotonic_s=lambda: next(ticks) * 0.02)
    unknown = record_of(UNKNOWN, topic="combine-results")
    assert await service.batches.deal([unknown, *records_of("a", "b"), unknown]) == (3, 0)
    assert service.effects() == ["a", "b"]


@pytest.mark.asyncio
async def test_a_transaction_takes_on_as_many_as_the_last_one_had_time_for(make_service):
    steps_s = chain([0.02] * 7, repeat(1e-4))
    service = make_service(monotonic_s=partial(next, accumulate(steps_s)))
    records = records_of("a", "b", "c", "d", "e", "f", "g")
    assert await service.batches.deal(records) == (3, 0)
    assert await service.batches.deal(records[3:]) == (1, 0)
    assert await service.batches.deal(records[4:]) == (2, 0)
    assert await service.batches.deal(records[6:]) == (1, 0)
    assert service.effects() == ["a", "b", "c", "d", "e", "f", "g"]


@pytest.mark.asyncio
async def test_a_database_that_is_away_is_waited_for(make_service, database):
    service = make_service()
    waits = []
    with database.writing() as session:
        session.add(InboxRow(event_id="lock", done_tai_ns=0))
        session.flush()

        async def sleep(seconds):
            waits.append(seconds)
            session.commit()

        service.dispatcher.desk.sleep = sleep
        assert await service.batches.deal(records_of("a", "b")) == (2, 0)
    assert waits
    assert service.effects() == ["a", "b"]


@pytest.mark.asyncio
async def test_rows_that_a_handler_lets_wait_go_in_with_those_of_the_others_in_order(make_service, database):
    service = make_service()

    def hear(message, context):
        insert_later(context.session, EffectRow, {"job_id": message.job_id, "what": "\u2713"})

    service.batches.events.handlers[JobDone.message_type] = EventHandler(JobDone, hear)
    names = [f"{number}" for number in range(40)]
    assert await service.batches.deal(records_of(*names)) == (40, 0)
    with database.reading() as session:
        rows = session.exec(select(EffectRow).order_by(EffectRow.number)).all()
    assert [(row.job_id, row.what) for row in rows] == [(name, "\u2713") for name in names]
