"""Logs: JSON lines that say what they are about wherever they come from, and never a secret."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.handlers import on
from calibrant.runtime.settings import LogSettings, ServiceSettings
from calibrant.runtime.telemetry.bound import bound
from calibrant.runtime.telemetry.logs import HIDDEN, LogHandler, LogSetup, hide_secrets
from calibrant.runtime.testing.fakes import job_done, record_of
from calibrant.runtime.testing.jobs import job_record
from calibrant.runtime.testing.services import running, send_done, table, until

log = logging.getLogger("calibrant.test")
SECRET = 'p"ss\\wörd'
CHILD = """
import asyncio
from calibrant.runtime.telemetry.bound import bound
from calibrant.runtime.telemetry.logs import LogSetup, configure_logs
from calibrant.runtime.testing.probe_calls import log_a_warning
from calibrant.runtime.workers import Workers

async def main():
    workers = Workers(1)
    try:
        for run in ("run-1", "run-2"):
            with bound(correlation_id=run):
                await workers.run(log_a_warning, f"from a child, with s3cret of {run}")
    finally:
        workers.close()

if __name__ == "__main__":
    configure_logs(LogSetup("INFO", "json", ("s3cret",)))
    asyncio.run(main())
"""


@pytest.fixture
def lines():
    """Write down what is logged, as JSON lines; give a function that reads them."""
    stream = io.StringIO()
    handler = LogHandler(LogSetup("DEBUG", "json"), stream)
    root = logging.getLogger()
    root.addHandler(handler)
    level, root.level = root.level, logging.DEBUG
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.level = level
    root.removeHandler(handler)


def test_a_line_is_an_object_with_its_time_in_utc(lines):
    log.info("%d frames\nare here", 3, extra={"detector": 7})
    (line,) = lines()
    when = datetime.fromisoformat(line.pop("time"))
    assert when.utcoffset() == timedelta(0)
    assert line == {
        "level": "INFO",
        "logger": "calibrant.test",
        "message": "3 frames\nare here",
        "detector": 7,
    }


def test_an_exception_is_one_field_of_its_line(lines):
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError:
        log.exception("it fails")
    (line,) = lines()
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ZeroDivisionError: by nothing")


@pytest.mark.asyncio
async def test_lines_of_handlers_and_of_their_failures_say_what_they_are_about(platform, make_process, lines):
    @on(JobDone)
    def hear(message, context):
        log.info("heard in a thread")
        if message.job_id == "bad":
            raise PermanentError("job bad is bad: mend it")
        raise ZeroDivisionError("a fault")

    process = make_process(handlers=table(hear=hear))
    async with running(process):
        await send_done(platform, "bad", "worse")

        async def buried():
            return process.health.counts.get("dead_letters") == 2

        await until(buried)
    said = [line for line in lines() if "event_id" in line]
    told = {line["message"].partition(":")[0] for line in said if line["event_id"] == "event-bad"}
    assert told == {"heard in a thread", "calibrant.common.v1.JobDone"}
    assert [line["event_id"] for line in said if "exception" in line] == ["event-worse"]
    for line in said:
        assert (line["service"], line["correlation_id"], line["topic"]) == (
            "sequencer",
            "run-1",
            "combine-results",
        )
        assert (line["event_type"], type(line["partition"]), type(line["offset"])) == (
            "calibrant.common.v1.JobDone",
            int,
            int,
        )
    before = [line for line in lines() if line["logger"].startswith("calibrant") and "event_id" not in line]
    assert not [line for line in before if "correlation_id" in line]  # nothing stays bound


@pytest.mark.asyncio
async def test_an_error_of_a_child_process_is_logged_with_its_job(make_jobs, lines):
    def compute(job, workspace):
        raise ZeroDivisionError("in the child")

    await make_jobs(compute=compute).attempt(job_record("event-9"), 0)
    (fault,) = [line for line in lines() if "exception" in line]
    assert (fault["event_id"], fault["correlation_id"]) == ("event-9", "run-1")


@pytest.mark.asyncio
async def test_the_trace_of_an_event_is_named(make_desk, make_jobs, lines):
    dispatcher = make_jobs(compute=lambda job, workspace: log.info("x"))
    record = job_record()
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = (*record.headers, ("traceparent", f"00-{trace}-b7ad6b7169203331-01".encode()))
    await dispatcher.attempt(type(record)(record.topic, 0, 0, record.key, record.value, headers, 0), 0)
    assert {line.get("trace_id") for line in lines() if "event_id" in line} == {trace}


@pytest.mark.asyncio
async def test_what_cannot_be_read_is_logged_with_its_place(make_desk, make_jobs, lines):
    record = record_of(job_done(), topic="combine-results", offset=41)
    await make_jobs().attempt(type(record)("combine-results", 3, 41, "k", b"x", (), 0), 0)
    (line,) = [line for line in lines() if line["level"] == "ERROR"]
    assert (line["topic"], line["partition"], line["offset"]) == ("combine-results", 3, 41)


def test_child_processes_log_as_their_parent_does_and_know_the_run(tmp_path):
    (tmp_path / "parent.py").write_text(CHILD)
    done = subprocess.run(
        [sys.executable, tmp_path / "parent.py"], capture_output=True, text=True, check=True, timeout=60
    )
    first, second = (json.loads(line) for line in done.stderr.splitlines())
    assert (first["logger"], first["correlation_id"]) == ("probe", "run-1")
    assert first["message"] == f"from a child, with {HIDDEN} of run-1"
    assert second["correlation_id"] == "run-2"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_shows_a_secret_whoever_puts_it_there(form, monkeypatch):
    settings = ServiceSettings(database_password=SecretStr(SECRET), log_format=form)
    stream = io.StringIO()
    handler = LogHandler(LogSetup.of(settings), stream)
    logger = logging.getLogger("calibrant.test.secrets")
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.warning("%s", settings)
    logger.warning("password=%s and %r", SECRET, SECRET, extra={"told": {"deep": SECRET}})
    try:
        raise ValueError(SECRET)
    except ValueError:
        logger.exception("the server says no")
    said = stream.getvalue()
    assert HIDDEN in said
    assert "ss\\w" not in said
    assert "ss\\\\w" not in said
    assert "rd" not in said.replace("word", "")


def test_secrets_that_are_known_later_are_hidden_from_then_on(lines):
    hide_secrets(ServiceSettings(bus_password=SecretStr("tell-nobody")))
    log.info("tell-nobody")
    assert lines()[0]["message"] == HIDDEN


def test_level_and_form_are_settings(monkeypatch):
    assert LogSetup.of(LogSettings()) == LogSetup("INFO", "text")
    monkeypatch.setenv("CALIBRANT_LOG_LEVEL", "debug")
    monkeypatch.setenv("CALIBRANT_LOG_FORMAT", "json")
    assert LogSetup.of(LogSettings()) == LogSetup("DEBUG", "json")


def test_what_is_bound_is_bound_for_a_block_and_follows_into_threads(lines):
    async def work():
        with bound(correlation_id="run-1"):
            await asyncio.to_thread(log.info, "inside")
        log.info("outside")

    asyncio.run(work())
    inside, outside = (line for line in lines() if line["logger"] == "calibrant.test")
    assert inside["correlation_id"] == "run-1"
    assert "correlation_id" not in outside
