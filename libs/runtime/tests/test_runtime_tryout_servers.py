"""The servers to try things on, as commands: what they say, and what they do where a stranger has their port."""

import re
import select
import signal
import socket
import subprocess
import sys

import pytest

from calibrant.bus.testing.broker.ports import LOOPBACK, free_ports

PATIENCE_S = 60.0
SERVERS = [
    pytest.param("calibrant.bus.testing.broker", "CALIBRANT_BUS", marks=pytest.mark.kafka, id="kafka"),
    pytest.param(
        "calibrant.runtime.testing.postgres", "CALIBRANT_DATABASE", marks=pytest.mark.postgres, id="postgres"
    ),
    pytest.param("calibrant.runtime.testing.s3", "CALIBRANT_OBJECTS", id="objects"),
]
MODULES = [pytest.param(one.values[0], marks=one.marks, id=one.id) for one in SERVERS]


def begin(module, port):
    command = [sys.executable, "-m", module, "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("module", MODULES)
def test_a_server_takes_no_stranger_on_its_port_for_itself(module):
    with socket.create_server((LOOPBACK, free_ports(1)[0])) as stranger:
        port = stranger.getsockname()[1]
        said, errors = begin(module, port).communicate(timeout=PATIENCE_S)
    assert (said, errors) == (
        "",
        f"error: port {port} is in use: stop what listens there, or give --port\n",
    )


@pytest.mark.parametrize(("module", "variable"), SERVERS)
def test_a_server_says_how_calibrant_is_pointed_at_it(module, variable):
    (port,) = free_ports(1)
    server = begin(module, port)
    try:
        assert select.select([server.stdout], [], [], PATIENCE_S)[0]
        said = server.stdout.readline() + server.stdout.readline()
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=PATIENCE_S)
    exports = re.findall(r"^export (.*)$", said, re.MULTILINE)
    assert len(exports) == 1
    assert exports[0].startswith(f"{variable}=")
    assert f"127.0.0.1:{port}" in exports[0]
