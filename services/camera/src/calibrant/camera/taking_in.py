"""What a command that the summary state allows is answered first: refused, done at once, or begun.

Owns the rules beside the summary state: fields, busy, open images, calibration. Must not know how a command is carried
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import event

from calibrant.camera.alerts import alerted, not_alerted
from calibrant.camera.changer import moved, waking_s
from calibrant.camera.checks import problem_of, remark_on
from calibrant.camera.generic import asked_for, naming
from calibrant.camera.guiding import guided, too_many_stamps
from calibrant.camera.playing import play, unplayable
from calibrant.camera.recordings import NoRecording
from calibrant.camera.saying import NotUnderstood, settled
from calibrant.camera.store import CameraQueries, CommandRow, CommandState, ExposureRow, ExposureState
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    Alert,
    CalibrationSubstate,
    CommandAck,
    DisableCalibration,
    EnableCalibration,
    EndImage,
    Generic,
    InitGuiders,
    LogLevel,
    Play,
    SetFilter,
    SetLogLevel,
    StartImage,
    Stop,
    TakeImages,
    WakeFilterChanger,
)
from calibrant.frames.times import NS_PER_S
from calibrant.sal import Command, answer
from calibrant.sal.acks import ERROR, NOT_NOW

if TYPE_CHECKING:
    from sqlmodel import Session

    from calibrant.camera.service import CameraService


class TakenIn(NamedTuple):
    """A command with what follows from its fields filled in, the first answer to it, and what else is told."""

    command: Command
    ack: CommandAck
    events: Sequence[Message] = ()


def take_in(service: CameraService, command: Command, session: Session, now_tai_ns: int) -> TakenIn:
    """Take on a command that the summary state allows, or refuse it."""
    take = _named if isinstance(command, Generic) else _taken_in
    return take(service, command, session, now_tai_ns)


def _taken_in(service: CameraService, command: Command, session: Session, now_tai_ns: int) -> TakenIn:
    if isinstance(command, Stop):
        return TakenIn(command, answer(command, AckCode.COMPLETE, _stop(service, session)))
    try:
        command = settled(command) if isinstance(command, TakeImages) else command
        problem, number = _refused(service, command, session)
        done = None if problem else _at_once(service, command, session)
    except (NotUnderstood, NoRecording) as error:
        return TakenIn(command, answer(command, AckCode.FAILED, str(error)))
    if problem:
        return TakenIn(command, answer(command, AckCode.FAILED, problem, error=number))
    if done is not None:
        return done
    if isinstance(command, TakeImages | StartImage) and (lacking := service.room.lacking(session)):
        return TakenIn(command, service.stalled(command, lacking, now_tai_ns))
    if isinstance(command, EndImage):
        _close(service, command, session)
    return TakenIn(command, _begins(service, command, session))


def _named(service: CameraService, command: Command, session: Session, now_tai_ns: int) -> TakenIn:
    """Take on the command that another one names, or refuse it."""
    assert isinstance(command, Generic)
    try:
        asked = asked_for(command)
    except NotUnderstood as error:
        return TakenIn(command, answer(command, AckCode.FAILED, str(error)))
    taken = _taken_in(service, asked, session, now_tai_ns)
    return taken._replace(command=naming(taken.command))


def _begins(service: CameraService, command: Command, session: Session) -> CommandAck:
    """Answer that a command begins, and how long it may take."""
    wakes_s, speed = waking_s(service, session, command), service.clock.speed
    takes_s = service.duration_s(command) + (wakes_s / speed if speed else 0.0)
    why = f"the filter changer wakes up first, {wakes_s:g} s" if wakes_s else "begins now"
    why = "; ".join(filter(None, (why, remark_on(command))))
    return answer(command, AckCode.IN_PROGRESS, why, timeout_s=takes_s)


def carried_out(service: CameraService, session: Session) -> CommandRow | None:
    """Return the command that the camera is busy with. Those of an earlier boot have ended."""
    here = (row for row in CameraQueries(session).unfinished() if row.boot_id == service.boot_id)
    return next(here, None)


def open_image(service: CameraService, session: Session) -> ExposureRow | None:
    """Return the image that waits for endImage. Those of an earlier boot are given up."""
    queries = CameraQueries(session)
    for image in queries.open_images():
        begun = queries.row(image.command_id)
        if begun is not None and begun.boot_id == service.boot_id:
            return image
    return None


def _refused(service: CameraService, command: Command, session: Session) -> tuple[str, int]:
    """Return why a command is refused, and its error: NOT_NOW where it may be taken later. An empty text: it is not."""
    if problem := problem_of(command, service.instrument, service.parameters.filters):
        return problem, ERROR
    if isinstance(command, Alert):
        return not_alerted(service, session, command), ERROR
    if isinstance(command, SetLogLevel):
        return "", NOT_NOW
    if problem := _out_of_place(service, command, session):
        return problem, NOT_NOW
    return _impossible(service, command, session), ERROR


def _out_of_place(service: CameraService, command: Command, session: Session) -> str:
    """Return why a command cannot come now, and what to send instead; an empty text when it can."""
    if row := carried_out(service, session):
        return f"busy with {row.name} ({row.command_id}): wait for its last answer"
    image = open_image(service, session)
    if isinstance(command, EndImage):
        late = image.image_name if image and _is_late(service, session, image) else ""
        return "" if image and not late else _none_open(late or CameraQueries(session).abandoned())
    if image:
        return f"{image.image_name} is open: endImage ends it"
    if isinstance(command, StartImage) and not service.status(session).calibration:
        return "calibration is disabled: send enableCalibration first"
    return ""


def _is_late(service: CameraService, session: Session, image: ExposureRow) -> bool:
    """Tell whether the time of an open image is over: it is about to be abandoned."""
    begun = CameraQueries(session).row(image.command_id)
    command = begun.command() if begun else None
    return isinstance(command, StartImage) and service.watch.elapsed_s > command.end_within_s


def _none_open(abandoned: str) -> str:
    """Return that there is no image to end, and what became of the last one."""
    if not abandoned:
        return "no image is open: startImage begins one"
    why = "endImage came too late for it, or the camera was no longer ENABLED, or was restarted"
    return f"no image is open: {abandoned} was abandoned, for {why}; startImage begins another"


def _impossible(service: CameraService, command: Command, session: Session) -> str:
    """Return why images cannot be taken with what was commanded before; an empty text when they can."""
    if isinstance(command, TakeImages):
        count, longest_s = command.num_images, command.exposure_time_s
    elif isinstance(command, StartImage):
        count, longest_s = 1, command.end_within_s
    else:
        return ""
    guiders = service.status(session).guiders
    return unplayable(service, session, count, command.sensors) or too_many_stamps(guiders, longest_s)


def _at_once(service: CameraService, command: Command, session: Session) -> TakenIn | None:
    """Do what takes no time; None where the command takes some."""
    if isinstance(command, SetLogLevel):
        return _choose_level(service, command, session)
    if why := _kept(service, command, session):
        return TakenIn(command, answer(command, AckCode.COMPLETE, why))
    if not isinstance(command, EnableCalibration | DisableCalibration):
        return None
    allowed = isinstance(command, EnableCalibration)
    service.status(session).calibration = allowed
    substate = CalibrationSubstate.ENABLED if allowed else CalibrationSubstate.DISABLED
    ack = answer(command, AckCode.COMPLETE, f"calibration is {substate.name.lower()}")
    return TakenIn(command, ack, [service.detailed(session).calibration(substate)])


def _kept(service: CameraService, command: Command, session: Session) -> str:
    """Keep what a command says of those that follow, and say what that is; an empty text where it is no such command."""
    if isinstance(command, SetFilter | WakeFilterChanger) and not waking_s(service, session, command):
        return moved(service, session, command, service.detailed(session).at_tai_ns)
    if isinstance(command, Play):
        return play(service, session, command)
    if isinstance(command, Alert):
        return alerted(service, session, command)
    if isinstance(command, InitGuiders):
        service.status(session).guiders = command.roi_spec
        return guided(command.roi_spec)
    return ""


def _choose_level(service: CameraService, command: SetLogLevel, session: Session) -> TakenIn:
    """Tell messages from a level on, once the transaction is committed."""
    level = command.level
    event.listen(session, "after_commit", lambda _: service.log.choose(level), once=True)
    ack = answer(command, AckCode.COMPLETE, f"messages of level {level} and above are told")
    return TakenIn(command, ack, [LogLevel(component=service.component, level=level)])


def _close(service: CameraService, command: EndImage, session: Session) -> None:
    """End the integration of the open image now, when its end has been commanded."""
    image = open_image(service, session)
    assert image is not None, "refused before"
    image.exposure_time_s = image.dark_time_s = service.watch.elapsed_s
    closed_ns = image.begin_tai_ns + round(image.exposure_time_s * NS_PER_S)
    image.end_tai_ns = closed_ns + round(service.parameters.readout_s * NS_PER_S)
    image.state, image.ended_by = ExposureState.BEGUN, command.header.command_id
    service.status(session).clock_tai_ns = image.end_tai_ns


def _stop(service: CameraService, session: Session) -> str:
    """Let takeImages end after the image that is being taken; say what follows."""
    if ends := end_images(service, session):
        return ends
    image = open_image(service, session)
    return f"{image.image_name} is open: endImage ends it" if image else "no images are being taken"


def end_images(service: CameraService, session: Session) -> str:
    """Let takeImages end after the image that is being taken, and say so; an empty text where none is carried out."""
    row = carried_out(service, session)
    if row is None or not isinstance(row.command(), TakeImages):
        return ""
    row.state = CommandState.STOPPING
    return f"takeImages ({row.command_id}) ends after the image that is being taken"
