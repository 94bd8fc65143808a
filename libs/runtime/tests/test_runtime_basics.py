"""Clock, ids, health, settings, handler tables, intake."""

import gc
import json
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calibrant.bus.errors import Malformed
from calibrant.bus.ports import Record
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import DataRef, JobDone, JobInput
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.clock import SystemClock, tai_now, utc_text
from calibrant.runtime.garbage import settled
from calibrant.runtime.handlers import EventHandler, JobHandler, JobResult, Outcome, collect, job, on
from calibrant.runtime.health import Health, Phase
from calibrant.runtime.ids import RandomIds, derive, trace_parent
from calibrant.runtime.intake import decode
from calibrant.runtime.settings import PlatformSettings, ServiceSettings
from calibrant.runtime.testing.fakes import FakeClock, combine_job, job_done, record_of
from calibrant.runtime.testing.probe_work import compute

JOB_DONE = JobDone.message_type
FRAME = JobInput(
    role="frames",
    id="f",
    ref=DataRef(uri="objects:f", sha256="0" * 64, size_bytes=1, media_type="image/fits"),
)


def test_the_clocks_tai_is_37_seconds_ahead_of_utc():
    # IERS Bulletin C 52: TAI-UTC = 37 s since 2017-01-01.
    assert utc_text(37_000_000_000) == "1970-01-01T00:00:00.000000Z"
    assert utc_text(1_000_000_037_123_456_789) == "2001-09-09T01:46:40.123456Z"
    read = datetime.fromisoformat(utc_text(SystemClock().tai_ns()))
    assert abs((datetime.now(UTC) - read).total_seconds()) < 5


def test_the_contracts_instant_is_the_clocks():
    clock = FakeClock(now_ns=5)
    assert tai_now(clock).ns == 1_000_000_005
    assert clock.monotonic_s() < clock.monotonic_s()
    assert SystemClock().monotonic_s() <= SystemClock().monotonic_s()


@given(st.lists(st.text()), st.lists(st.text()))
def test_derived_identifiers_are_equal_only_for_equal_parts(parts, others):
    assert (derive(*parts) == derive(*others)) == (parts == others)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=[]))))
def test_a_derived_identifier_is_the_version_5_uuid_of_the_parts_as_json(parts):
    assert derive(*parts) == str(uuid5(UUID("6f0d8a52-5d6b-5c8e-9a53-0c0a3b0f7f11"), json.dumps(parts)))


def test_identifiers_that_are_new_differ():
    ids = RandomIds()
    assert len({ids.new() for _ in range(100)}) == 100


def test_a_run_is_one_trace_and_an_event_one_span():
    version, trace, span, flags = trace_parent("run", "a").split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
    assert trace_parent("run", "b").split("-")[1] == trace
    assert trace_parent("run", "b").split("-")[2] != span
    assert trace_parent("other", "a").split("-")[1] != trace


def test_one_part_that_works_does_not_hide_another_that_does_not():
    health = Health()
    health.phase = Phase.RUNNING
    health.trouble("outbox", "the bus is away")
    health.trouble("database", "locked")
    health.well("database")
    assert health.troubles == {"outbox": "the bus is away"}
    assert not health.ready
    health.well("outbox")
    assert health.ready
    health.phase = Phase.PAUSED
    assert not health.ready


def test_counters_add_up():
    health = Health()
    health.count("events")
    health.count("events", 2)
    assert health.counts == {"events": 3}


def test_settings_come_from_the_environment_and_are_checked(monkeypatch, tmp_path):
    monkeypatch.setenv("CALIBRANT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CALIBRANT_PORT", "9000")
    settings = ServiceSettings()
    assert (settings.data_dir, settings.port) == (tmp_path, 9000)
    assert settings.instruments_dir == tmp_path / "instruments"
    assert PlatformSettings(instruments=Path("/x")).instruments_dir == Path("/x")
    for name in ServiceSettings.model_fields:
        assert ServiceSettings.model_fields[name].description
    with pytest.raises(ValidationError, match="port"):
        ServiceSettings(port=70000)


def module_of(**functions):
    module = ModuleType("handlers_of_a_test")
    vars(module).update(functions)
    return module


def test_marked_functions_are_collected_and_the_rest_is_not():
    @on(JobDone)
    def done(message, context):
        return None

    @job(CombineJob, compute=compute, preload=("colorsys",))
    def record(message, result, context):
        return None

    table = collect(module_of(done=done, record=record, helper=lambda: None))
    assert table.events == {JOB_DONE: EventHandler(JobDone, done)}
    (handler,) = table.jobs.values()
    assert table.jobs == {CombineJob.message_type: handler}
    assert handler == JobHandler(CombineJob, compute, record, preload=("colorsys",))
    assert handler.modules == (compute.__module__, "colorsys")


def test_a_message_handled_twice_is_refused():
    @on(JobDone)
    def one(message, context):
        return None

    @on(JobDone)
    def two(message, context):
        return None

    with pytest.raises(ValueError, match=r"JobDone is handled twice"):
        collect(module_of(one=one), module_of(two=two))


def test_a_message_without_a_job_id_is_no_job():
    with pytest.raises(TypeError, match="RunProgress has no field job_id"):
        job(RunProgress, compute=compute)


def test_a_result_reads_back_as_it_was_even_what_is_not_finite():
    result = JobResult(execution_id="e", data={"none": None, "inf": float("inf"), "list": [1, 2.5, "x"]})
    assert JobResult.model_validate_json(result.model_dump_json()) == result
    assert "NaN" in Outcome(data={"nan": float("nan")}).model_dump_json()


def test_a_known_message_is_decoded_with_its_envelope():
    decoded = decode(record_of(job_done("j"), topic="combine-results"), frozenset({JOB_DONE}))
    assert decoded.message == job_done("j")
    assert (decoded.envelope.id, decoded.envelope.correlation_id) == ("event-1", "run-1")


def test_a_message_nobody_handles_is_none_even_if_its_body_is_garbage():
    record = record_of(job_done(), topic="t")
    assert decode(record, frozenset()) is None
    assert decode(Record("t", 0, 0, None, b"\xff", record.headers, 0), frozenset({"other"})) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "EOF"),
        (b"\xff\xfe", "body"),
        (b"[]", "body"),
        (b"{}", "job_id: Field required"),
        (b'{"job_id": 1, "execution_id": "e"}', "job_id: Input should be a valid string"),
        (b'{"job_id": NaN}', "job_id"),
        (b"[" * 100_000, "body"),
    ],
)
def test_a_malformed_body_names_its_field(body, said):
    record = record_of(job_done(), topic="t")
    with pytest.raises(Malformed, match=r"calibrant\.common\.v1\.JobDone: ") as raised:
        decode(Record("t", 0, 0, None, body, record.headers, 0), frozenset({JOB_DONE}))
    assert said in str(raised.value)


def taken_in(**given):
    sent = combine_job().model_copy(update=given)
    return decode(record_of(sent, topic="t"), frozenset({CombineJob.message_type})).message


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"recipe": "bias\0"}, "recipe"),
        ({"parameters": {"n": "\0"}}, r"parameters\.n"),
        ({"parameters": {"\0": "a"}}, "parameters"),
        ({"inputs": (FRAME, FRAME.model_copy(update={"id": "\0"}))}, r"inputs\.1\.id"),
    ],
    ids=str,
)
def test_text_with_a_nul_which_not_every_database_keeps_is_malformed_and_its_field_named(given, field):
    with pytest.raises(Malformed, match=rf"CombineJob: {field}: holds U\+0000"):
        taken_in(**given)


def test_a_nul_that_is_only_talked_of_is_text_like_any_other():
    assert taken_in(recipe=r"\u0000").recipe == r"\u0000"


NAMES = st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_source", "ce_specversion", "CE_ID", "x"])
VALUES = st.binary(max_size=30) | st.sampled_from([b"1.0", JOB_DONE.encode(), b"2027-01-15T00:00:00Z", b"/s"])


@given(st.lists(st.tuples(NAMES | st.text(), VALUES), max_size=8).map(tuple), st.binary(max_size=200))
def test_no_garbage_raises_anything_but_malformed(headers, body):
    try:
        decoded = decode(Record("t", 0, 0, None, body, headers, 0), frozenset({JOB_DONE}))
    except Malformed:
        return
    else:
        assert decoded is None or decoded.envelope.type == JOB_DONE


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=10), st.binary()
)
def test_no_garbage_in_the_body_raises_anything_but_malformed(value, tail):
    body = repr(value).encode("utf-8", "backslashreplace") + tail
    headers = record_of(job_done(), topic="t").headers
    with pytest.raises(Malformed):
        decode(Record("t", 0, 0, None, body, headers, 0), frozenset({JOB_DONE}))


def test_what_is_there_is_permanent_for_a_block_alone():
    with settled():
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
