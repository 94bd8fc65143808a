"""What is told of an image, in order, and when on the camera's clock: the events' fields out of its row.

Pure. Must not know waiting, transactions or how events are sent.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from calibrant.camera.detailed import Detailed
from calibrant.camera.exposing import raw_folder, raw_prefix
from calibrant.camera.store import ExposureRow
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    EndOfImageTelemetry,
    EndReadout,
    ExposureStored,
    FitsFilesWritten,
    Image,
    ImageReadoutParameters,
    ImageStored,
    ImageVisualization,
    IntegrationMode,
    RaftsSubstate,
    ReadinessSubstate,
    ShutterSubstate,
    StartIntegration,
    StartReadout,
    StoredFile,
)
from calibrant.contracts.common.v1 import TaiTime
from calibrant.frames.instrument import Detector, Instrument
from calibrant.frames.times import NS_PER_S

TELEMETRY_S = 0.3
"""How long after the readout all that is measured of an image has been told, in seconds of the camera's clock."""


THUMBNAIL_PIXELS = 256
"""Along the longer side of the small picture of an image."""


class Moment(NamedTuple):
    """Events and when they come, in nanoseconds since 1970-01-01T00:00:00 TAI of the camera's clock."""

    at_tai_ns: int
    events: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of one image.

    Parameters
    ----------
    component
        Name of the camera.
    instrument
        What it imitates.
    row
        The image.
    said
        What the observer says of it, by key; its type and group come first.
    note
        The observer's note.
    address
        URL that pictures are found below; empty: there are none.
    """

    component: str
    instrument: Instrument
    row: ExposureRow
    said: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    address: str = ""

    @property
    def image(self) -> Image:
        """What every event of the image carries."""
        row = self.row
        told = {"imageType": row.image_type, "groupId": row.group_id, **self.said}
        source, controller, _, _ = row.image_name.split("_")
        return Image(
            image_name=row.image_name,
            exposure_id=row.exposure_id,
            image_type=row.image_type,
            image_index=row.image_index,
            images_in_sequence=row.images_in_sequence,
            day_obs=row.day_obs,
            image_number=row.image_number,
            group_id=row.group_id,
            command_id=row.command_id,
            image_source=source,
            image_controller=controller,
            acquisition_start=TaiTime.from_ns(row.begin_tai_ns),
            additional_keys=list(told),
            additional_values=list(told.values()),
        )

    @property
    def shutter_closed_ns(self) -> int:
        """When the collection of charge ends, on the camera's clock (TAI)."""
        return self.row.begin_tai_ns + round(self.row.exposure_time_s * NS_PER_S)

    def integration(
        self, mode: IntegrationMode = IntegrationMode.TIMED, timeout_s: float | None = None
    ) -> list[Message]:
        """Return what is told when charge begins to be collected: what ends that, and how long it lasts at most."""
        now = Detailed(self.component, self.row.begin_tai_ns)
        opened = [now.shutter(ShutterSubstate.OPEN)] if self.row.shutter else []
        started = StartIntegration(
            component=self.component,
            image=self.image,
            exposure_time_s=self.row.exposure_time_s,
            mode=mode,
            timeout_s=self.row.exposure_time_s if timeout_s is None else timeout_s,
        )
        busy = [now.readiness(ReadinessSubstate.NOT_READY), now.rafts(RaftsSubstate.INTEGRATING)]
        return [*busy, *opened, started]

    def readout(self) -> list[Moment]:
        """Return what is told from the end of the integration on, each at its moment, until files are written."""
        closed_ns, end_ns = self.shutter_closed_ns, self.row.end_tai_ns
        start = StartReadout(
            component=self.component,
            image=self.image,
            exposure_time_s=self.row.exposure_time_s,
            start_of_readout=TaiTime.from_ns(closed_ns),
        )
        end = EndReadout(
            component=self.component,
            image=self.image,
            requested_exposure_time_s=self.row.exposure_time_s,
            end_of_readout=TaiTime.from_ns(end_ns),
        )
        last_ns = end_ns + round(TELEMETRY_S * NS_PER_S)
        reading, ready = Detailed(self.component, closed_ns), Detailed(self.component, end_ns)
        closed = [reading.shutter(ShutterSubstate.CLOSED)] if self.row.shutter else []
        return [
            Moment(closed_ns, [*closed, reading.rafts(RaftsSubstate.READING_OUT), self._parameters(), start]),
            Moment(
                end_ns,
                [end, ready.rafts(RaftsSubstate.QUIESCENT), ready.readiness(ReadinessSubstate.READY)],
            ),
            Moment(last_ns, [self._telemetry()]),
        ]

    def stored(self, files: Sequence[StoredFile], at_tai_ns: int) -> list[Message]:
        """Return what is told when all files are in the object store, and when that was on the camera's clock.

        Files of guide sensors are written, but no frames of the exposure.
        """
        row, at, folder = self.row, TaiTime.from_ns(at_tai_ns), raw_folder(self.row.day_obs)
        read = set(row.detectors())
        image = ImageStored(component=self.component, image_name=row.image_name, image_stored=at)
        written = FitsFilesWritten(
            component=self.component,
            image_name=row.image_name,
            files_written=at,
            root_file_name=folder,
            relative_file_names=[file.ref.uri.partition(f"{folder}/")[2] for file in files],
            file_node=platform.node(),
        )
        exposure = ExposureStored(
            component=self.component,
            instrument=self.instrument.name,
            image=self.image,
            begin=TaiTime.from_ns(row.begin_tai_ns),
            exposure_time_s=row.exposure_time_s,
            dark_time_s=row.dark_time_s,
            filter=row.filter,
            files=[file for file in files if file.detector in read],
        )
        return [image, written, *self._pictures(), exposure]

    def _pictures(self) -> list[Message]:
        if not self.address:
            return []
        name = self.row.image_name
        url = f"{self.address}/exposures/{name}/picture.png"
        small = f"{url}?most={THUMBNAIL_PIXELS}"
        return [
            ImageVisualization(component=self.component, image_name=name, url=url, thumbnail=small),
        ]

    def _parameters(self) -> ImageReadoutParameters:
        names, sizes = zip(
            *(_read_out_of(self.instrument.detector(one)) for one in self.row.detectors()), strict=True
        )
        return ImageReadoutParameters(
            component=self.component,
            image_name=self.row.image_name,
            ccd_location=[name.replace("_", "") for name in names],
            raft_bay=[name.rpartition("_")[0] for name in names],
            ccd_slot=[name.rpartition("_")[2] for name in names],
            read_rows=[one.read_rows for one in sizes],
            read_cols=[one.read_cols for one in sizes],
            pre_cols=[one.pre_cols for one in sizes],
            over_cols=[one.over_cols for one in sizes],
            over_rows=[one.over_rows for one in sizes],
            daq_folder=raw_folder(self.row.day_obs),
            daq_annotation=self.note,
        )

    def _telemetry(self) -> EndOfImageTelemetry:
        row = self.row
        return EndOfImageTelemetry(
            component=self.component,
            image=self.image,
            exposure_time_s=row.exposure_time_s,
            image_tag=raw_prefix(row.day_obs, row.image_name),
            date_obs=TaiTime.from_ns(row.begin_tai_ns),
            date_end=TaiTime.from_ns(self.shutter_closed_ns),
            measured_shutter_open_time_s=row.exposure_time_s if row.shutter else 0.0,
            dark_time_s=row.dark_time_s,
            emulated_image=row.recording.name if row.recording else "",
        )


class _Sizes(NamedTuple):
    """Rows and columns of an amplifier."""

    read_rows: int
    read_cols: int
    pre_cols: int
    over_cols: int
    over_rows: int


def _read_out_of(detector: Detector) -> tuple[str, _Sizes]:
    """Return a detector's name, or its number, and the sizes of its first amplifier."""
    one = detector.amplifiers[0]
    rows, columns = one.image.shape
    return detector.name or str(detector.id), _Sizes(
        read_rows=rows,
        read_cols=columns,
        pre_cols=one.prescan.shape[1] if one.prescan else 0,
        over_cols=one.serial_overscan.shape[1] if one.serial_overscan else 0,
        over_rows=one.parallel_overscan.shape[0] if one.parallel_overscan else 0,
    )
