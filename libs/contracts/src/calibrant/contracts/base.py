"""What every message is: a frozen model with a name, strict JSON, and nothing silently missing.

Owns the mapping between messages and JSON (docs/adr/0002). Knows no topic and no transport.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

NANOSECONDS = 1_000_000_000
SAFE_INTEGER = 2**53 - 1

Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""A 32-bit integer."""

UInt32 = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""An unsigned 32-bit integer."""

Int64 = Annotated[int, Field(ge=-SAFE_INTEGER, le=SAFE_INTEGER)]
"""A 64-bit integer, held within what every JSON reader keeps exactly (2**53 - 1)."""

UInt64 = Annotated[int, Field(ge=0, le=SAFE_INTEGER)]
"""An unsigned 64-bit integer, held within what every JSON reader keeps exactly (2**53 - 1)."""


class Message(BaseModel):
    """Base of all generated messages.

    Frozen; unknown fields are ignored, so a newer producer does not break an older reader; a field that
    is not ``optional``, repeated or a map must be there; NaN and infinities are refused.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        ser_json_bytes="base64",
        defer_build=True,  # a process reads and writes few of them: the others need not be built
    )

    message_type: ClassVar[str]
    """Full name in the contract, such as ``calibrant.camera.v1.TakeImages``."""

    def to_json(self) -> bytes:
        """Return the message as UTF-8 JSON; absent optional fields are left out."""
        # model_dump_json makes a text of these bytes, at twice the time.
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a message from JSON.

        Raises
        ------
        pydantic.ValidationError
            A field is missing, has the wrong type or is out of its range, or the bytes are not JSON.
        """
        message: Self = cls.__pydantic_validator__.validate_json(data, strict=True)
        return message


class TaiTimeMethods(Message):
    """What a TAI instant can do; the fields are generated."""

    seconds: Int64
    nanoseconds: Int32 = Field(ge=0, lt=NANOSECONDS)

    @property
    def ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00 TAI."""
        return self.seconds * NANOSECONDS + self.nanoseconds

    @classmethod
    def from_ns(cls, ns: int) -> Self:
        """Make the instant from nanoseconds since 1970-01-01T00:00:00 TAI."""
        seconds, nanoseconds = divmod(ns, NANOSECONDS)
        return cls(seconds=seconds, nanoseconds=nanoseconds)
