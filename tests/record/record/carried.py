"""Carries a sequence out over Kafka, PostgreSQL and an S3 service that nobody else uses, each service a process of its own.

Owns their start and end and what is read afterwards, from logs, topics and databases. Must not know how it is shown.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibrant.bus.testing.broker import Broker
from calibrant.contracts.flow import topics
from calibrant.observatory.testing import Site
from calibrant.runtime.testing.postgres import Cluster
from calibrant.runtime.testing.s3 import KEY_ID, SECRET, ObjectServer

PATIENCE_S = 3 * 3600.0
_PROBLEM = re.compile(r"^\S+ \S+ (WARNING|ERROR|CRITICAL) ")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be carried out.

    Parameters
    ----------
    sequence : Path
        The sequence file.
    instrument : str
        The camera.
    speed : float
        How much faster than real time its clock runs; 0 as fast as it can.
    """

    sequence: Path
    instrument: str
    speed: float


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of it.

    Parameters
    ----------
    said : mapping
        What ``calibrant run --json`` said.
    code : int
        Its exit code.
    counts : mapping of str to mapping of str to int
        Events of each topic by their type, each once.
    repeated : int
        Events that stand in the log more than once.
    files : mapping of str to int
        Objects in the store by the first part of their keys.
    seconds : mapping of str to float
        Until all services took on work; of the run.
    peak_bytes : mapping of str to int
        The most memory that each service's processes have held, added up.
    unrest : list of str
        What is left to be sent, buried or computed.
    problems : list of str
        Warnings and errors in what the services said.
    failures : list of str
        What failed in products that are certified all the same.
    """

    said: Mapping[str, Any]
    code: int
    counts: Mapping[str, Mapping[str, int]]
    repeated: int
    files: Mapping[str, int]
    seconds: Mapping[str, float]
    peak_bytes: Mapping[str, int] = field(default_factory=dict)
    unrest: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Run the servers; give the variables that lead to them."""
    with Broker() as broker, Cluster() as database, ObjectServer() as store:
        yield {
            "CALIBRANT_BUS": f"kafka://{broker.servers}",
            "CALIBRANT_DATABASE": database.create_database(),
            "CALIBRANT_OBJECTS": f"s3://{store.create_bucket().name}/site",
            "CALIBRANT_OBJECTS_ENDPOINT": store.endpoint,
            "CALIBRANT_OBJECTS_KEY_ID": KEY_ID,
            "CALIBRANT_OBJECTS_SECRET": SECRET,
        }


def carry_out(order: Order, folder: Path) -> Carried:
    """Carry a sequence out, and read what it left.

    Parameters
    ----------
    order : Order
        What.
    folder : Path
        Where each process has a folder of its own, with what it said in ``log``.

    Returns
    -------
    Carried
        What came of it.

    Raises
    ------
    RuntimeError
        The run was refused; the text has what was said.
    """
    camera = {"CALIBRANT_INSTRUMENT": order.instrument, "CALIBRANT_SPEED": str(order.speed)}
    with servers() as places, Site(folder, places, **camera) as site:
        site.calibrant.patience_s = PATIENCE_S
        begun_s = time.monotonic()
        site.start()
        ready_s = time.monotonic()
        words = ("run", order.sequence.resolve(), "--instrument", order.instrument, "--attach", "--json")
        ended = site.calibrant(*words, code=None)
        done_s = time.monotonic()
        if not ended.out:
            raise RuntimeError(f"calibrant run ended with {ended.code}: {ended.err.strip()}")
        reports = site.calibrant("reports", "list", "--json").json
        peaks = {unit.service: unit.peak_bytes for unit in site}
        site.stop()
        counts, repeated = _events(site)
        keys = [
            key for part in ("raw", "products", "reports", "archive") for key in site.records.digests(part)
        ]
        return Carried(
            said=ended.json,
            code=ended.code,
            counts=counts,
            repeated=repeated,
            files=Counter(key.partition("/")[0] for key in keys),
            seconds={"services ready": ready_s - begun_s, "run": done_s - ready_s},
            peak_bytes=peaks,
            unrest=site.records.unrest(),
            problems=[text for unit in site for text in problems(unit.service, unit.log)],
            failures=[
                f"{one['kind']} of detector {one['detector']}: {one['reason']}"
                for one in reports
                if one["verdict"] == "certified with failures"
            ],
        )


def _events(site: Site) -> tuple[dict[str, dict[str, int]], int]:
    """Count the events of each topic by their type, each once; and those that stand there again."""
    counts, repeated = {}, 0
    for topic in topics():
        events = site.records.events(topic)
        once = {event.id: event.type.rpartition(".")[2] for event in events}
        repeated += len(events) - len(once)
        counts[topic] = dict(Counter(once.values()))
    return counts, repeated


def problems(service: str, log: Path) -> list[str]:
    """Return the lines of a log that tell of something wrong."""
    lines = log.read_text(errors="replace").splitlines()
    return [f"{service}: {line}" for line in lines if _PROBLEM.match(line) or "Traceback" in line]
