"""Messages of ``calibrant.common.v1``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import Int32, Int64, Message, TaiTimeMethods

__all__ = [
    "DataRef",
    "JobDone",
    "JobFailed",
    "JobInput",
    "Product",
    "TaiTime",
    "TimeRange",
]


class TaiTime(TaiTimeMethods):
    """An instant of International Atomic Time (TAI), counted from 1970-01-01T00:00:00 TAI. Never
    UTC."""

    message_type: ClassVar[str] = "calibrant.common.v1.TaiTime"


class TimeRange(Message):
    """A half-open range of time [begin, end). A missing side is unbounded."""

    message_type: ClassVar[str] = "calibrant.common.v1.TimeRange"
    begin: TaiTime | None = Field(default=None, description='First instant inside the range.')
    end: TaiTime | None = Field(default=None, description='First instant after the range.')


class DataRef(Message):
    """Where bytes lie that are too large for a message. The reader checks size and hash."""

    message_type: ClassVar[str] = "calibrant.common.v1.DataRef"
    uri: str = Field(description='Address: "objects:KEY" in the object store, or "file:PATH" of a file outside it.')
    sha256: str = Field(description='SHA-256 of the bytes as stored, lower-case hexadecimal.')
    size_bytes: Int64 = Field(description='Number of bytes as stored. Unit: byte.', json_schema_extra={"unit": "byte"})
    media_type: str = Field(description='Media type, such as "image/fits" or "application/json".')


class JobInput(Message):
    """One input of a job."""

    message_type: ClassVar[str] = "calibrant.common.v1.JobInput"
    role: str = Field(description='What the input is for: "frames", "measurements", "previews", or the kind of a calibration.')
    id: str = Field(description='Identifier of the frame, product or result.')
    ref: DataRef = Field(description='Its bytes.')
    exposure_id: str | None = Field(default=None, description='Exposure the input belongs to; absent for products.')
    file_name: str | None = Field(default=None, description="Name of the file as a person knows it, which may tell a frame's type; absent for products.")


class Product(Message):
    """A calibration product: what a combine job makes for one detector."""

    message_type: ClassVar[str] = "calibrant.common.v1.Product"
    product_id: str = Field(description="Identifier: the kind and the first twelve digits of the job's identifier.")
    kind: str = Field(description='Kind of calibration, by the name of its recipe: "bias", "linearity", "flat".')
    instrument: str = Field(description='Instrument name.')
    detector: Int32 = Field(description='Detector number.')
    ref: DataRef = Field(description='The FITS file with data, variance, mask and count.')
    unit: str = Field(description='Unit of the data plane: "electron", "adu", "electron/s", "adu/s" or "" for a normalised flat and for tables.')
    filter: str | None = Field(default=None, description='Filter; absent where the kind does not depend on one.')
    dark_time_s: float | None = Field(default=None, description='Dark time of the frames combined; absent where it does not matter. Unit: s.', json_schema_extra={"unit": "s"})
    per_second: bool = Field(description='Whether the data are per second of dark time.')
    inputs: Int32 = Field(description='Number of frames combined.')
    observed: TimeRange = Field(description='Start of the first to end of the last frame combined.')
    read_noise_e: float | None = Field(default=None, description="Mean read noise of the detector's amplifiers, as used. Unit: electron.", json_schema_extra={"unit": "electron"})
    calibrations: tuple[str, ...] = Field(default=(), description='Identifiers of the calibration products that went in, such as the bias of a dark.')


class JobDone(Message):
    """A job ended well. The same job is not computed twice: a repeated request gets the first
    result again."""

    message_type: ClassVar[str] = "calibrant.common.v1.JobDone"
    job_id: str = Field(description='Identifier of the job: the hash of all that determines its result.')
    execution_id: str = Field(description='The execution (attempt) whose result this is.')
    products: tuple[Product, ...] = Field(default=(), description='What the job made.')


class JobFailed(Message):
    """A job ended without a result, for good."""

    message_type: ClassVar[str] = "calibrant.common.v1.JobFailed"
    job_id: str = Field(description='Identifier of the job.')
    error: str = Field(description='Type of the error.')
    reason: str = Field(description='What went wrong and what to do, for a person.')
    attempts: Int32 = Field(description='How many attempts were made.')

