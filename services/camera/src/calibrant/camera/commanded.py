"""By the kind of a command, the steps in which it is carried out. Must not know what they are."""

from __future__ import annotations

from calibrant.camera.carrying import Carrying
from calibrant.camera.changer import Moving
from calibrant.camera.defining import DefiningPlaylist
from calibrant.camera.durations import Preparation
from calibrant.camera.opening import EndingImage, OpeningImage
from calibrant.camera.preparing import Preparing
from calibrant.camera.sequence import TakingImages
from calibrant.camera.service import CameraService
from calibrant.camera.store import CommandRow
from calibrant.camera.waking import WakingChanger
from calibrant.contracts.camera.v1 import EndImage, Playlist, StartImage, TakeImages


def carrying_of(service: CameraService, row: CommandRow) -> Carrying:
    """Return a command on its way."""
    command = row.command()
    if isinstance(command, Preparation):
        return Preparing(service, command, row.run_id)
    if isinstance(command, StartImage):
        return OpeningImage(service, command, row.run_id)
    if isinstance(command, EndImage):
        return EndingImage(service, command, row.run_id)
    if isinstance(command, Moving):
        return WakingChanger(service, command, row.run_id)
    if isinstance(command, Playlist):
        return DefiningPlaylist(service, command, row.run_id)
    assert isinstance(command, TakeImages)  # every other command is done when it is taken in
    return TakingImages(service, command, row.run_id)
