"""The filter changer: when it sleeps, what wakes it, and which filter is in the beam then.

Owns its state. Must not know waiting. Times are nanoseconds since 1970-01-01T00:00:00 TAI on the camera's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant.contracts.camera.v1 import SetFilter, TakeImages, WakeFilterChanger
from calibrant.frames.times import NS_PER_S, format_time

if TYPE_CHECKING:
    from sqlmodel import Session

    from calibrant.camera.service import CameraService
    from calibrant.sal import Command

Moving = SetFilter | WakeFilterChanger
"""A command that is about the filter changer alone."""


def waking_s(service: CameraService, session: Session, command: Command) -> float:
    """Return how long the changer wakes up before a command is carried out, in seconds; 0: it is awake, or not needed."""
    status = service.status(session)
    if service.detailed(session).at_tai_ns < status.changer_awake_ns:
        return 0.0
    needed = isinstance(command, WakeFilterChanger)
    if isinstance(command, SetFilter):
        needed = command.name != status.filter
    if isinstance(command, TakeImages):
        needed = command.filter not in {"", status.filter}
    return service.parameters.changer_wake_s if needed else 0.0


def moved(service: CameraService, session: Session, command: Moving, now_ns: int) -> str:
    """Do with the changer, which is awake, what a command asks for; say what follows."""
    status = service.status(session)
    if isinstance(command, SetFilter):
        status.filter = command.name
        return f"{command.name} is in the beam"
    if not service.parameters.changer_wake_s:
        return "the filter changer never sleeps"
    status.changer_awake_ns = max(status.changer_awake_ns, now_ns + round(command.duration_s * NS_PER_S))
    return f"the filter changer is awake until {format_time(status.changer_awake_ns, 'tai', 0)} TAI"
