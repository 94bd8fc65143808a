"""Messages of ``calibrant.ingest.v1``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import Int32, Int64, Message
from calibrant.contracts.common.v1 import DataRef, TaiTime

__all__ = [
    "FolderScanned",
    "Frame",
    "FrameIngested",
    "FrameRejected",
    "ImageInOODS",
    "IngestFile",
    "TakenImage",
]


class TakenImage(Message):
    """One detector of an image that a camera told of."""

    message_type: ClassVar[str] = "calibrant.ingest.v1.TakenImage"
    camera: str = Field(description='The camera.')
    image_name: str = Field(description='Name of the image, such as "CC_O_20260101_000012".')
    detector_name: str = Field(description='Name of the detector, such as "R22_S11"; empty where the camera does not say.')


class IngestFile(Message):
    """Job: check, classify and record the frames of one file."""

    message_type: ClassVar[str] = "calibrant.ingest.v1.IngestFile"
    job_id: str = Field(description='Identifier of the job.')
    acquisition_id: str = Field(description='Acquisition the file belongs to.')
    instrument: str = Field(description='Instrument whose file it is said to be.')
    file_name: str = Field(description='Name of the file, as a person knows it.')
    uri: str = Field(description='Where the file lies: "objects:KEY" or "file:PATH".')
    sha256: str | None = Field(default=None, description='SHA-256 of the file where its writer gave one.')
    size_bytes: Int64 | None = Field(default=None, description='Number of bytes of the file where its writer gave it. Unit: byte.', json_schema_extra={"unit": "byte"})
    image: TakenImage | None = Field(default=None, description='Image whose file it is; absent where no camera said so.')


class ImageInOODS(Message):
    """The file of one detector of an image that a camera took has been taken in, or refused. Its
    fields are those of SAL's imageInOODS; one for every detector."""

    message_type: ClassVar[str] = "calibrant.ingest.v1.ImageInOODS"
    camera: str = Field(description='The camera.')
    obsid: str = Field(description='Name of the image.')
    raft: str = Field(description='Raft of the detector: its name up to the underscore; empty where it has none.')
    sensor: str = Field(description='Bay of the detector in its raft: its name after the underscore.')
    status_code: Int32 = Field(description='0: taken in; 1: refused.')
    description: str = Field(description='What became of it, for a person.')
    acquisition_id: str = Field(description='Acquisition it was ingested for.')


class FolderScanned(Message):
    """A folder was listed: so many files are on their way."""

    message_type: ClassVar[str] = "calibrant.ingest.v1.FolderScanned"
    acquisition_id: str = Field(description='The acquisition.')
    folder: str = Field(description='The folder.')
    files: Int32 = Field(description='Jobs handed out, one a file.')
    passed_over: Int32 = Field(description="Files passed over because their name is no frame's name.")
    problem: str = Field(description='Why nothing could be listed; empty when it could.')


class Frame(Message):
    """A frame: one detector of one exposure."""

    message_type: ClassVar[str] = "calibrant.ingest.v1.Frame"
    frame_id: str = Field(description='Identifier: hash of the uncompressed data and header, and the detector.')
    instrument: str = Field(description='Instrument name.')
    detector: Int32 = Field(description='Detector number.')
    exposure_id: str = Field(description='Exposure the frame belongs to.')
    image_type: str = Field(description='Image type: bias, dark, flat, arc, standard, science.')
    image_type_because: str = Field(description='What told the image type.')
    begin: TaiTime = Field(description='Start of the exposure.')
    exposure_time_s: float | None = Field(default=None, description='Exposure time; absent where the file does not tell. Unit: s.', json_schema_extra={"unit": "s"})
    dark_time_s: float | None = Field(default=None, description='Dark time; absent where the file does not tell. Unit: s.', json_schema_extra={"unit": "s"})
    filter: str | None = Field(default=None, description='Filter; absent for none.')
    night: str = Field(description='Observing day YYYYMMDD, which rolls at 12:00 UTC.')
    file_name: str = Field(description='Name of the file the frame came in.')
    ref: DataRef = Field(description='That file.')


class FrameIngested(Message):
    """A frame passed its checks and is recorded."""

    message_type: ClassVar[str] = "calibrant.ingest.v1.FrameIngested"
    acquisition_id: str = Field(description='Acquisition it was ingested for.')
    job_id: str = Field(description='Ingest job.')
    frame: Frame = Field(description='The frame.')
    frames_in_file: Int32 = Field(description='Frames in the same file.')


class FrameRejected(Message):
    """A file was refused. It is kept aside."""

    message_type: ClassVar[str] = "calibrant.ingest.v1.FrameRejected"
    acquisition_id: str = Field(description='Acquisition it was meant for.')
    job_id: str = Field(description='Ingest job.')
    file_name: str = Field(description='Name of the file.')
    reason: str = Field(description='Reason code, such as "truncated", "wrong-shape", "duplicate".')
    message: str = Field(description='What was wrong, where, and what to do.')
    kept: DataRef | None = Field(default=None, description='Copy kept aside; absent where the file could not be read at all.')

