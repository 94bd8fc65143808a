"""The settings of a single broker that is its own controller: small, quick to start, nothing made by accident.

Owns Kafka's property names. Must not know processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from calibrant.bus.testing.broker.ports import LOOPBACK

_ONE_NODE: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "broker.heartbeat.interval.ms": "200",
    "broker.session.timeout.ms": "3000",
    "metadata.max.idle.interval.ms": "0",
}

STEADY: Final = {"broker.heartbeat.interval.ms": "1000", "broker.session.timeout.ms": "9000"}
"""For one that nobody kills: it takes half the processor time while nothing happens, but is slower to come back."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a broker listens, all on the loopback.

    Parameters
    ----------
    client
        For whoever connects directly.
    behind_proxy, proxy
        Who connects to the first is told to go on at the second, where a proxy forwards to the first.
    controller
        For the broker itself.
    """

    client: int
    behind_proxy: int
    proxy: int
    controller: int


def properties(data: Path, ports: Ports, more: Mapping[str, str]) -> str:
    """Write a properties file.

    Parameters
    ----------
    data
        Where the log lies.
    ports
        Where to listen.
    more
        Further properties, which win.
    """
    listeners = {"CLIENT": ports.client, "PROXIED": ports.behind_proxy, "CONTROLLER": ports.controller}
    advertised = {**listeners, "PROXIED": ports.proxy}
    settings = {
        **_ONE_NODE,
        "log.dirs": str(data / "log"),
        "listeners": _addresses(listeners),
        "advertised.listeners": _addresses(advertised),
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports.controller}",
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _addresses(listeners: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items())
