"""Short work: what each class of error makes of a record, and dead letters that can be looked into and replayed."""

import threading

import pytest
import pytest_asyncio
from sqlmodel import select

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.bus.ports import Record
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime import dead_letters
from calibrant.runtime.dead_letters import NoSuchLetter
from calibrant.runtime.dispatch import Dispatcher
from calibrant.runtime.events import EventWork
from calibrant.runtime.handlers import EventHandler
from calibrant.runtime.header_text import headers_from_text
from calibrant.runtime.objects import StoreUnavailable
from calibrant.runtime.tables import DeadLetterRow, InboxRow, OutboxRow
from calibrant.runtime.testing.fakes import job_done, record_of
from calibrant.runtime.testing.probe_service import EffectRow

JOB_DONE = JobDone.message_type
PROGRESS = RunProgress(run_id="run-1", phase="working", message="x", nodes_ended=0, nodes=0)


class Troubled:
    """A handler that raises these errors, one for each call, and then does its work."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.threads = set()

    def __call__(self, message, context):
        self.threads.add(threading.current_thread())
        context.session.add(EffectRow(job_id=message.job_id, what=context.run_id))
        context.session.flush()
        if self.errors:
            raise self.errors.pop(0)
        yield PROGRESS


def rows(database, table):
    with database.reading() as session:
        return session.exec(select(table)).all()


def done(offset=0, **more):
    return record_of(job_done(), topic="combine-results", offset=offset, **more)


@pytest_asyncio.fixture
async def make(make_desk):
    def make(handler, **more):
        desk = make_desk(**more)
        works = {JOB_DONE: EventWork(desk, {JOB_DONE: EventHandler(JobDone, handler)})}
        return Dispatcher(desk, works)

    return make


@pytest.mark.asyncio
async def test_an_event_is_done_once_however_often_it_comes(make, database):
    woken = []
    handler = Troubled()
    dispatcher = make(handler, woken=lambda: woken.append(1))
    for offset in (0, 0, 1):
        assert await dispatcher.attempt(done(offset), 0) is None
    assert [row.what for row in rows(database, EffectRow)] == ["run-1"]
    assert len(rows(database, OutboxRow)) == 1
    assert [row.event_id for row in rows(database, InboxRow)] == ["event-1"]
    assert dispatcher.desk.health.counts == {"events": 1, "repeated": 2}
    assert woken
    assert threading.main_thread() not in handler.threads


@pytest.mark.asyncio
async def test_a_transient_error_is_tried_again_later_and_leaves_nothing_meanwhile(make, database):
    dispatcher = make(Troubled(TransientError("busy"), TransientError("busy")))
    assert await dispatcher.attempt(done(), 0) == 1.0
    assert rows(database, EffectRow) == []
    assert await dispatcher.attempt(done(), 1) == 2.0
    assert await dispatcher.attempt(done(), 2) is None
    assert len(rows(database, EffectRow)) == 1
    assert rows(database, DeadLetterRow) == []


@pytest.mark.asyncio
async def test_a_transient_error_that_stays_ends_as_a_dead_letter(make, database):
    dispatcher = make(Troubled(*[TransientError("busy: wait for it")] * 3))
    assert [await dispatcher.attempt(done(), failed) for failed in range(3)] == [1.0, 2.0, None]
    (letter,) = rows(database, DeadLetterRow)
    assert (letter.error, letter.reason, letter.attempts) == ("exhausted", "busy: wait for it", 3)
    assert rows(database, EffectRow) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (PermanentError("frame x.fits has no DATE-OBS: add it"), "permanent", "frame x.fits has no DATE-OBS"),
        (ZeroDivisionError("division by zero"), "fault", "ZeroDivisionError: division by zero"),
        (PermanentError("name \udce4"), "permanent", r"name \udce4"),
        (PermanentError(""), "permanent", "PermanentError: "),
    ],
)
async def test_a_permanent_error_or_a_fault_is_a_dead_letter_at_once(make, database, error, kind, reason):
    dispatcher = make(Troubled(error))
    assert await dispatcher.attempt(done(offset=5, partition=2), 0) is None
    (letter,) = rows(database, DeadLetterRow)
    assert (letter.error, letter.state, letter.attempts) == (kind, "open", 1)
    assert letter.reason.startswith(reason)
    assert (letter.topic, letter.partition, letter.log_offset) == ("combine-results", 2, 5)
    assert (letter.event_id, letter.message_type) == ("event-1", JOB_DONE)
    assert (letter.value, headers_from_text(letter.headers)) == (done().value, done().headers)
    assert rows(database, EffectRow) == []
    assert rows(database, OutboxRow) == []
    # Given again after a crash it is not tried again, and stays one letter.
    assert await dispatcher.attempt(done(offset=5, partition=2), 0) is None
    assert len(rows(database, DeadLetterRow)) == 1
    assert dispatcher.desk.health.counts == {"dead_letters": 1, "repeated": 1}


@pytest.mark.asyncio
async def test_an_object_store_that_is_away_is_waited_for_without_end(make, database):
    dispatcher = make(Troubled(*[StoreUnavailable("the disk is full")] * 50))
    delays = [await dispatcher.attempt(done(), failed) for failed in range(50)]
    assert delays[:3] == [0.2, 0.4, 0.8]
    assert max(delays) == delays[-1] == 30.0
    assert dispatcher.desk.health.troubles == {"objects": "the disk is full"}
    assert await dispatcher.attempt(done(), 50) is None
    assert dispatcher.desk.health.troubles == {}
    assert rows(database, DeadLetterRow) == []


@pytest.mark.asyncio
async def test_poison_is_a_dead_letter_raw(make, database):
    dispatcher = make(Troubled())
    garbage = Record("combine-results", 0, 3, None, b"\x00\xff", (("ce_id", b"\xff"), ("x", b"\x80")), 0)
    for record in (garbage, garbage):
        assert await dispatcher.attempt(record, 0) is None
    (letter,) = rows(database, DeadLetterRow)
    assert (letter.error, letter.message_type) == ("poison", "")
    assert "ce_id" in letter.reason
    assert (letter.value, headers_from_text(letter.headers)) == (garbage.value, garbage.headers)


@pytest.mark.asyncio
async def test_a_type_nobody_handles_is_counted_and_skipped(make, database):
    dispatcher = make(Troubled())
    assert await dispatcher.attempt(record_of(PROGRESS, topic="x"), 0) is None
    assert dispatcher.desk.health.counts == {"skipped": 1}
    assert rows(database, InboxRow) == []


@pytest.mark.asyncio
async def test_a_database_that_is_away_is_waited_for_and_told_of(make, database, sleeps, make_desk):
    told = []
    with database.writing() as session:
        session.add(InboxRow(event_id="lock", done_tai_ns=0))
        session.flush()

        def free_after_three():
            told.append(dict(dispatcher.desk.health.troubles))
            if len(sleeps) == 3:
                session.commit()

        dispatcher = make(Troubled(), on_sleep=free_after_three)
        assert await dispatcher.attempt(done(), 0) is None
    assert sleeps == [0.2, 0.4, 0.8]
    assert "another process" in told[0]["database"]
    assert dispatcher.desk.health.troubles == {}
    assert len(rows(database, EffectRow)) == 1


@pytest_asyncio.fixture
async def letter(make, database):
    """A dead letter of a handler that fails once."""
    handler = Troubled(PermanentError("no such thing"))
    dispatcher = make(handler)
    await dispatcher.attempt(done(), 0)
    (row,) = rows(database, DeadLetterRow)
    return row, dispatcher


def test_there_is_nothing_to_look_into_that_is_not_there(database):
    with database.writing() as session:
        assert dead_letters.letters(session) == []
        for call in (dead_letters.letter, dead_letters.replay, dead_letters.discard):
            with pytest.raises(NoSuchLetter, match="no dead letter 'x'; `calibrant dead-letters list`"):
                call(session, "x")


@pytest.mark.asyncio
async def test_a_replayed_letter_is_dealt_with_exactly_once(letter, database):
    row, dispatcher = letter
    with database.writing() as session:
        assert dead_letters.letter(session, row.letter_id) == row
        dead_letters.replay(session, row.letter_id)
    (sent,) = rows(database, OutboxRow)
    assert (sent.topic, sent.key, sent.value) == (row.topic, row.key, row.value)
    again = Record(sent.topic, 0, 9, sent.key, sent.value, headers_from_text(sent.headers), 0)
    for _ in range(2):
        assert await dispatcher.attempt(again, 0) is None
    assert len(rows(database, EffectRow)) == 1
    with database.writing() as session:
        assert dead_letters.count(session) == 0
        assert [found.state for found in dead_letters.letters(session, state=None)] == ["replayed"]
        with pytest.raises(NoSuchLetter, match="was replayed before"):
            dead_letters.replay(session, row.letter_id)


@pytest.mark.asyncio
async def test_a_service_that_has_dealt_with_it_skips_a_replay(make, database):
    other = make(Troubled())
    await other.attempt(done(), 0)
    await other.attempt(done(offset=9), 0)  # another service replays the same event
    assert len(rows(database, EffectRow)) == 1


@pytest.mark.asyncio
async def test_replayed_poison_is_a_second_letter_here_and_none_elsewhere(make, database):
    here = make(Troubled())
    garbage = Record("combine-results", 0, 3, None, b"?", (), 0)
    await here.attempt(garbage, 0)
    again = Record("combine-results", 0, 4, None, b"?", (), 0)
    await here.attempt(again, 0)  # as a service does that did not replay it
    (row,) = rows(database, DeadLetterRow)
    with database.writing() as session:
        dead_letters.replay(session, row.letter_id)
    await here.attempt(again, 0)
    assert sorted(found.state for found in rows(database, DeadLetterRow)) == ["open", "replayed"]


@pytest.mark.asyncio
async def test_a_discarded_letter_stays_on_record(letter, database):
    row, dispatcher = letter
    with database.writing() as session:
        dead_letters.discard(session, row.letter_id)
    await dispatcher.attempt(done(), 0)
    assert rows(database, EffectRow) == []
    assert [found.state for found in rows(database, DeadLetterRow)] == ["discarded"]
    with database.reading() as session:
        assert [found.letter_id for found in dead_letters.letters(session, state="discarded")] == [
            row.letter_id
        ]
