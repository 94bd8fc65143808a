"""One image's row, whatever command takes it: its number and time, what is done for each detector, what is told.

Owns how an image becomes a row. Must not know the life of a command, processes, files or waiting. Every step is given an
open transaction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from calibrant.camera.exposing import FramePlan, Played
from calibrant.camera.guiding import Guiding
from calibrant.camera.night import exposure_id, image_name
from calibrant.camera.playing import next_recording
from calibrant.camera.saying import said_in
from calibrant.camera.service import CameraService
from calibrant.camera.simulator import Earlier, Exposure, HeaderValues, Seen
from calibrant.camera.stamps import StampsPlan
from calibrant.camera.store import CameraQueries, ExposureRow, ExposureState
from calibrant.camera.telling import Telling
from calibrant.contracts.camera.v1 import StartImage, TakeImages
from calibrant.frames.times import NS_PER_S, day_obs


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command wants of one image: its place among the command's, and the facts of the exposure."""

    command_id: str
    image_index: int
    images_in_sequence: int
    image_type: str
    group_id: str
    shutter: bool
    sensors: Sequence[int]
    exposure_time_s: float = 0.0


def begin_image(
    service: CameraService, session: Session, wanted: Wanted, now_simulated_ns: int, state: ExposureState
) -> ExposureRow:
    """Give an image its number and its time; the simulated clock moves to the end of its readout.

    It begins now, but not before the end of the last readout.

    Raises
    ------
    NightFull
        The night has no number left.
    """
    status, recording = service.status(session), next_recording(service, session)
    begin = service.clock.next_ns(status.clock_tai_ns, now_simulated_ns)
    status.clock_tai_ns = begin + round((wanted.exposure_time_s + service.parameters.readout_s) * NS_PER_S)
    night = day_obs(begin)
    number = CameraQueries(session).last_number(night) + 1
    sensors = sorted(set(wanted.sensors)) or [d.id for d in service.instrument.detectors]
    row = ExposureRow(
        exposure_id=exposure_id(night, number),
        image_name=image_name(service.parameters.image_prefix, night, number),
        day_obs=night,
        image_number=number,
        command_id=wanted.command_id,
        image_index=wanted.image_index,
        images_in_sequence=wanted.images_in_sequence,
        image_type=wanted.image_type,
        group_id=wanted.group_id,
        begin_tai_ns=begin,
        end_tai_ns=status.clock_tai_ns,
        exposure_time_s=wanted.exposure_time_s,
        dark_time_s=wanted.exposure_time_s,
        shutter=wanted.shutter,
        filter=status.filter,
        sensors=json.dumps(sensors),
        state=state,
        played=recording.model_dump_json() if recording else "",
        guiders=status.guiders,
    )
    session.add(row)
    return row


def image_plans(service: CameraService, session: Session, row: ExposureRow) -> list[FramePlan | StampsPlan]:
    """Return what is to be done for each detector of an image, and for each guide sensor that takes stamps."""
    return [*_frame_plans(service, session, row), *_stamps_plans(service, row)]


def _stamps_plans(service: CameraService, row: ExposureRow) -> list[StampsPlan]:
    guiding = Guiding.model_validate_json(row.guiders) if row.guiders else None
    count = guiding.stamps(row.exposure_time_s) if guiding else 0
    if guiding is None or not count:
        return []
    exposure = Exposure(row.exposure_id, row.image_type, row.exposure_time_s, row.dark_time_s, row.shutter)
    behaviour = service.parameters
    seen = Seen(exposure, service.camera.seed, behaviour.bias_level_adu, behaviour.flat_rate_e_per_s)
    return [
        StampsPlan(
            instrument=service.camera.instrument,
            sensor=sensor,
            common=guiding.common,
            roi=roi,
            image_name=row.image_name,
            night=row.day_obs,
            begin_tai_ns=row.begin_tai_ns,
            count=count,
            seen=seen,
        )
        for sensor, roi in guiding.chosen(service.instrument)
    ]


def _frame_plans(service: CameraService, session: Session, row: ExposureRow) -> list[FramePlan]:
    earlier, recording = _felt(service, session, row), row.recording
    return [
        FramePlan(
            camera=service.camera,
            header=HeaderValues(
                image_name=row.image_name,
                exposure_id=row.exposure_id,
                detector=detector,
                image_type=row.image_type,
                begin_tai_ns=row.begin_tai_ns,
                exposure_time_s=row.exposure_time_s,
                dark_time_s=row.dark_time_s,
                filter=row.filter,
            ),
            night=row.day_obs,
            shutter=row.shutter,
            earlier=earlier,
            played=Played(recording.name, recording.files[detector]) if recording else None,
        )
        for detector in row.detectors()
    ]


def telling_of(service: CameraService, row: ExposureRow, command: TakeImages | StartImage) -> Telling:
    """Return what is told of an image that a command has begun."""
    said = said_in(command.key_value_map or "")
    return Telling(
        service.component, service.instrument, row, said, command.observation_note, service.address
    )


def _felt(service: CameraService, session: Session, row: ExposureRow) -> tuple[Earlier, ...]:
    """Return the exposures before an image whose light it still feels."""
    if not service.memory_s:
        return ()
    since = row.begin_tai_ns - round(service.memory_s * NS_PER_S)
    return tuple(_earlier(other, row) for other in CameraQueries(session).lit_before(row, since))


def _earlier(other: ExposureRow, row: ExposureRow) -> Earlier:
    exposure = Exposure(
        other.exposure_id, other.image_type, other.exposure_time_s, other.dark_time_s, other.shutter
    )
    return Earlier(exposure, (row.begin_tai_ns - other.begin_tai_ns) / NS_PER_S - other.exposure_time_s)
