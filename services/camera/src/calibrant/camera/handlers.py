"""What the camera does with messages: every command goes through the same acceptance."""

from __future__ import annotations

from collections.abc import Iterable

from calibrant.camera.service import CameraService
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    Alert,
    Clear,
    Disable,
    DisableCalibration,
    DiscardRows,
    Enable,
    EnableCalibration,
    EndImage,
    EnterControl,
    ExitControl,
    Generic,
    InitGuiders,
    InitImage,
    Play,
    Playlist,
    SetFilter,
    SetLogLevel,
    Standby,
    Start,
    StartImage,
    Stop,
    TakeImages,
    WakeFilterChanger,
)
from calibrant.runtime.handlers import Context, on
from calibrant.sal import Command

CameraContext = Context[CameraService]


@on(Start)
def start(command: Start, context: CameraContext) -> Iterable[Message]:
    """From STANDBY to DISABLED."""
    return _accept(command, context)


@on(Enable)
def enable(command: Enable, context: CameraContext) -> Iterable[Message]:
    """From DISABLED to ENABLED."""
    return _accept(command, context)


@on(Disable)
def disable(command: Disable, context: CameraContext) -> Iterable[Message]:
    """From ENABLED to DISABLED; takeImages ends after the image that is being taken."""
    return _accept(command, context)


@on(Standby)
def standby(command: Standby, context: CameraContext) -> Iterable[Message]:
    """From DISABLED or FAULT to STANDBY."""
    return _accept(command, context)


@on(ExitControl)
def exit_control(command: ExitControl, context: CameraContext) -> Iterable[Message]:
    """From STANDBY to OFFLINE; as a camera does, the process stays and can be taken under control again."""
    return _accept(command, context)


@on(EnterControl)
def enter_control(command: EnterControl, context: CameraContext) -> Iterable[Message]:
    """From OFFLINE to STANDBY."""
    return _accept(command, context)


@on(TakeImages)
def take_images(command: TakeImages, context: CameraContext) -> Iterable[Message]:
    """Take images, unless the camera is busy."""
    return _accept(command, context)


@on(Stop)
def stop(command: Stop, context: CameraContext) -> Iterable[Message]:
    """End takeImages after the image that is being taken."""
    return _accept(command, context)


@on(SetFilter)
def set_filter(command: SetFilter, context: CameraContext) -> Iterable[Message]:
    """Put a filter in the beam, unless the camera is busy."""
    return _accept(command, context)


@on(Clear)
def clear(command: Clear, context: CameraContext) -> Iterable[Message]:
    """Clear the detectors, unless the camera is busy."""
    return _accept(command, context)


@on(DiscardRows)
def discard_rows(command: DiscardRows, context: CameraContext) -> Iterable[Message]:
    """Throw rows away, unless the camera is busy."""
    return _accept(command, context)


@on(InitImage)
def init_image(command: InitImage, context: CameraContext) -> Iterable[Message]:
    """Make ready for an image, unless the camera is busy."""
    return _accept(command, context)


@on(StartImage)
def start_image(command: StartImage, context: CameraContext) -> Iterable[Message]:
    """Begin an image that endImage ends, unless the camera is busy."""
    return _accept(command, context)


@on(EndImage)
def end_image(command: EndImage, context: CameraContext) -> Iterable[Message]:
    """End the image that is open."""
    return _accept(command, context)


@on(EnableCalibration)
def enable_calibration(command: EnableCalibration, context: CameraContext) -> Iterable[Message]:
    """Allow startImage, unless the camera is busy."""
    return _accept(command, context)


@on(DisableCalibration)
def disable_calibration(command: DisableCalibration, context: CameraContext) -> Iterable[Message]:
    """Allow startImage no longer, unless the camera is busy."""
    return _accept(command, context)


@on(Playlist)
def playlist(command: Playlist, context: CameraContext) -> Iterable[Message]:
    """Define a list of recorded images, unless the camera is busy."""
    return _accept(command, context)


@on(Play)
def play(command: Play, context: CameraContext) -> Iterable[Message]:
    """Play a list of recorded images, unless the camera is busy."""
    return _accept(command, context)


@on(InitGuiders)
def init_guiders(command: InitGuiders, context: CameraContext) -> Iterable[Message]:
    """Choose what is read of the guide sensors, unless the camera is busy."""
    return _accept(command, context)


@on(WakeFilterChanger)
def wake_filter_changer(command: WakeFilterChanger, context: CameraContext) -> Iterable[Message]:
    """Wake the filter changer, unless the camera is busy."""
    return _accept(command, context)


@on(Generic)
def generic(command: Generic, context: CameraContext) -> Iterable[Message]:
    """Carry out another command, as that one would be."""
    return _accept(command, context)


@on(Alert)
def alert(command: Alert, context: CameraContext) -> Iterable[Message]:
    """Acknowledge or clear a trouble."""
    return _accept(command, context)


@on(SetLogLevel)
def set_log_level(command: SetLogLevel, context: CameraContext) -> Iterable[Message]:
    """Choose which messages of the log are told."""
    return _accept(command, context)


def _accept(command: Command, context: CameraContext) -> Iterable[Message]:
    now = context.clock.tai_ns()
    return context.service.accept(command, context.session, now_tai_ns=now, run_id=context.run_id)
