"""The camera's tables: their shape; ``migrations/`` creates them. Times are nanoseconds since 1970-01-01T00:00:00 TAI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Integer, Text, UniqueConstraint
from sqlmodel import Field, Session, SQLModel

from calibrant.camera.generic import inner
from calibrant.camera.recordings import Recording
from calibrant.contracts.camera.v1 import Generic, StoredFile
from calibrant.sal import COMMANDS, Command


def _number() -> Column[int]:
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column(kind, primary_key=True, autoincrement=True)


def _big() -> Column[int]:
    return Column(BigInteger, nullable=False)


def _text() -> Column[str]:
    return Column(Text, nullable=False)


class CommandState(StrEnum):
    """How far a command has come."""

    ACCEPTED = "accepted"
    EXECUTING = "executing"
    STOPPING = "stopping"
    DONE = "done"


class ExposureState(StrEnum):
    """How far an exposure has come; one that is open waits for endImage."""

    OPEN = "open"
    BEGUN = "begun"
    STORED = "stored"
    ABORTED = "aborted"


class StatusRow(SQLModel, table=True):
    """The component: its simulated clock, filter and state. The state counts for the named boot alone."""

    __tablename__ = "camera_status"

    component: str = Field(primary_key=True)
    clock_tai_ns: int = Field(sa_column=_big())
    filter: str = ""
    summary_state: str
    boot_id: str
    calibration: bool = Field(default=False, description="Whether startImage is allowed")
    playlist: str = Field(default="", description="The list that is played; empty for none")
    play_next: int = Field(default=0, description="Place of the image that comes next, from 0")
    play_repeat: bool = False
    changer_awake_ns: int = Field(
        default=0, sa_column=_big(), description="Until when the filter changer was commanded to be awake"
    )
    guiders: str = Field(
        default="",
        sa_column=_text(),
        description="What is read of the guide sensors, as commanded; empty: none",
    )


class CommandRow(SQLModel, table=True):
    """A command that was taken in, in the order of its number."""

    __tablename__ = "camera_command"

    number: int | None = Field(default=None, sa_column=_number())
    command_id: str = Field(unique=True)
    numbered: str = Field(
        default="", index=True, description="Its sender and sequence number; empty without one"
    )
    name: str
    body: str = Field(sa_column=_text(), description="The message as JSON")
    asked: str = Field(description="Digest of what was asked for, as it came")
    run_id: str = ""
    state: str = Field(index=True, description="accepted, executing, stopping or done")
    boot_id: str = Field(description="The boot that took it in")
    received_tai_ns: int = Field(sa_column=_big())
    traceparent: str = Field(default="", description="The span in which it was taken in; empty for none")

    def command(self) -> Command:
        """Return what is commanded: the message, or the one that it names."""
        command = COMMANDS[self.name].from_json(self.body.encode())
        return inner(command) if isinstance(command, Generic) else command


class AckRow(SQLModel, table=True):
    """An acknowledgement that was given, in the order of its number."""

    __tablename__ = "camera_ack"

    number: int | None = Field(default=None, sa_column=_number())
    command_id: str = Field(index=True)
    body: str = Field(sa_column=_text(), description="CommandAck as JSON")
    given_tai_ns: int = Field(sa_column=_big())


class ExposureRow(SQLModel, table=True):
    """An exposure; none is ever removed, so that no number comes twice."""

    __tablename__ = "camera_exposure"
    __table_args__ = (UniqueConstraint("day_obs", "image_number", name="uq_camera_exposure_number"),)

    exposure_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    image_name: str = Field(unique=True)
    day_obs: str
    image_number: int
    command_id: str = Field(index=True)
    image_index: int
    images_in_sequence: int
    image_type: str
    group_id: str
    begin_tai_ns: int = Field(sa_column=_big())
    end_tai_ns: int = Field(sa_column=_big(), description="End of the readout")
    exposure_time_s: float
    dark_time_s: float
    shutter: bool
    filter: str = ""
    sensors: str = Field(sa_column=_text(), description="JSON: detectors read")
    state: str = Field(description="open, begun, stored or aborted")
    ended_by: str = Field(default="", index=True, description="The endImage that ended it; empty for none")
    played: str = Field(
        default="", sa_column=_text(), description="JSON: the recording it is made of; empty: simulated"
    )
    guiders: str = Field(
        default="", sa_column=_text(), description="What is read of the guide sensors; empty: nothing"
    )
    files: str = Field(
        default="[]", sa_column=_text(), description="JSON: StoredFile of each detector, and of guide sensors"
    )

    def stored_files(self) -> list[StoredFile]:
        """Return the files of a stored exposure."""
        return [StoredFile.model_validate(file) for file in json.loads(self.files)]

    def stored_as(self, session: Session, files: Sequence[StoredFile]) -> ExposureRow:
        """Record that all its files are in the object store, and return the row as the transaction has it."""
        row = session.get_one(ExposureRow, self.exposure_id)
        row.state = ExposureState.STORED
        row.files = json.dumps([file.model_dump(mode="json") for file in files])
        return row

    @property
    def recording(self) -> Recording | None:
        """The recorded image whose pixels it has; None where they are simulated."""
        return Recording.model_validate_json(self.played) if self.played else None

    def frames(self) -> list[StoredFile]:
        """Return the files of its detectors, without those of guide sensors."""
        read = set(self.detectors())
        return [file for file in self.stored_files() if file.detector in read]

    def detectors(self) -> list[int]:
        """Return the detectors that were read."""
        return [int(number) for number in json.loads(self.sensors)]


class PlaylistRow(SQLModel, table=True):
    """A list of recorded images."""

    __tablename__ = "camera_playlist"

    name: str = Field(primary_key=True)
    images: str = Field(sa_column=_text(), description="JSON: Recording of each image")


CAMERA_TABLES = ("camera_status", "camera_command", "camera_ack", "camera_exposure", "camera_playlist")
