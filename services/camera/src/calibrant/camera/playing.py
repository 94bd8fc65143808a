"""Which recorded image is played next, and what can be taken of the list that is played.

Owns the place in that list. Must not know files or waiting, nor how a list is defined.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from calibrant.camera.recordings import NoRecording, Recording
from calibrant.camera.store import CameraQueries, PlaylistRow

if TYPE_CHECKING:
    from sqlmodel import Session

    from calibrant.camera.service import CameraService
    from calibrant.contracts.camera.v1 import Play


def play(service: CameraService, session: Session, command: Play) -> str:
    """Play a list from its first image, or none; say what follows.

    Raises
    ------
    NoRecording
        There is no such list.
    """
    status, name = service.status(session), command.playlist
    images = _images(session, name) if name else []
    status.playlist, status.play_next, status.play_repeat = name, 0, command.repeat
    if not name:
        return "images are simulated"
    return f"{name} is played: {len(images)} image(s), {'again and again' if command.repeat else 'once'}"


def unplayable(service: CameraService, session: Session, count: int, sensors: Sequence[int]) -> str:
    """Return why so many images cannot be played now, and what to ask for instead; an empty text when they can."""
    status = service.status(session)
    if not status.playlist:
        return ""
    images = _images(session, status.playlist)
    coming = images if status.play_repeat else images[status.play_next :][:count]
    if not status.play_repeat and count > len(coming):
        left = f"has only {len(coming)} image(s) left: take as many, or" if coming else "is at its end:"
        return (
            f"playlist {status.playlist} {left} send play, with a list or with none to have images simulated"
        )
    asked = sensors or [one.id for one in service.instrument.detectors]
    for one in coming:
        if lacking := sorted(set(asked) - set(one.files)):
            return f"image {one.name} of playlist {status.playlist} has no frame of detectors {lacking}: give other sensors"
    return ""


def next_recording(service: CameraService, session: Session) -> Recording | None:
    """Return the recorded image that comes next, and go on to the one after it; None where images are simulated."""
    status = service.status(session)
    if not status.playlist:
        return None
    images = _images(session, status.playlist)
    place = status.play_next % len(images) if status.play_repeat else status.play_next
    status.play_next = place + 1
    return images[place]


def _images(session: Session, name: str) -> list[Recording]:
    row = session.get(PlaylistRow, name)
    if row is None:
        known = ", ".join(CameraQueries(session).playlists()) or "none"
        raise NoRecording(f"no playlist {name!r}; there are: {known}. The command playlist defines one")
    return [Recording.model_validate(one) for one in json.loads(row.images)]
