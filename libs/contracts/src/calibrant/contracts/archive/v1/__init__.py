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
    status: str = Field(description='Status: current, obsolete, deprecated.')
    ref: DataRef = Field(description="The archive's own copy.")
    access_path: str = Field(description="Path of the download under the archive's address.")
    collection: str = Field(description='Collection certified into.')
    validity: TimeRange = Field(description='Validity range.')

