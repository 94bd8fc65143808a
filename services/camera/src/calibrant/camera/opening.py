"""Images that are begun by startImage and ended by endImage, or by their timeout: the steps, each in one transaction.

Owns what is recorded and told of them. Must not know processes, files or waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from calibrant.camera.carrying import Carrying
from calibrant.camera.detailed import Detailed
from calibrant.camera.durations import CLEAR_S
from calibrant.camera.exposing import FramePlan
from calibrant.camera.images import Wanted, begin_image, image_plans, telling_of
from calibrant.camera.saying import said_in
from calibrant.camera.service import CameraService
from calibrant.camera.stamps import StampsPlan
from calibrant.camera.store import CameraQueries, CommandState, ExposureRow, ExposureState
from calibrant.camera.taking_in import open_image
from calibrant.camera.telling import Moment, Telling
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    CalibrationSubstate,
    EndImage,
    IntegrationMode,
    RaftsSubstate,
    ReadinessSubstate,
    ShutterSubstate,
    StartImage,
    StoredFile,
    SummaryState,
)
from calibrant.frames.times import NS_PER_S


@dataclass(frozen=True, slots=True)
class OpeningImage(Carrying):
    """One startImage command on its way."""

    command: StartImage

    def open(
        self, session: Session, now_simulated_ns: int, now_tai_ns: int
    ) -> tuple[ExposureRow, list[Message]]:
        """Begin the image, which is open from now on; its command is done.

        One that is begun already stays as it is, and nothing is told again: the commit went through and its answer
        was lost.

        Parameters
        ----------
        session
            An open transaction.
        now_simulated_ns
            What the camera's clock shows, TAI.
        now_tai_ns
            Now on the system clock.

        Raises
        ------
        NightFull
            The night has no number left.
        """
        service, command = self.service, self.command
        for image in CameraQueries(session).images(self.command_id):
            return image, []
        said = said_in(command.key_value_map or "")
        wanted = Wanted(
            command_id=self.command_id,
            image_index=1,
            images_in_sequence=1,
            image_type=said["imageType"],
            group_id=said.get("groupId", ""),
            shutter=command.shutter,
            sensors=command.sensors,
        )
        row = begin_image(service, session, wanted, now_simulated_ns, ExposureState.OPEN)
        telling = telling_of(service, row, command)
        told = telling.integration(IntegrationMode.COMMANDED, command.end_within_s)
        calibrating = Detailed(service.component, row.begin_tai_ns).calibration(
            CalibrationSubstate.INTEGRATING
        )
        why = f"{row.image_name} is open until endImage"
        end = self.end(session, AckCode.COMPLETE, why, now_tai_ns, [row.image_name])
        return row, [calibrating, *told, *end]


@dataclass(frozen=True, slots=True)
class OpenImage:
    """The watch over an image that waits for endImage: the command that began it, and its name."""

    opening: OpeningImage
    image_name: str

    @property
    def left_s(self) -> float:
        """How long it waits yet, in seconds of the system's clock; 0 when its time is over."""
        watch = self.opening.service.watch
        return max(0.0, (self.opening.command.end_within_s - watch.elapsed_s) / watch.speed)


@dataclass(frozen=True, slots=True)
class EndingImage(Carrying):
    """One endImage command on its way: the integration has ended, the image is to be read out and stored."""

    command: EndImage

    def begin(self, session: Session, now_tai_ns: int) -> list[Message]:  # noqa: ARG002  as of any command
        """Begin: it was begun when it was taken in, and the shutter is closed."""
        self._row(session).state = CommandState.EXECUTING
        return []

    def image(self, session: Session) -> tuple[ExposureRow, Telling, list[FramePlan | StampsPlan]]:
        """Return the image, what is told of it, and what is to be done for each detector."""
        row = self._image(session)
        return row, self._telling(session, row), image_plans(self.service, session, row)

    def lacks(self, session: Session, now_tai_ns: int) -> str:  # noqa: ARG002  as of any command
        """Say nothing: the shutter is closed, so that the image is read out whatever there is room for."""
        return ""

    def store_image(
        self, session: Session, image: ExposureRow, files: Sequence[StoredFile], stored_tai_ns: int
    ) -> list[Message]:
        """Record that all files of the image are in the object store, and tell it; calibration is ENABLED again."""
        row = image.stored_as(session, files)
        events = self._telling(session, row).stored(files, stored_tai_ns)
        return [
            *events,
            Detailed(self.service.component, stored_tai_ns).calibration(CalibrationSubstate.ENABLED),
        ]

    def end_interrupted(self, session: Session, now_tai_ns: int) -> list[Message]:
        """End a command of an earlier boot: COMPLETE if its image was stored, else ABORTED, for the image is lost."""
        row = self._image(session)
        if row.state == ExposureState.STORED:
            return self.end(session, AckCode.COMPLETE, "1 image(s) taken", now_tai_ns)
        why = f"the camera was restarted and {row.image_name} is lost; begin another one with startImage"
        return self.end(session, AckCode.ABORTED, why, now_tai_ns)

    def _image(self, session: Session) -> ExposureRow:
        (row,) = CameraQueries(session).images(self.command_id)
        return row

    def _telling(self, session: Session, row: ExposureRow) -> Telling:
        begun = CameraQueries(session).row(row.command_id)
        assert begun is not None
        command = begun.command()
        assert isinstance(command, StartImage)
        return telling_of(self.service, row, command)


def abandon(service: CameraService, session: Session, image_name: str, now_simulated_ns: int) -> list[Moment]:
    """Give up the open image, unless endImage has come; return what is told, each at its moment.

    Its charge is cleared away.

    Parameters
    ----------
    service
        The camera.
    session
        An open transaction.
    image_name
        The image whose time is over.
    now_simulated_ns
        What the camera's clock shows, TAI.
    """
    image = open_image(service, session)
    if image is None or image.image_name != image_name:
        return []
    image.state = ExposureState.ABORTED
    status = service.status(session)
    closed = Detailed(service.component, max(now_simulated_ns, image.begin_tai_ns))
    empty = Detailed(service.component, closed.at_tai_ns + round(CLEAR_S * NS_PER_S))
    status.clock_tai_ns = empty.at_tai_ns
    shutter = [closed.shutter(ShutterSubstate.CLOSED)] if image.shutter else []
    ready = service.state(session) is SummaryState.ENABLED
    return [
        Moment(closed.at_tai_ns, [*shutter, closed.rafts(RaftsSubstate.CLEARING)]),
        Moment(
            empty.at_tai_ns,
            [
                empty.rafts(RaftsSubstate.QUIESCENT),
                empty.calibration(CalibrationSubstate.ENABLED),
                empty.readiness(ReadinessSubstate.READY if ready else ReadinessSubstate.NOT_READY),
            ],
        ),
    ]
