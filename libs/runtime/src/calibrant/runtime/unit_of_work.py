"""The unit of work: inbox row, effects and outbox rows in one short transaction.

Owns how a message becomes an outbox row. Knows neither what a handler does nor how the outbox is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import JSON, BigInteger, Insert, Text, bindparam, cast, delete, func, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from calibrant.bus.cloudevents import Envelope, sayable
from calibrant.bus.errors import MessageTooLarge
from calibrant.bus.records import MOST_BODY_BYTES
from calibrant.contracts.base import Message
from calibrant.contracts.flow import Topic, topic_for
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.clock import Clock, utc_text
from calibrant.runtime.database import Database
from calibrant.runtime.database.asking import ask
from calibrant.runtime.header_text import header_text
from calibrant.runtime.ids import derive, trace_parent
from calibrant.runtime.new_rows import insert_later, insert_now
from calibrant.runtime.tables import InboxRow, OutboxRow, lane_of
from calibrant.runtime.telemetry import spans


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that belongs to another run than the event that caused it."""

    message: Message
    correlation_id: str


Emission = Message | Outgoing


@dataclass(slots=True)
class UnitOfWork:
    """One transaction of one service.

    Parameters
    ----------
    service : str
        Name of the service: the producer in the data flow.
    session : Session
        The open transaction.
    clock : Clock
        For envelopes and the inbox.
    cause : str
        Identifier of what is being dealt with: an event's id, or a name of one's own for work that no event
        caused. Identifiers of what is emitted derive from it, so a repetition emits the same ones.
    correlation_id : str or None
        The run that all this belongs to.
    """

    service: str
    session: Session
    clock: Clock
    cause: str
    correlation_id: str | None = None
    _emitted: int = 0

    def emit(self, emissions: Iterable[Emission] | None) -> None:
        """Put messages into the outbox: they are sent after the transaction has committed.

        Raises
        ------
        LookupError
            The contract lets this service send no such message.
        MessageTooLarge
            One is larger than the log takes.
        """
        for emission in emissions or ():
            insert_later(self.session, OutboxRow, self._row(emission))

    def audit(self, caller: Caller, deed: Deed) -> None:
        """Write down who did what, in this transaction."""
        record(self.session, self.clock.tai_ns(), caller, deed)

    def was_done(self, event_id: str) -> bool:
        """Tell whether this service has dealt with the event before."""
        return was_done(self.session, event_id)

    def mark_done(self, event_id: str, topic: str = "") -> None:
        """Record that the event, which the topic brought, is dealt with."""
        row = {"event_id": event_id, "topic": topic, "done_tai_ns": self.clock.tai_ns()}
        insert_later(self.session, InboxRow, row)

    def write(self) -> None:
        """Write to the database what is not written yet; it is committed with the transaction."""
        self.session.flush()
        insert_now(self.session)

    def _row(self, emission: Emission) -> dict[str, Any]:
        message, correlation = (
            (emission.message, emission.correlation_id)
            if isinstance(emission, Outgoing)
            else (emission, self.correlation_id)
        )
        topic, source, dataschema = _constants(self.service, message.message_type)
        key = topic.key_of(message)
        event_id = derive(self.service, self.cause, str(self._emitted), message.message_type)
        self._emitted += 1
        attributes: dict[str, Any] = {
            "id": event_id,
            "source": source,
            "type": message.message_type,
            "time_utc": utc_text(self.clock.tai_ns()),
            "subject": key if _sayable(key) else None,
            "dataschema": dataschema,
            "correlation_id": correlation or None,
            "causation_id": self.cause,
            "traceparent": trace_parent(correlation or event_id, event_id),
        }
        headers, value = header_text(attributes), message.to_json()
        _check_size(message.message_type, value)
        if spans.wanted():
            spans.emitted(self.session, Envelope(**attributes, data=value))
        return {
            "lane": lane_of(topic.name, key),
            "topic": topic.name,
            "key": key,
            "value": value,
            "headers": headers,
        }


@cache
def _constants(service: str, kind: str) -> tuple[Topic, str, str]:
    """Give what all messages of a kind from a service share: topic, source, schema."""
    return topic_for(service, kind), f"/calibrant/{service}", f"urn:calibrant:schema:{kind}"


_sayable = lru_cache(maxsize=1024)(sayable)


def _check_size(kind: str, value: bytes) -> None:
    if len(value) > MOST_BODY_BYTES:  # refused here, for in the outbox it would hold up what comes after it
        raise MessageTooLarge(
            f"{kind} of {len(value)} bytes is larger than the {MOST_BODY_BYTES} that the log takes: "
            "put what it carries into the object store and send a reference"
        )


def was_done(session: Session, event_id: str) -> bool:
    """Tell whether the service of this database has dealt with the event before."""
    return session.get(InboxRow, event_id) is not None


def take_on(
    session: Session,
    event_ids: Collection[str],
    topic: str,
    now_tai_ns: int,
    meanwhile: Callable[[], None] | None = None,
) -> set[str]:
    """Record at once that events are dealt with, in a single round trip; return those that were not before.

    Parameters
    ----------
    session : Session
        An open transaction.
    event_ids : collection of str
        The events.
    topic : str
        What brought them all.
    now_tai_ns : int
        Now, TAI ns.
    meanwhile : callable or None
        Called while a server is at work on it; leaves the database alone.
    """
    connection = session.connection()
    dialect = connection.dialect.name
    values = {"event_ids": json.dumps(list(event_ids)), "topic": topic, "now": now_tai_ns}
    if meanwhile and dialect == "postgresql":
        return set(chain.from_iterable(ask(connection, _take_on(dialect), values, meanwhile)))
    found = connection.execute(_take_on(dialect), values)
    if meanwhile:
        meanwhile()
    return set(found.scalars())


@cache
def _take_on(dialect: str) -> Insert:
    """Insert one parameter with all identifiers: the statement is the same however many they are."""
    listed = bindparam("event_ids", type_=Text)
    if dialect == "postgresql":
        rows = func.json_array_elements_text(cast(listed, JSON)).table_valued("value").render_derived()
    else:
        rows = func.json_each(listed).table_valued("value")
    values = select(rows.c.value, bindparam("topic", type_=Text), bindparam("now", type_=BigInteger))
    columns = ["event_id", "topic", "done_tai_ns"]
    insert = (postgresql if dialect == "postgresql" else sqlite).insert(InboxRow)
    new: Insert = insert.from_select(columns, values.where(true())).on_conflict_do_nothing()
    return new.returning(col(InboxRow.event_id))


def put_back(session: Session, event_ids: Collection[str]) -> None:
    """Undo ``take_on`` for events that this transaction does not deal with after all."""
    if not event_ids:
        return
    session.connection().execute(delete(InboxRow).where(col(InboxRow.event_id).in_(event_ids)))


@contextmanager
def unit_of_work(
    database: Database, service: str, clock: Clock, *, cause: str, correlation_id: str | None = None
) -> Iterator[UnitOfWork]:
    """Open a unit of work; it commits at the end of the block or leaves nothing.

    Raises
    ------
    DatabaseUnavailable
        The database is locked, full or away.
    """
    with database.writing() as session:
        unit = UnitOfWork(service, session, clock, cause, correlation_id)
        yield unit
        unit.write()
