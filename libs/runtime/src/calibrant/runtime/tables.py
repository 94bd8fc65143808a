"""The tables every service has beside its own: inbox, outbox, dead letters, jobs and their executions.

Owns their shape; ``migrations/`` of this package creates them. Times are TAI nanoseconds.
"""

from __future__ import annotations

import zlib
from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

LANES: Final = 16
"""Parts of an outbox that may be sent side by side."""


def lane_of(topic: str, key: str | None) -> int:
    """Return the lane of a message: messages that must stay in order have the same."""
    return zlib.crc32(f"{topic}/{key or ''}".encode("utf-8", "surrogatepass")) % LANES


class InboxRow(SQLModel, table=True):
    """An event this service has dealt with; kept for as long as its topic can bring it again."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_topic_done", "topic", "done_tai_ns", postgresql_using="brin"),)

    event_id: str = Field(primary_key=True)
    topic: str = Field(default="", description="Empty: no topic brought it.")
    done_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class OutboxRow(SQLModel, table=True):
    """An event to be sent, in the order of its number; kept until it was sent.

    A number is never given twice: a relay that removes what it sent cannot meet a newer row.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_lane_number", "lane", "number"), {"sqlite_autoincrement": True})

    number: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    lane: int = Field(description="See lane_of.")
    topic: str
    key: str | None = None
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    headers: str = Field(sa_column=Column(Text, nullable=False), description="JSON: pairs of name and text")


class OutboxLaneRow(SQLModel, table=True):
    """A lane of the outbox: whoever has locked its row sends what is in it."""

    __tablename__ = "outbox_lane"

    lane: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))


class DeadLetterRow(SQLModel, table=True):
    """A record this service gave up on, with all that is needed to look into it and to send it again."""

    __tablename__ = "dead_letter"

    letter_id: str = Field(primary_key=True)
    event_id: str
    topic: str
    partition: int
    log_offset: int = Field(sa_column=Column(BigInteger, nullable=False))
    key: str | None = None
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    headers: str = Field(sa_column=Column(Text, nullable=False), description="JSON: pairs of name and text")
    message_type: str = ""
    error: str = Field(description="permanent, poison, exhausted or fault")
    reason: str = Field(sa_column=Column(Text, nullable=False))
    attempts: int
    state: str = Field(default="open", description="open, replayed or discarded")
    died_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class JobRow(SQLModel, table=True):
    """A job that has a result; the first recorded one stays."""

    __tablename__ = "job"

    job_id: str = Field(primary_key=True)
    execution_id: str
    result: str = Field(sa_column=Column(Text, nullable=False), description="JSON of JobResult")
    done_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class ExecutionRow(SQLModel, table=True):
    """One attempt at a job."""

    __tablename__ = "execution"
    __table_args__ = (Index("ix_execution_event_id", "event_id"),)

    execution_id: str = Field(primary_key=True)
    job_id: str = Field(index=True)
    event_id: str
    attempt: int
    state: str = Field(
        description="running, done, superseded, failed, crashed, retried, waited, abandoned or interrupted"
    )
    backend: str = ""
    host: str = ""
    owner: str = Field(default="", description="Which process of the service makes it: see leases.")
    alive_tai_ns: int = Field(
        default=0,
        sa_column=Column(BigInteger, nullable=False),
        description="When its process last said that it lives, on that process' clock.",
    )
    error: str = Field(default="", sa_column=Column(Text, nullable=False))
    begun_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    ended_tai_ns: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    letter_id: str | None = Field(default=None, description="Dead letter that this attempt led to.")


RUNTIME_TABLES = ("inbox", "outbox", "outbox_lane", "dead_letter", "job", "execution", "audit")
