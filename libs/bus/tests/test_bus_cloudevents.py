"""The mapping against the CloudEvents project's own package, both ways, and against hostile headers."""

import json
from datetime import datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from calibrant.bus.cloudevents import Envelope, from_record, to_message
from calibrant.bus.errors import Malformed
from calibrant.bus.ports import Record

text = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20
)  # what a CloudEvents String may hold, without unassigned code points
times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda t: t.isoformat() + "Z")  # noqa: DTZ001
names = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,3}", fullmatch=True)
envelopes = st.builds(
    Envelope,
    id=text,
    source=text,
    type=text,
    time_utc=times,
    data=st.binary(max_size=50),
    subject=st.none() | text,
    dataschema=st.none() | text,
    datacontenttype=text,
    correlation_id=st.none() | text,
    causation_id=st.none() | text,
    traceparent=st.none() | text,
)
OURS = [
    *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_dataschema"),
    *("content-type", "ce_correlationid", "ce_causationid", "traceparent"),
]
plain = Envelope(id="1", source="/s", type="t", time_utc="2026-01-31T04:05:06.789Z", data=b"{}")


def record_of(message):
    return Record(message.topic, 0, 0, message.key, message.value, message.headers, 0)


def with_header(name, value):
    """The plain event with one header replaced, or without it (None)."""
    headers = dict(to_message(plain, "t", None).headers)
    headers.pop(name, None)
    if value is not None:
        headers[name] = value
    return Record("t", 0, 0, None, b"{}", tuple(headers.items()), 0)


@given(envelopes, text, st.none() | text)
def test_an_envelope_comes_back_as_it_was(envelope, topic, key):
    message = to_message(envelope, topic, key)
    assert (message.topic, message.key, message.value) == (topic, key, envelope.data)
    assert from_record(record_of(message)) == envelope


def test_the_headers_are_those_of_the_binding():
    full = Envelope(
        id="e1",
        source="/calibrant/combine",
        type="calibrant.combine.v1.JobDone",
        time_utc="2026-01-31T04:05:06Z",
        data=b'{"a":1}',
        subject="job-1",
        dataschema="https://example.org/s.json",
        correlation_id="run-1",
        causation_id="e0",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    assert dict(to_message(full, "t", "k").headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e1",
        "ce_source": b"/calibrant/combine",
        "ce_type": b"calibrant.combine.v1.JobDone",
        "ce_time": b"2026-01-31T04:05:06Z",
        "ce_subject": b"job-1",
        "ce_dataschema": b"https://example.org/s.json",
        "content-type": b"application/json",
        "ce_correlationid": b"run-1",
        "ce_causationid": b"e0",
        "traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


@given(envelopes, st.dictionaries(text, st.integers()))
def test_the_package_reads_what_we_write(envelope, body):
    ours = Envelope(
        **{
            **{name: getattr(envelope, name) for name in Envelope.__slots__},
            "data": json.dumps(body).encode(),
            "datacontenttype": "application/json",
        }
    )
    message = to_message(ours, "t", None)
    theirs = from_binary(KafkaMessage(dict(message.headers), None, message.value), JSONFormat(), CloudEvent)
    assert theirs.get_id() == ours.id
    assert theirs.get_source() == ours.source
    assert theirs.get_type() == ours.type
    assert theirs.get_subject() == ours.subject
    assert theirs.get_dataschema() == ours.dataschema
    assert theirs.get_datacontenttype() == ours.datacontenttype
    assert theirs.get_time() == datetime.fromisoformat(ours.time_utc)
    assert theirs.get_extension("correlationid") == ours.correlation_id
    assert theirs.get_extension("causationid") == ours.causation_id
    assert theirs.get_data() == body


@given(text, names, times, st.none() | text, st.none() | text)
def test_we_read_what_the_package_writes(event_id, kind, time_utc, subject, run):
    attributes = {
        "id": event_id,
        "source": "/theirs",
        "type": kind,
        "specversion": "1.0",
        "time": datetime.fromisoformat(time_utc),
        "datacontenttype": "application/json",
        "subject": subject,
        "correlationid": run,
    }
    given_only = {name: value for name, value in attributes.items() if value is not None}
    theirs = to_binary(CloudEvent(attributes=given_only, data={"a": [1, 2]}), JSONFormat())
    ours = from_record(Record("t", 0, 0, None, theirs.value, tuple(theirs.headers.items()), 0))
    assert (ours.id, ours.source, ours.type, ours.subject) == (event_id, "/theirs", kind, subject)
    assert datetime.fromisoformat(ours.time_utc) == datetime.fromisoformat(time_utc)
    assert ours.correlation_id == run
    assert json.loads(ours.data) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ce_specversion", None, "ce_specversion is missing"),
        ("ce_specversion", b"0.3", "'0.3'"),
        ("ce_id", None, "ce_id is missing"),
        ("ce_id", b"", "ce_id is empty"),
        ("ce_id", b"\xff\xfe", "ce_id is not UTF-8"),
        ("ce_id", b"a\x00b", "ce_id holds"),
        ("ce_source", None, "ce_source is missing"),
        ("ce_type", None, "ce_type is missing"),
        ("ce_time", None, "ce_time is missing"),
        ("ce_time", b"yesterday", "ce_time 'yesterday' is no RFC 3339 time"),
        ("ce_time", b"2026-02-30T00:00:00Z", "ce_time '2026-02-30T00:00:00Z' is no time"),
        ("ce_time", b"2026-02-20 00:00:00Z", "no RFC 3339"),
        ("ce_time", b"0001-01-01T00:00:00+10:00", "out of range"),
        ("ce_time", "2026-02-2\u0664T00:00:00Z".encode(), "no RFC 3339"),
    ],
)
def test_a_malformed_header_is_named(name, value, said):
    with pytest.raises(Malformed, match=said) as failure:
        from_record(with_header(name, value))
    assert failure.value.what == str(failure.value)


def test_a_header_given_twice_is_malformed():
    headers = to_message(plain, "t", None).headers
    with pytest.raises(Malformed, match="ce_id is there twice"):
        from_record(Record("t", 0, 0, None, b"", (*headers, ("CE_ID", b"2")), 0))


def test_strange_headers_and_other_cases_are_no_harm():
    headers = tuple((name.title(), value) for name, value in to_message(plain, "t", None).headers)
    record = Record("t", 0, 0, None, plain.data, (*headers, ("x", b"\xff"), ("x", b"\xff")), 0)
    assert from_record(record) == plain


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (b"2026-01-31T06:05:06.5+02:00", "2026-01-31T04:05:06.500000Z"),
        (b"2026-01-31t04:05:06z", "2026-01-31T04:05:06Z"),
        (b"2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
        (b"2026-01-31T04:05:06.123456789Z", "2026-01-31T04:05:06.123456789Z"),
    ],
)
def test_a_time_is_read_in_utc_and_otherwise_left_as_it_is(told, read):
    assert from_record(with_header("ce_time", told)).time_utc == read


@pytest.mark.parametrize(
    "wrong", [{"id": ""}, {"subject": "a\nb"}, {"time_utc": "2026-01-31T04:05:06+00:00"}, {"type": "\ud800"}]
)
def test_an_envelope_that_could_not_be_sent_cannot_be_made(wrong):
    parts = {"id": "1", "source": "/s", "type": "t", "time_utc": "2026-01-31T04:05:06Z", "data": b""}
    with pytest.raises(ValueError, match=r"ce_"):
        Envelope(**{**parts, **wrong})


@given(st.lists(st.tuples(st.text(max_size=15), st.binary(max_size=30)), max_size=12), st.data())
def test_headers_that_are_not_ours_change_nothing(junk, data):
    foreign = [pair for pair in junk if pair[0].lower() not in OURS]
    headers = data.draw(st.permutations([*to_message(plain, "t", None).headers, *foreign]))
    assert from_record(Record("t", 0, 0, None, plain.data, tuple(headers), 0)) == plain


@given(st.dictionaries(st.sampled_from(OURS), st.binary(max_size=12)))
def test_any_values_give_an_envelope_that_can_be_sent_on_or_malformed(changed):
    headers = {**dict(to_message(plain, "t", None).headers), **changed}
    try:
        envelope = from_record(Record("t", 0, 0, None, b"", tuple(headers.items()), 0))
    except Malformed:
        return
    assert from_record(record_of(to_message(envelope, "t", None))) == envelope
