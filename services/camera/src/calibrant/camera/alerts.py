"""What stands against the camera: its troubles, acknowledged or cleared by command.

Owns what may be done with them. Must not know who tells of a trouble.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import event

if TYPE_CHECKING:
    from sqlmodel import Session

    from calibrant.camera.service import CameraService
    from calibrant.contracts.camera.v1 import Alert

_ROOM: Final = "room"
ACTIONS: Final = ("acknowledge", "clear")
"""What may be done with a trouble."""


def not_alerted(service: CameraService, session: Session, command: Alert) -> str:
    """Return why nothing can be done with a trouble, and what can; an empty text when it can."""
    troubles, name = service.health.troubles, command.alert_id
    if command.action not in ACTIONS:
        return f"action is {command.action!r}; give {' or '.join(ACTIONS)}"
    if name not in troubles:
        standing = "; ".join(f"{part}: {what}" for part, what in sorted(troubles.items()))
        return f"no alert {name!r} stands; " + (f"there are: {standing}" if standing else "none does")
    lacking = service.room.lacking(session) if (name, command.action) == (_ROOM, "clear") else ""
    return f"{name} cannot be cleared: {lacking}" if lacking else ""


def alerted(service: CameraService, session: Session, command: Alert) -> str:
    """Acknowledge or clear a trouble that stands, once the transaction is committed; say what follows."""
    health, name, who = service.health, command.alert_id, command.header.identity
    if command.action == "clear":
        event.listen(session, "after_commit", lambda _: health.well(name), once=True)
        return f"{name} is cleared; it stands again when it is met again"
    event.listen(session, "after_commit", lambda _: health.acknowledge(name, who), once=True)
    return f"{name} is acknowledged by {who}: {health.troubles.get(name, 'it is gone')}"
