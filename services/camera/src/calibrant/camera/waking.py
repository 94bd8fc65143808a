"""The steps of a command for which a sleeping filter changer wakes up. Must not know waiting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from calibrant.camera.carrying import Carrying
from calibrant.camera.changer import Moving, moved
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import AckCode


@dataclass(frozen=True, slots=True)
class WakingChanger(Carrying):
    """One command on its way that is about a filter changer which sleeps."""

    command: Moving

    def lacks(self, session: Session, now_tai_ns: int) -> str:  # noqa: ARG002  as of any command
        """Say nothing: no image is taken."""
        return ""

    def woken(self, session: Session, awake_ns: int, now_tai_ns: int) -> Sequence[Message]:
        """Do what was asked for, the changer being awake since an instant, and end the command."""
        why = moved(self.service, session, self.command, awake_ns)
        return self.end(session, AckCode.COMPLETE, why, now_tai_ns)
