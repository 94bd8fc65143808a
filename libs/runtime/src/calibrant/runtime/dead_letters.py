"""Dead letters: what a service gave up on, kept with its origin, to be listed, shown, replayed or discarded.

Owns the ``dead_letter`` table. Used by the dispatcher, by each service's API and by the command line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from calibrant.bus.errors import CalibrantError, PermanentError
from calibrant.bus.ports import Record
from calibrant.runtime.clock import Clock
from calibrant.runtime.header_text import headers_to_text
from calibrant.runtime.ids import derive
from calibrant.runtime.tables import DeadLetterRow, InboxRow, OutboxRow, lane_of

TEXT_LIMIT = 4000
"""Characters kept of an error's text."""


class NoSuchLetter(PermanentError):
    """There is no open dead letter with this identifier."""


@dataclass(frozen=True, slots=True)
class Death:
    """Why a record was given up."""

    event_id: str
    message_type: str
    error: str
    reason: str
    attempts: int
    error_type: str = ""


def raw_event_id(record: Record) -> str:
    """Return an identifier for a record whose own cannot be read: the same bytes, the same identifier."""
    digest = hashlib.sha256(record.value)
    for name, value in record.headers:
        digest.update(name.encode("utf-8", "surrogatepass"))
        digest.update(value)
    return f"raw-{digest.hexdigest()[:32]}"


def told(error: BaseException) -> str:
    """Return an error as text that any store takes: its own words if it has chosen them, else with its type."""
    words = str(error)
    text = words if words and isinstance(error, CalibrantError) else f"{type(error).__name__}: {words}"
    return _storable(text[:TEXT_LIMIT])


def bury(session: Session, clock: Clock, record: Record, death: Death) -> DeadLetterRow:
    """Record a dead letter and mark its event as dealt with, in the caller's transaction."""
    letter_id = derive(record.topic, str(record.partition), str(record.offset), death.event_id)[:13]
    row = DeadLetterRow(
        letter_id=letter_id,
        event_id=death.event_id,
        topic=record.topic,
        partition=record.partition,
        log_offset=record.offset,
        key=None if record.key is None else _storable(record.key),
        value=record.value,
        headers=headers_to_text(record.headers),
        message_type=death.message_type,
        error=death.error,
        reason=death.reason,
        attempts=death.attempts,
        died_tai_ns=clock.tai_ns(),
    )
    session.merge(InboxRow(event_id=death.event_id, topic=record.topic, done_tai_ns=clock.tai_ns()))
    return session.merge(row)


def letters(
    session: Session, *, state: str | None = "open", limit: int | None = None
) -> Sequence[DeadLetterRow]:
    """Return the dead letters in a state ("open", "replayed", "discarded"; None: all), oldest first, so many."""
    query = select(DeadLetterRow).order_by(col(DeadLetterRow.died_tai_ns), col(DeadLetterRow.letter_id))
    if state is not None:
        query = query.where(DeadLetterRow.state == state)
    return session.exec(query.limit(limit)).all()


def count(session: Session, *, state: str = "open") -> int:
    """Return how many dead letters are in a state."""
    query = select(func.count()).select_from(DeadLetterRow).where(DeadLetterRow.state == state)
    return session.exec(query).one()


def letter(session: Session, letter_id: str) -> DeadLetterRow:
    """Return one dead letter.

    Raises
    ------
    NoSuchLetter
        There is none with this identifier.
    """
    row = session.get(DeadLetterRow, letter_id)
    if row is None:
        raise NoSuchLetter(f"no dead letter {letter_id!r}; `calibrant dead-letters list` shows them")
    return row


def replay(session: Session, letter_id: str) -> DeadLetterRow:
    """Send a dead letter again, byte for byte, to its topic; other services have dealt with it and skip it.

    Raises
    ------
    NoSuchLetter
        There is no open one with this identifier.
    """
    row = _open(session, letter_id)
    done = session.get(InboxRow, row.event_id)
    if done is not None:
        session.delete(done)
    lane = lane_of(row.topic, row.key)
    session.add(OutboxRow(lane=lane, topic=row.topic, key=row.key, value=row.value, headers=row.headers))
    row.state = "replayed"
    session.add(row)
    return row


def discard(session: Session, letter_id: str) -> DeadLetterRow:
    """Put a dead letter away for good; it stays on record.

    Raises
    ------
    NoSuchLetter
        There is no open one with this identifier.
    """
    row = _open(session, letter_id)
    row.state = "discarded"
    session.add(row)
    return row


def _storable(text: str) -> str:
    """Return text that any database takes: PostgreSQL takes no NUL, and none takes half a character."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _open(session: Session, letter_id: str) -> DeadLetterRow:
    row = letter(session, letter_id)
    if row.state != "open":
        raise NoSuchLetter(f"dead letter {letter_id} was {row.state} before")
    return row
