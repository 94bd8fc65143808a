"""The steps of the command playlist, each in one short transaction. Must not know files or waiting."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from calibrant.camera.carrying import Carrying
from calibrant.camera.recordings import Recording
from calibrant.camera.store import PlaylistRow
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import AckCode, Playlist


@dataclass(frozen=True, slots=True)
class DefiningPlaylist(Carrying):
    """One playlist command on its way."""

    command: Playlist

    def define(self, session: Session, images: Sequence[Recording], now_tai_ns: int) -> list[Message]:
        """Keep the list in place of one of its name, and end the command. It is played when that is commanded."""
        name = self.command.playlist
        text = json.dumps([one.model_dump() for one in images])
        session.merge(PlaylistRow(name=name, images=text))
        status = self.service.status(session)
        if status.playlist == name:
            status.play_next = 0
        return self.end(session, AckCode.COMPLETE, f"{name} has {len(images)} image(s)", now_tai_ns)
