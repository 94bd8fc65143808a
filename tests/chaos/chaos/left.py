"""What is left when all is over, as plain values: rows of databases, events of topics, files and their hashes.

Owns the reading, from stores, topics and folders alone. Judges nothing, and asks no service.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import inspect

from calibrant.contracts.flow import topics, topics_consumed
from calibrant.observatory.composition import SERVICES
from calibrant.observatory.testing import Records
from calibrant.observatory.testing.records import Event, content
from calibrant.runtime.adapters import known_database, open_log
from calibrant.runtime.handlers import collect
from calibrant.runtime.objects import open_store
from calibrant.runtime.settings import PlatformSettings

Row = Mapping[str, Any]
PARTS = ("raw", "frames", "rejected", "products", "reports", "archive")
"""Prefixes in the object store."""
_NOT_READ = {"verify_metric", "verify_result", "alembic_version", "outbox_lane", "audit"}


@dataclass(frozen=True, slots=True)
class Left:
    """What is left.

    Parameters
    ----------
    rows : mapping of (str, str) to sequence of row
        By service and table.
    events : mapping of str to sequence of Event
        By topic, the repeated ones too.
    files : mapping of str to (str, int)
        Hash and size in bytes of each object, by its key.
    waiting : mapping of str to int
        How many records a service has not committed, by ``service: topic``; only where there are any.
    scratch : sequence of str
        Files in the scratch folders.
    handled : mapping of str to set of str
        Types of the messages that each service deals with.
    """

    rows: Mapping[tuple[str, str], Sequence[Row]] = field(default_factory=dict)
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    scratch: Sequence[str] = ()
    handled: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def table(self, service: str, name: str) -> Sequence[Row]:
        """Return the rows of a table; none where there is no such table."""
        return self.rows.get((service, name), ())

    def everywhere(self, name: str) -> list[tuple[str, Row]]:
        """Return the rows of a table that every service has, each with its service."""
        return [
            (service, row) for (service, table), rows in self.rows.items() if table == name for row in rows
        ]

    def once(self, topic: str, message: str) -> dict[str, Mapping[str, Any]]:
        """Return what each event of a type said, by its identifier: a repetition has the same one."""
        of_type = (event for event in self.events.get(topic, ()) if event.type.endswith(f".{message}"))
        return {event.id: event.data for event in of_type}


def look(settings: PlatformSettings, folders: Sequence[Path]) -> Left:
    """Read all that is left.

    Parameters
    ----------
    settings : PlatformSettings
        Where log, databases and objects are.
    folders : sequence of Path
        Data folders of the processes.
    """
    records = Records(settings)
    rows: dict[tuple[str, str], Sequence[Row]] = {}
    for service in SERVICES:
        rows |= _rows(settings, service)
    store = open_store(settings)
    files = {}
    for key in (key for part in PARTS for key in store.keys(part)):
        data = content(store, key)
        files[key] = hashlib.sha256(data).hexdigest(), len(data)
    return Left(
        rows=rows,
        events={topic: records.events(topic) for topic in topics()},
        files=files,
        waiting=asyncio.run(waiting(settings)),
        scratch=[str(path) for at in folders for path in (at / "scratch").rglob("*") if path.is_file()],
        handled={service: _handled(service) for service in SERVICES},
    )


def _rows(settings: PlatformSettings, service: str) -> dict[tuple[str, str], Sequence[Row]]:
    database = known_database(settings, service)
    if database is None:
        return {}
    try:
        with database.reading() as session:
            connection = session.connection()
            schema = service if settings.database else None
            names = set(inspect(connection).get_table_names(schema=schema)) - _NOT_READ
            return {
                (service, name): [
                    dict(row) for row in connection.exec_driver_sql(f"select * from {name}").mappings()
                ]
                for name in sorted(names)
            }
    finally:
        database.close()


def _handled(service: str) -> frozenset[str]:
    table = collect(import_module(f"calibrant.{service}.handlers"))
    return frozenset((*table.events, *table.jobs))


async def waiting(settings: PlatformSettings) -> dict[str, int]:
    """Count the records that services have not committed, by ``service: topic``."""
    bus = await open_log(settings)
    try:
        found = {}
        for service in SERVICES:
            done = {**await bus.committed(service), **await bus.committed(f"{service}-jobs")}
            for at, end in (await bus.end_offsets([t.name for t in topics_consumed(service)])).items():
                if end > done.get(at, 0):
                    name = f"{service}: {at.topic}"
                    found[name] = found.get(name, 0) + end - done.get(at, 0)
        return found
    finally:
        await bus.close()
