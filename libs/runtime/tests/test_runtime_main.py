"""``python -m calibrant.<service>``: check, errors with exit codes, a signal that drains."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from calibrant.bus.embedded import open_bus
from calibrant.bus.ports import Message
from calibrant.runtime.platform import open_platform
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing.fakes import job_done, record_of
from calibrant.runtime.testing.forks import Forked, ran
from calibrant.runtime.testing.issuer import Issuer

IMPORTED = (
    "calibrant.runtime.main",
    "calibrant.runtime.testing.probe_service",
    "alembic.command",
    "alembic.ddl",
)
SERVICE = """
import sys, threading, pathlib
from types import ModuleType
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.handlers import collect, on
from calibrant.runtime.access.door import door_of
from calibrant.runtime.http import http_app
from calibrant.runtime.main import run
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import ServiceSettings
from calibrant.runtime.testing.probe_service import MIGRATIONS

@on(JobDone)
def slow(message, context):
    folder = pathlib.Path(sys.argv[sys.argv.index("--data-dir") + 1])
    (folder / "begun").touch()
    while not (folder / "go").exists():
        threading.Event().wait(0.01)
    return [RunProgress(run_id="r", phase="p", message="done", nodes_ended=0, nodes=0)]

def create_app(settings, platform):
    module = ModuleType("handlers")
    module.slow = slow
    spec = ServiceSpec("sequencer", None, collect(module), platform.database("sequencer"), MIGRATIONS)
    return http_app(ServiceProcess(spec, platform), door_of(settings))

sys.exit(run(create_app, ServiceSettings))
"""


def command(folder, *arguments):
    return [sys.executable, "-c", SERVICE, "--data-dir", str(folder), *map(str, arguments)]


def ended(folder, *arguments, **environment):
    return ran(command(folder, *arguments), modules=IMPORTED, env={**os.environ, **environment})


def until(true):
    end_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def test_check_builds_everything_and_touches_nothing(tmp_path):
    data = tmp_path / "data"
    check = ended(data, "--check")
    assert (check.returncode, check.stdout) == (0, "sequencer: everything builds\n")
    assert not data.exists()
    seed(data)
    (data / "db").mkdir()
    (data / "db" / "sequencer.sqlite").write_bytes(b"")  # it would be migrated
    before = contents(data)
    check = ended(data, "--check", TMPDIR=str(tmp_path))
    assert (check.returncode, check.stdout) == (0, "sequencer: everything builds\n")
    assert contents(data) == before
    assert list(tmp_path.iterdir()) == [data]  # and what it made elsewhere is gone


def test_a_wrong_setting_is_named(tmp_path):
    wrong = ended(tmp_path, "--check", CALIBRANT_PORT="70000")
    assert wrong.returncode == 2
    assert "error: setting port: Input should be less than or equal to 65535 (given: '70000')" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize("check", [("--port", 0), ("--check",)])
def test_a_data_folder_that_cannot_be_made_is_named(tmp_path, check):
    (tmp_path / "flat").write_text("")
    wrong = ended(tmp_path / "flat" / "data", *check)
    assert wrong.returncode == 2
    assert f"error: data folder {tmp_path}/flat/data: {tmp_path}/flat is no folder" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_a_port_in_use_is_told_with_what_to_do(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        wrong = ended(tmp_path, "--port", port)
    assert wrong.returncode == 1
    assert (
        f"error: cannot listen on 127.0.0.1:{port}: Address already in use. Choose another with --port"
        in wrong.stderr
    )
    assert "Traceback" not in wrong.stderr


def test_addresses_are_chosen_by_options_and_an_option_goes_before_its_variable(tmp_path):
    elsewhere = "192.0.2.1"  # no machine has it (RFC 5737)
    wrong = ended(tmp_path, "--port", 0, "--host", elsewhere, "--check", CALIBRANT_HOST="127.0.0.1")
    assert f"other machines reach an API on {elsewhere}" in wrong.stderr
    wrong = ended(tmp_path, "--port", 0, "--ops-host", elsewhere, "--ops-port", 9, CALIBRANT_OPS_PORT="10")
    assert f"error: cannot listen on {elsewhere}:9: " in wrong.stderr


def test_a_service_that_cannot_start_says_why_and_fails(tmp_path):
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "sequencer.sqlite").write_bytes(b"no database" * 200)
    wrong = ended(tmp_path, "--port", 0)
    assert wrong.returncode == 1
    assert "error: database" in wrong.stderr
    assert "is damaged or no database at all" in wrong.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_it_finish_what_is_in_hand(tmp_path, number):
    with socket.socket() as free, socket.socket() as beside:
        free.bind(("127.0.0.1", 0))
        beside.bind(("127.0.0.1", 0))
        port, ops_port = free.getsockname()[1], beside.getsockname()[1]
    seed(tmp_path)
    ports = command(tmp_path, "--port", port, "--ops-port", ops_port)
    with Forked(ports, modules=IMPORTED, stderr=subprocess.PIPE, text=True) as service:
        try:
            until((tmp_path / "begun").exists)
            until(lambda: answers(f"http://127.0.0.1:{ops_port}/ready"))
            assert answers(f"http://127.0.0.1:{port}/status")
            service.send_signal(number)
            until(lambda: not answers(f"http://127.0.0.1:{port}/status"))
            assert answers(f"http://127.0.0.1:{ops_port}/live")  # what is alive is not restarted
            until(lambda: not answers(f"http://127.0.0.1:{ops_port}/ready"))
            assert service.poll() is None  # it waits for what is in hand
            (tmp_path / "go").touch()
            assert service.wait(30) == 0
            said = service.stderr.read()
            assert "Traceback" not in said
            assert said.count("sequencer is ready") == 1
            assert "alembic" not in said  # whose plug-ins are nobody's concern
        finally:
            service.kill()
    assert look(tmp_path) == (1, 0)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def seed(folder):
    async def work():
        async with open_platform(PlatformSettings(data_dir=folder)) as platform:
            record = record_of(job_done(), topic="combine-results")
            async with platform.bus.producer() as producer:
                await producer.send([Message(record.topic, "k", record.value, record.headers)])

    asyncio.run(work())


def look(folder):
    async def work():
        bus = await open_bus(folder / "bus.sqlite")
        told = await bus.read("run-progress", from_start=True, limit=9)
        end = sum((await bus.end_offsets(["combine-results"])).values())
        done = sum((await bus.committed("sequencer")).values())
        await bus.close()
        return len(told), end - done

    return asyncio.run(work())


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_an_api_that_others_reach_does_not_start_without_keys(tmp_path, check):
    wrong = ended(tmp_path / "data", "--port", 0, "--host", "0.0.0.0", *check)
    assert wrong.returncode == 2
    assert "error: other machines reach an API on 0.0.0.0, so it must ask for credentials" in wrong.stderr
    assert "CALIBRANT_AUTH_JWKS" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert not (tmp_path / "data").exists()
    keys = Issuer().settings(tmp_path / "jwks.json")
    given = {f"CALIBRANT_{name.upper()}": value for name, value in keys.items()}
    right = ended(tmp_path / "data", "--check", CALIBRANT_HOST="0.0.0.0", **given)
    assert right.returncode == 0, right.stderr
