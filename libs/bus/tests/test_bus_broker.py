"""The broker for tests: it comes back on the same address with what it had, and goes when its owner is killed."""

import os
import select
import socket
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from calibrant.bus.testing import broker as kafka
from calibrant.bus.testing.broker import Broker, BrokerFailed
from calibrant.bus.testing.broker.ports import LOOPBACK, free_ports
from calibrant.bus.testing.harness import PATIENCE_S


@asynccontextmanager
async def operator(broker):
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@pytest.mark.kafka
@pytest.mark.asyncio
async def test_a_killed_broker_comes_back_with_its_topics_at_the_same_place():
    with Broker() as broker:
        async with operator(broker) as admin:
            await admin.create_topics([NewTopic("kept", 1, 1)])
        before = broker.servers
        broker.kill()
        broker.start()
        assert broker.servers == before
        async with operator(broker) as admin:
            assert await admin.list_topics() == ["kept"]


@pytest.mark.kafka
def test_a_broker_ends_when_its_owner_is_killed(tmp_path):
    code = (
        "import sys, pathlib; from calibrant.bus.testing.broker import Broker\n"
        "broker = Broker(pathlib.Path(sys.argv[1])); broker.start(); print(broker._process.pid, flush=True); input()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    ended = os.pidfd_open(int(owner.stdout.readline()))
    owner.kill()
    owner.communicate()
    assert select.select([ended], [], [], PATIENCE_S)[0] == [ended]
    os.close(ended)


@pytest.mark.kafka
def test_a_broker_that_cannot_start_says_why():
    with socket.create_server((LOOPBACK, free_ports(1)[0])) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerFailed, match="Address already in use"), Broker(port=port):
            pass


def test_what_is_missing_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("CALIBRANT_KAFKA", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert kafka.missing() == "no Kafka: there is no java in the PATH"
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(tmp_path) in kafka.missing()
