"""Messages of ``calibrant.combine.v1``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import Int32, Int64, Message
from calibrant.contracts.common.v1 import JobInput

__all__ = [
    "CombineJob",
]


class CombineJob(Message):
    """Job: build one calibration product of one detector."""

    message_type: ClassVar[str] = "calibrant.combine.v1.CombineJob"
    job_id: str = Field(description='Identifier: hash of recipe, versions, instrument description, inputs and parameters.')
    recipe: str = Field(description='Name of the recipe, which is the kind it makes: "bias", "linearity", "flat".')
    recipe_version: str = Field(description='Version of the recipe.')
    engine_version: str = Field(description='Version of the pixel engine.')
    instrument: str = Field(description='Instrument name.')
    instrument_hash: str = Field(description='Hash of the instrument description in force.')
    detector: Int32 = Field(description='Detector number.')
    inputs: tuple[JobInput, ...] = Field(default=(), description='Frames and calibrations, by role.')
    parameters: Mapping[str, str] = Field(default_factory=dict, description="Parameters that differ from the recipe's defaults; each value is JSON text.")
    filter: str | None = Field(default=None, description='Filter of the set; absent where it does not matter.')
    memory_bytes: Int64 = Field(description='Largest memory the job may allocate beyond what its process has; 0: no limit. Unit: byte.', json_schema_extra={"unit": "byte"})

