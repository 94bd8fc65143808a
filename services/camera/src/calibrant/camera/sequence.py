"""The steps of takeImages, each in one short transaction: begin, begin an image, store it, end; and the clean-up.

Owns the rows of commands and exposures and what is told of them. Must not know processes, files or waiting.
Every step is given an open transaction and returns the messages that follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from calibrant.camera.carrying import Carrying
from calibrant.camera.exposing import FramePlan
from calibrant.camera.images import Wanted, begin_image, image_plans, telling_of
from calibrant.camera.stamps import StampsPlan
from calibrant.camera.store import CameraQueries, ExposureRow, ExposureState
from calibrant.camera.telling import Telling
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    StoredFile,
    TakeImages,
)
from calibrant.sal import answer


@dataclass(frozen=True, slots=True)
class TakingImages(Carrying):
    """One takeImages command on its way."""

    command: TakeImages

    def begin_image(
        self, session: Session, index: int, now_simulated_ns: int = 0
    ) -> tuple[ExposureRow, list[Message]]:
        """Give the image its number and its time; the simulated clock moves to the end of its readout.

        One that has them already keeps them, and nothing is told again: the commit went through and its answer
        was lost.

        Parameters
        ----------
        session
            An open transaction.
        index
            Place in the command, from 1.
        now_simulated_ns
            What the camera's clock shows, TAI; the image begins then, but not before the end of the last readout.

        Raises
        ------
        NightFull
            The night has no number left.
        """
        for image in CameraQueries(session).images(self.command_id):
            if image.image_index == index:
                return image, []
        status, command = self.service.status(session), self.command
        status.filter = command.filter or status.filter
        wanted = Wanted(
            command_id=self.command_id,
            image_index=index,
            images_in_sequence=command.num_images,
            image_type=command.image_type,
            group_id=command.group_id,
            shutter=command.shutter,
            sensors=command.sensors,
            exposure_time_s=command.exposure_time_s,
        )
        row = begin_image(self.service, session, wanted, now_simulated_ns, ExposureState.BEGUN)
        return row, self.telling(row).integration()

    def store_image(
        self,
        session: Session,
        image: ExposureRow,
        files: Sequence[StoredFile],
        now_tai_ns: int,
        stored_tai_ns: int,
    ) -> list[Message]:
        """Record that all files of an image are in the object store, and tell it.

        Parameters
        ----------
        session
            An open transaction.
        image
            The image.
        files
            Its files.
        now_tai_ns
            Now on the system clock.
        stored_tai_ns
            Now on the camera's clock.
        """
        row = image.stored_as(session, files)
        events = self.telling(row).stored(files, stored_tai_ns)
        left = row.images_in_sequence - row.image_index
        if left:
            text = f"{row.image_index} of {row.images_in_sequence} images taken"
            time_s = self.service.duration_s(self.command, left)
            ack = answer(self.command, AckCode.IN_PROGRESS, text, timeout_s=time_s)
            events.append(self.service.give(session, ack, now_tai_ns))
        return events

    def end_interrupted(self, session: Session, now_tai_ns: int) -> list[Message]:
        """End a command of an earlier boot: COMPLETE if all its images were stored, else ABORTED."""
        images = CameraQueries(session).images(self.command_id)
        stored = sum(image.state == ExposureState.STORED for image in images)
        if stored == self.command.num_images:
            return self.end(session, AckCode.COMPLETE, f"{stored} image(s) taken", now_tai_ns)
        why = f"the camera was restarted after {stored} of {self.command.num_images} image(s); command anew"
        return self.end(session, AckCode.ABORTED, why, now_tai_ns)

    def plans(self, session: Session, row: ExposureRow) -> list[FramePlan | StampsPlan]:
        """Return what is to be done for each detector of an image, and each guide sensor."""
        return image_plans(self.service, session, row)

    def telling(self, row: ExposureRow) -> Telling:
        """Return what is told of an image."""
        return telling_of(self.service, row, self.command)
