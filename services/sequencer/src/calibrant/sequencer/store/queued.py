"""The tables of cameras' queues, of schedules that fill them, and of the last results. Times are TAI nanoseconds."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, SQLModel


class EntryState(StrEnum):
    """What became of an entry of a queue."""

    WAITING = "waiting"
    STARTED = "started"  # its run has begun: what became of it, the run says
    REMOVED = "removed"  # somebody took it out
    REFUSED = "refused"  # its turn came, and no run can be begun like that any more
    MISSED = "missed"  # nobody was there at its schedule's time, nor within its grace


class QueueRow(SQLModel, table=True):
    """A camera's queue."""

    __tablename__ = "sequencer_queue"

    component: str = Field(primary_key=True)
    paused_by: str = Field(default="", description="empty: it is not paused")


class EntryRow(SQLModel, table=True):
    """A run that somebody, or a schedule, has put into a queue; it stays as history."""

    __tablename__ = "sequencer_entry"

    run_id: str = Field(primary_key=True)
    component: str = Field(index=True)
    number: int = Field(description="order in which entries came")
    place: int = Field(description="from 1, of one that waits")
    state: str = Field(description="an `EntryState`")
    request_json: str = Field(sa_column=Column(Text, nullable=False))
    request_key: str
    added_by: str
    schedule: str = Field(default="", description="schedule that added it; empty: a person or program")
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    added_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    left_tai_ns: int | None = Field(
        default=None, sa_column=Column(BigInteger), description="when it waited no more"
    )


class ScheduleRow(SQLModel, table=True):
    """A run that is put into a queue once a day."""

    __tablename__ = "sequencer_schedule"

    name: str = Field(primary_key=True)
    component: str = Field(index=True)
    at: str = Field(description="HH:MM or HH:MM:SS")
    zone: str
    grace_s: float
    request_json: str = Field(sa_column=Column(Text, nullable=False))
    set_by: str
    set_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    looked_tai_ns: int = Field(
        sa_column=Column(BigInteger, nullable=False), description="all its times up to here are dealt with"
    )


class AnswerRow(SQLModel, table=True):
    """What was answered to a command, so that it is carried out once."""

    __tablename__ = "sequencer_answer"

    command_id: str = Field(primary_key=True)
    answer_json: str = Field(sa_column=Column(Text, nullable=False))


class ResultRow(SQLModel, table=True):
    """The last result of a kind of calibration in a detector."""

    __tablename__ = "sequencer_result"

    instrument: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    detector: int = Field(primary_key=True)
    filter: str = Field(primary_key=True, description="empty: none")
    verdict: str = Field(
        description="certified or passed, also with failures; withheld, failed or not passed"
    )
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    product_id: str = ""
    run_id: str
    at_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
