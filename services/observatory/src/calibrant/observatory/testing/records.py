"""What services left, wherever it is kept: read from the log, the databases and the object store alone.

Owns the reading. Judges nothing, and asks no service.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from calibrant.bus.cloudevents import from_record
from calibrant.contracts.flow import topics
from calibrant.observatory.composition import SERVICES
from calibrant.runtime.adapters import known_database, open_log
from calibrant.runtime.objects import FolderStore, ObjectStore, open_store
from calibrant.runtime.objects.s3 import S3Store
from calibrant.runtime.settings import PlatformSettings

MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it stands in the log."""

    topic: str
    id: str
    type: str
    run: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Records:
    """What lies in a place.

    Parameters
    ----------
    settings : PlatformSettings
        Where log, databases and objects are.
    """

    settings: PlatformSettings

    def events(self, topic: str) -> list[Event]:
        """Return all events of a topic, the repeated ones too; oldest first, in order within a partition."""
        return asyncio.run(self._events(topic))

    def announced(self, topic: str, message: str = "") -> list[dict[str, Any]]:
        """Return what each event of a topic said, once: a repetition has the same identifier.

        Parameters
        ----------
        topic : str
            The topic.
        message : str
            Only events of this type, without its package; empty: of all.
        """
        of_type = (
            event for event in self.events(topic) if event.type.endswith(f".{message}" if message else "")
        )
        return list({event.id: event.data for event in of_type}.values())

    def ask(self, service: str, question: str) -> list[tuple[Any, ...]]:
        """Ask a service's database in SQL; nothing where it never ran."""
        database = known_database(self.settings, service)
        if database is None:
            return []
        try:
            with database.reading() as session:
                return [tuple(row) for row in session.connection().exec_driver_sql(question)]
        finally:
            database.close()

    def digests(self, prefix: str) -> dict[str, str]:
        """Return the hash of every object below a prefix, by its key."""
        store = open_store(self.settings)
        return {key: hashlib.sha256(content(store, key)).hexdigest() for key in store.keys(prefix)}

    def unrest(self) -> list[str]:
        """Return what is left to be sent, buried or computed; nothing after a run that ended well."""
        found = []
        for service in SERVICES:
            waiting = self.ask(service, "select topic from outbox")
            dead = self.ask(service, "select topic, reason from dead_letter")
            computing = self.ask(service, "select job_id from execution where state = 'running'")
            found += [f"{service}: {row}" for row in (*waiting, *dead, *computing)]
        return found

    async def _events(self, topic: str) -> list[Event]:
        assert topic in topics(), f"no topic {topic}"
        bus = await open_log(self.settings)
        try:
            records = await bus.read(topic, from_start=True, limit=MANY)
        finally:
            await bus.close()
        envelopes = [from_record(record) for record in records]
        return [Event(topic, e.id, e.type, e.correlation_id, json.loads(e.data)) for e in envelopes]


def content(store: ObjectStore, key: str) -> bytes:
    """Return an object's bytes as they are stored, by no check and from no cache."""
    if isinstance(store, FolderStore):
        return (store.root / key).read_bytes()
    assert isinstance(store, S3Store)
    name = f"{store.prefix}/{key}" if store.prefix else key
    answer = store.bucket.client.get_object(Bucket=store.bucket.name, Key=name)
    return answer["Body"].read()
