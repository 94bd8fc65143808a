"""Inbox, effects and outbox in one transaction; the same identifiers when it is done again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from calibrant.bus.cloudevents import HEADERS, Envelope, from_record, to_message
from calibrant.bus.errors import MessageTooLarge
from calibrant.bus.ports import Record
from calibrant.bus.records import MOST_BODY_BYTES
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.header_text import header_text, headers_from_text, headers_to_text
from calibrant.runtime.tables import InboxRow, OutboxRow
from calibrant.runtime.testing.fakes import combine_job, job_done
from calibrant.runtime.unit_of_work import Outgoing, unit_of_work


def outbox(database):
    with database.reading() as session:
        return session.exec(select(OutboxRow).order_by(OutboxRow.number)).all()


def envelopes(database):
    rows = outbox(database)
    return [from_record(Record(r.topic, 0, 0, r.key, r.value, headers_from_text(r.headers), 0)) for r in rows]


def progress(message):
    return RunProgress(run_id="run-9", phase="working", message=message, nodes_ended=0, nodes=0)


def test_what_is_emitted_waits_in_the_outbox_with_all_that_is_known_of_it(database, clock):
    with unit_of_work(database, "combine", clock, cause="event-7", correlation_id="run-1") as unit:
        unit.emit([job_done("job-5")])
    (row,) = outbox(database)
    (envelope,) = envelopes(database)
    assert (row.topic, row.key) == ("combine-results", "job-5")
    assert envelope.source == "/calibrant/combine"
    assert envelope.type == "calibrant.common.v1.JobDone"
    assert envelope.subject == "job-5"
    assert envelope.dataschema == "urn:calibrant:schema:calibrant.common.v1.JobDone"
    assert (envelope.causation_id, envelope.correlation_id) == ("event-7", "run-1")
    assert envelope.time_utc == "2027-01-15T07:59:24.000000Z"  # 1.8e9 s after 1970 TAI, and one tick
    assert envelope.data == job_done("job-5").to_json()


def test_the_same_cause_emits_the_same_identifiers_and_another_others(database, clock):
    for cause in ("a", "a", "b"):
        with unit_of_work(database, "sequencer", clock, cause=cause) as unit:
            unit.emit([progress("x"), combine_job()])
            unit.emit([progress("x")])
    ids = [envelope.id for envelope in envelopes(database)]
    assert len(set(ids[:3])) == 3
    assert ids[:3] == ids[3:6]
    assert not set(ids[6:]) & set(ids[:6])


def test_a_message_may_belong_to_another_run_or_to_none(database, clock):
    with unit_of_work(database, "sequencer", clock, cause="a", correlation_id="run-1") as unit:
        unit.emit([progress("own"), Outgoing(progress("other"), "run-2"), Outgoing(progress("none"), "")])
        unit.emit(None)
    assert [envelope.correlation_id for envelope in envelopes(database)] == ["run-1", "run-2", None]


def test_a_unit_of_work_that_fails_leaves_nothing(database, clock):
    def fail():
        with unit_of_work(database, "sequencer", clock, cause="a") as unit:
            unit.emit([progress("x")])
            unit.mark_done("a")
            unit.session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert outbox(database) == []
    with unit_of_work(database, "sequencer", clock, cause="a") as unit:
        assert not unit.was_done("a")


def test_what_is_done_is_remembered(database, clock):
    with unit_of_work(database, "sequencer", clock, cause="a") as unit:
        unit.mark_done("a")
    with unit_of_work(database, "sequencer", clock, cause="a") as unit:
        assert unit.was_done("a")
        assert not unit.was_done("b")
        assert unit.session.get(InboxRow, "a").done_tai_ns < clock.tai_ns()


def test_a_message_that_is_not_the_services_to_send_is_refused(database, clock):
    with (
        pytest.raises(LookupError, match=r"no topic on which certify sends .*CombineJob"),
        unit_of_work(database, "certify", clock, cause="a") as unit,
    ):
        unit.emit([combine_job()])
    assert outbox(database) == []


def test_a_message_that_the_log_would_not_take_is_refused_before_it_holds_up_others(database, clock):
    with (
        pytest.raises(MessageTooLarge, match=r"RunProgress of 4194\d\d\d bytes is larger than the 4194304"),
        unit_of_work(database, "sequencer", clock, cause="a") as unit,
    ):
        unit.emit([progress("small"), progress("x" * MOST_BODY_BYTES)])
    assert outbox(database) == []


@given(st.lists(st.tuples(st.text(), st.binary())).map(tuple))
def test_headers_keep_every_byte(headers):
    assert headers_from_text(headers_to_text(headers)) == headers


WORDS = st.text('<id>%s"\\é✓ ab', min_size=1)


MAYBE = st.none() | WORDS
ENVELOPES = st.builds(
    Envelope,
    id=WORDS,
    source=WORDS,
    type=WORDS,
    time_utc=st.just("2027-01-15T07:59:24.000000Z"),
    data=st.just(b""),
    subject=MAYBE,
    dataschema=MAYBE,
    correlation_id=MAYBE,
    causation_id=MAYBE,
    traceparent=MAYBE,
)


@given(ENVELOPES)
def test_the_text_of_an_envelopes_headers_is_that_of_its_message(envelope):
    attributes = {name: getattr(envelope, name) for name in HEADERS if name != "datacontenttype"}
    assert header_text(attributes) == headers_to_text(to_message(envelope, "t", None).headers)
