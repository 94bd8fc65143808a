"""Reads the camera's tables. Owns every question to them that more than one place asks, or that takes more than a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, func, or_, select

from calibrant.camera.store.tables import (
    AckRow,
    CommandRow,
    CommandState,
    ExposureRow,
    ExposureState,
    PlaylistRow,
    StatusRow,
)
from calibrant.contracts.camera.v1 import CommandAck, StartImage, SummaryState


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

    def abandoned(self) -> str:
        """Return the last image, if it was begun to be ended by command and given up; else an empty text."""
        query = select(ExposureRow).order_by(col(ExposureRow.exposure_id).desc()).limit(1)
        last = self._session.exec(query).first()
        if last is None or last.state != ExposureState.ABORTED or last.ended_by:
            return ""
        begun = self.row(last.command_id)
        return last.image_name if begun and isinstance(begun.command(), StartImage) else ""

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
        facts = row.model_dump(exclude={"number", "boot_id", "numbered", "asked"}) | {
            "body": json.loads(row.body)
        }
        return facts | {"last": _ack(acks[-1]) if acks else None}, acks


def _exposure(row: ExposureRow) -> dict[str, Any]:
    unpacked = {"sensors": row.detectors(), "files": json.loads(row.files)}
    return row.model_dump() | unpacked


def _ack(ack: CommandAck) -> Mapping[str, Any]:
    return ack.model_dump(mode="json", exclude_none=True) | {"code": ack.ack.number}
