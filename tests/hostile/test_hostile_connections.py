"""The HTTP edge below HTTP: what comes over a socket to a process that really serves, well-formed or not."""

import asyncio
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from calibrant.runtime import serving
from calibrant.runtime.connections import MOST_HEAD_BYTES, Connection
from calibrant.runtime.serving import listen, served

PATIENCE_S = 60.0
MEMORY_KIB = 100 << 10
GOOD = b"GET /status HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"GET /control/drain HTTP/1.1\r\nHost: x\r\n\r\n"


def memory_kib(pid):
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1])


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Run certify as an operator does, in a process of its own; give its port and its process."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        port, beside = one.getsockname()[1], two.getsockname()[1]
    folder = tmp_path_factory.mktemp("served")
    words = [
        sys.executable,
        "-m",
        "calibrant.certify",
        "--port",
        port,
        "--ops-port",
        beside,
        "--data-dir",
        folder,
    ]
    with subprocess.Popen([str(word) for word in words], stderr=subprocess.DEVNULL) as process:
        try:
            transport = httpx.HTTPTransport(retries=20)  # with a back-off of its own, until it listens
            with httpx.Client(transport=transport, timeout=PATIENCE_S) as client:
                end_s = time.monotonic() + PATIENCE_S
                while client.get(f"http://127.0.0.1:{port}/status").status_code != 200:
                    assert time.monotonic() < end_s, "it does not come up"
                    time.sleep(0.05)
            yield port, process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def said(port, *pieces):
    """Send pieces, for as long as they are taken, and return all that is answered until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
        except OSError:
            pass  # refused in the middle
        answer = b""
        try:
            while piece := line.recv(1 << 16):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def statuses(answer):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


@pytest.mark.parametrize(
    "pieces",
    [
        [GOOD, *[b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(20_000)]],
        [GOOD, b"X: ", *[b"y" * (1 << 16)] * 500],
        [b"y" * (1 << 16)] * 500,
        [b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"\0" * 1000, b"\r\n\r\n"],
        [b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\0" * 500],
        [b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"GET /status HTTP/1.1\r\n\r\n"],
        [b"GET /status HTTP/x.y\r\nHost: x\r\n\r\n"],
        [GOOD + b"Host: y\r\n\r\n"],
        [GOOD + b"X: a\0b\r\n\r\n"],
        [GOOD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", b"hello" + SMUGGLED],
        [GOOD + b"Content-Length: 5, 6\r\n\r\n", b"hello" + SMUGGLED],
        [GOOD + b"Content-Length: -1\r\n\r\n", SMUGGLED],
        [GOOD + b"Content-Length: 1_0\r\n\r\n", SMUGGLED],
        [GOOD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n"],
        [GOOD + b"Transfer-Encoding: chunked, identity\r\n\r\n", SMUGGLED],
        [GOOD + b"Transfer-Encoding: xchunked\r\n\r\n", SMUGGLED],
        [GOOD.replace(b"GET", b"POST") + b"Transfer-Encoding : chunked\r\n\r\n", b"0\r\n\r\n" + SMUGGLED],
    ],
    ids=range(19),
)
def test_what_is_no_request_is_refused_and_closed(service, pieces):
    port, process = service
    before = memory_kib(process.pid)
    found = statuses(said(port, *pieces))
    assert found in ([], [400]), found
    assert process.poll() is None
    assert memory_kib(process.pid) - before < MEMORY_KIB
    assert statuses(said(port, GOOD + b"Connection: close\r\n\r\n")) == [200]


def test_a_chunked_body_beside_a_length_hides_no_request(service):
    port, _ = service
    both = GOOD.replace(b"GET", b"POST") + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = statuses(said(port, both + b"0\r\n\r\n" + GOOD + b"Connection: close\r\n\r\n"))
    assert found in ([400], [405], [405, 200])  # chunked counts: what comes behind it is a request of its own


def test_a_body_without_end_ends_with_the_connection(service):
    port, process = service
    before = memory_kib(process.pid)
    head = (
        b"POST /control/resume HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"y" * (1 << 16) + b"\r\n"
    assert statuses(said(port, head, *[chunk] * 400)) in ([], [200])  # it has no use for a body
    assert memory_kib(process.pid) - before < MEMORY_KIB


def test_many_connections_that_say_nothing_do_not_stop_the_others(service):
    port, process = service
    silent = [socket.create_connection(("127.0.0.1", port), PATIENCE_S) for _ in range(200)]
    try:
        assert statuses(said(port, GOOD + b"Connection: close\r\n\r\n")) == [200]
    finally:
        for line in silent:
            line.close()
    assert process.poll() is None


@pytest.mark.asyncio
@pytest.mark.parametrize("sent", [b"", b"GET / HT", GOOD, GOOD + b"\r\n" + GOOD])
async def test_who_never_ends_a_request_is_hung_up_on(monkeypatch, sent):
    class Hasty(Connection):
        head_s = 0.2

    monkeypatch.setattr(serving, "Connection", Hasty)
    with listen("127.0.0.1", 0) as opened:
        async with served(FastAPI(), opened), asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(*opened.getsockname())
            writer.write(sent)
            await writer.drain()
            await reader.read()  # ends when the server closes, else never
            writer.close()


def test_the_limit_of_a_head_is_what_it_is_said_to_be(service):
    port, _ = service
    fits = b"X: " + b"y" * (MOST_HEAD_BYTES // 2) + b"\r\nConnection: close\r\n\r\n"
    assert statuses(said(port, GOOD + fits)) == [200]
