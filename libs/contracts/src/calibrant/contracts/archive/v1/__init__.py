"""Messages of ``calibrant.archive.v1``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import Int32, Message
from calibrant.contracts.common.v1 import DataRef, TimeRange

__all__ = [
    "ProductPublished",
    "ProductWithdrawn",
]


class ProductPublished(Message):
    """A product is public. For clients outside."""

    message_type: ClassVar[str] = "calibrant.archive.v1.ProductPublished"
    publication_id: str = Field(description='Identifier of the publication.')
    product_id: str = Field(description='Product published.')
    kind: str = Field(description='Kind of calibration.')
    instrument: str = Field(description='Instrument name.')
    detector: Int32 = Field(description='Detector number.')
    version: Int32 = Field(description='Version, from 1.')
    status: str = Field(description='Status: current.')
    ref: DataRef = Field(description="The archive's own copy.")
    access_path: str = Field(description="Path of the download under the archive's address.")
    collection: str = Field(description='Collection certified into.')
    validity: TimeRange = Field(description='Validity range.')


class ProductWithdrawn(Message):
    """A published product does not apply any more, over all of its range or a part. Its file stays.
    For clients outside."""

    message_type: ClassVar[str] = "calibrant.archive.v1.ProductWithdrawn"
    publication_id: str = Field(description='Identifier of the publication.')
    product_id: str = Field(description='Product.')
    kind: str = Field(description='Kind of calibration.')
    instrument: str = Field(description='Instrument name.')
    detector: Int32 = Field(description='Detector number.')
    collection: str = Field(description='Collection certified into.')
    status: str = Field(description='Status: current (a part still applies), superseded, withdrawn.')
    in_force: tuple[TimeRange, ...] = Field(default=(), description='What still applies of its range, in order; none: nothing does.')
    superseded_by: str | None = Field(default=None, description='The product that took the place; absent where none did.')
    reason: str = Field(description='Who withdrew it, and why.')

