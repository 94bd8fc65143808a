"""``calibrant up``: services until stopped, over HTTP."""

import re
import signal
import socket
from contextlib import suppress

import httpx
import pytest

from calibrant.observatory.testing import alive, here, wait_until


def address_in(line):
    return re.search(r"http://[\d.:]+", line)[0]


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = here("up", "--port", port, "--data-dir", tmp_path / "data", code=1).err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "--port" in said


def test_an_api_that_others_reach_does_not_start_without_keys(tmp_path):
    said = here("up", "--host", "0.0.0.0", "--port", 0, "--data-dir", tmp_path / "data", code=2).err
    assert "other machines reach an API on 0.0.0.0, so it must ask for credentials" in said
    assert not (tmp_path / "data").exists()


def test_an_unknown_service_is_refused(tmp_path):
    place = ("--port", 0, "--data-dir", tmp_path / "data")
    assert "no service 'combin'" in here("up", "combin", *place, code=1).err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_services_answer_until_they_are_stopped_and_leave_in_order(calibrant, number):
    process = calibrant.begin("up", "--port", 0, "--data-dir", "data")
    try:
        address, ops = (address_in(process.stdout.readline()) for _ in range(2))
        with httpx.Client(base_url=address, timeout=10) as client:
            assert httpx.get(f"{ops}/startup", timeout=10).status_code == 200
            wait_until(lambda: httpx.get(f"{ops}/ready").status_code == 200, "the services are ready")
            assert len(client.get("/status").json()) == 7
            for path in (
                "/archive/publications",
                "/sequencer/runs",
                "/certify/calibrations",
                "/ingest/frames",
            ):
                answer = client.get(path)
                assert (answer.status_code, answer.json()) == (200, []), path
            assert client.get("/archive/files/nothing").status_code == 404
            assert client.get("/nothing").status_code == 404
        process.send_signal(number)
        assert calibrant.finish(process).err == ""
    finally:
        process.kill()
    wait_until(lambda: not alive(process.pid), "its child processes have ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_while_it_starts_it_leaves_in_order(calibrant, number):
    process = calibrant.begin("up", "--port", 0, "--data-dir", "data")
    signed = calibrant.folder / "data" / "observatory.lock"
    wait_until(lambda: signed.exists() and signed.read_text(), "it has the folder")
    process.send_signal(number)
    assert calibrant.finish(process).err == ""
    wait_until(lambda: not alive(process.pid), "its child processes have ended")


def test_before_the_services_are_up_the_startup_probe_is_answered(calibrant):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = calibrant.begin("up", "--port", 0, "--ops-port", port, "--data-dir", "data")
    try:
        answers = []

        def answered():
            with suppress(httpx.TransportError):
                answers.append(httpx.get(f"http://127.0.0.1:{port}/startup", timeout=10).status_code)
            return 200 in answers

        wait_until(answered, "the services are up")
        assert set(answers) == {503, 200}
        process.send_signal(signal.SIGTERM)
        calibrant.finish(process)
    finally:
        process.kill()


def test_named_services_run_alone(calibrant):
    process = calibrant.begin("up", "archive", "certify", "--port", 0, "--data-dir", "data")
    try:
        address = address_in(process.stdout.readline())
        assert set(httpx.get(f"{address}/status", timeout=10).json()) == {"archive", "certify"}
        process.send_signal(signal.SIGTERM)
        calibrant.finish(process)
    finally:
        process.kill()
