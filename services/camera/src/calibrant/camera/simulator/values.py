"""What sections of an instrument file that the simulator reads have in common, and the error they are refused with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from calibrant.bus.errors import PermanentError


class CannotSimulate(PermanentError):
    """An instrument file lacks what the simulator needs; the text names file and field."""


class Values(BaseModel):
    """Named values, frozen; a name that it does not have is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Return the field that is wrong first, as ``a.b``, and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    return ".".join(str(part) for part in first["loc"]), first["msg"]
