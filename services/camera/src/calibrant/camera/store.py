"""The camera's tables and the one class of queries over them.

Owns their shape; ``migrations/`` creates them. Times are nanoseconds since 1970-01-01T00:00:00 TAI.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, Text, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, func, or_, select

from calibrant.camera.recordings import Recording
from calibrant.contracts.camera.v1 import CommandAck, StoredFile, SummaryState
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
    run_id: str = ""
    state: str = Field(index=True, description="accepted, executing, stopping or done")
    boot_id: str = Field(description="The boot that took it in")
    received_tai_ns: int = Field(sa_column=_big())
    traceparent: str = Field(default="", description="The span in which it was taken in; empty for none")

    def command(self) -> Command:
        """Return the message."""
        return COMMANDS[self.name].from_json(self.body.encode())


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


class CameraQueries:
    """Reads the camera's tables, for its HTTP API, the command line and its own work.

    Parameters
    ----------
    session : Session
        An open transaction.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def state(self, component: str, boot_id: str) -> SummaryState:
        """Return the component's state: STANDBY until this boot has changed it."""
        row = self._session.get(StatusRow, component)
        if row is None or row.boot_id != boot_id:
            return SummaryState.STANDBY
        return SummaryState[row.summary_state]

    def row(self, command_id: str) -> CommandRow | None:
        """Return a command's row, or None when it is unknown."""
        return self._session.exec(select(CommandRow).where(CommandRow.command_id == command_id)).first()

    def numbered(self, key: str) -> str:
        """Return the command that a sender gave a sequence number; empty for none."""
        if not key:
            return ""
        query = select(CommandRow.command_id).where(CommandRow.numbered == key)
        return self._session.exec(query).first() or ""

    def unfinished(self) -> list[CommandRow]:
        """Return the commands that wait or are being carried out, in order."""
        query = select(CommandRow).where(col(CommandRow.state) != CommandState.DONE)
        return list(self._session.exec(query.order_by(col(CommandRow.number))))

    def images(self, command_id: str) -> list[ExposureRow]:
        """Return the exposures that a command has begun or ended, in order."""
        own = or_(col(ExposureRow.command_id) == command_id, col(ExposureRow.ended_by) == command_id)
        query = select(ExposureRow).where(own)
        return list(self._session.exec(query.order_by(col(ExposureRow.exposure_id))))

    def stored(self, image_name: str) -> ExposureRow | None:
        """Return the exposure of a name, once its files are stored; None before, and where there is none."""
        query = select(ExposureRow).where(
            ExposureRow.image_name == image_name, ExposureRow.state == ExposureState.STORED
        )
        return self._session.exec(query).first()

    def playlists(self) -> list[str]:
        """Return the names of the lists that are defined, sorted."""
        return list(self._session.exec(select(PlaylistRow.name).order_by(PlaylistRow.name)))

    def open_images(self) -> list[ExposureRow]:
        """Return the exposures that wait for endImage: one of this boot, and what earlier ones have left."""
        return list(self._session.exec(select(ExposureRow).where(ExposureRow.state == ExposureState.OPEN)))

    def lit_before(self, image: ExposureRow, since_tai_ns: int) -> list[ExposureRow]:
        """Return the stored exposures before an image that ended later than an instant and had the shutter open."""
        query = select(ExposureRow).where(
            ExposureRow.exposure_id < image.exposure_id,
            ExposureRow.end_tai_ns > since_tai_ns,
            ExposureRow.state == ExposureState.STORED,
            col(ExposureRow.shutter),
        )
        return list(self._session.exec(query.order_by(col(ExposureRow.exposure_id))))

    def last_number(self, night: str) -> int:
        """Return the highest image number given in a night; 0 for none."""
        query = select(func.max(ExposureRow.image_number)).where(ExposureRow.day_obs == night)
        return self._session.exec(query).one() or 0

    def acks(self, command_id: str) -> list[CommandAck]:
        """Return the acknowledgements given to a command, in order."""
        query = select(AckRow).where(AckRow.command_id == command_id).order_by(col(AckRow.number))
        return [CommandAck.from_json(row.body.encode()) for row in self._session.exec(query)]

    def last_ack(self, command_id: str) -> tuple[CommandAck, int] | None:
        """Return what was answered last to a command, and when (TAI ns)."""
        query = select(AckRow).where(AckRow.command_id == command_id).order_by(col(AckRow.number).desc())
        row = self._session.exec(query.limit(1)).first()
        return None if row is None else (CommandAck.from_json(row.body.encode()), row.given_tai_ns)

    def exposures(self, *, night: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
        """Return exposures, newest first.

        Parameters
        ----------
        night : str or None
            Only those of this night (YYYYMMDD).
        limit : int
            At most so many.
        """
        query = select(ExposureRow).order_by(col(ExposureRow.exposure_id).desc()).limit(limit)
        if night is not None:
            query = query.where(ExposureRow.day_obs == night)
        return [_exposure(row) for row in self._session.exec(query)]

    def commands(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Return commands with their last acknowledgement, newest first."""
        query = select(CommandRow).order_by(col(CommandRow.number).desc()).limit(limit)
        return [self._command(row)[0] for row in self._session.exec(query)]

    def command(self, command_id: str) -> dict[str, Any] | None:
        """Return a command with all its acknowledgements, or None when it is unknown."""
        row = self.row(command_id)
        if row is None:
            return None
        facts, acks = self._command(row)
        return facts | {"acks": [_ack(ack) for ack in acks]}

    def _command(self, row: CommandRow) -> tuple[dict[str, Any], list[CommandAck]]:
        acks = self.acks(row.command_id)
        facts = row.model_dump(exclude={"number", "boot_id", "numbered"}) | {"body": json.loads(row.body)}
        return facts | {"last": _ack(acks[-1]) if acks else None}, acks


def _exposure(row: ExposureRow) -> dict[str, Any]:
    unpacked = {"sensors": row.detectors(), "files": json.loads(row.files)}
    return row.model_dump() | unpacked


def _ack(ack: CommandAck) -> Mapping[str, Any]:
    return ack.model_dump(mode="json", exclude_none=True) | {"code": ack.ack.number}
