"""The life of a command that is carried out: begin, wait for room, end or fault; each step in one short transaction.

Owns the rows of commands and what is told of them. Must not know processes, files or waiting. Every step is given an
open transaction and returns the messages that follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from calibrant.camera.service import STALLED_AGAIN_S, CameraService
from calibrant.camera.store import CameraQueries, CommandRow, CommandState, ExposureState
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import AckCode, CommandSubstate, ErrorCode, ReadinessSubstate, SummaryState
from calibrant.frames.times import NS_PER_S
from calibrant.sal import Acceptance, Command, answer


@dataclass(frozen=True, slots=True)
class Carrying:
    """One command on its way.

    Parameters
    ----------
    service
        The camera.
    command
        The command.
    run_id
        The run it belongs to; empty for none.
    """

    service: CameraService
    command: Command
    run_id: str

    @property
    def command_id(self) -> str:
        """Identifier of the command."""
        return self.command.header.command_id

    def begin(self, session: Session, now_tai_ns: int) -> list[Message]:
        """Begin, unless its deadline has passed or the state does not allow it any more: then end it.

        Once begun it is never begun again, whatever happens.
        """
        if self.stopped(session):
            return self.end(session, AckCode.ABORTED, "stopped before it was begun", now_tai_ns)
        state = self.service.state(session)
        refusal = Acceptance(self.service.component).refusal(self.command, state=state, now_tai_ns=now_tai_ns)
        if refusal is None:
            self._row(session).state = CommandState.EXECUTING
            return []
        last = CameraQueries(session).last_ack(self.command_id)
        if last is not None and last[0].ack is AckCode.STALLED:
            refusal = refusal.model_copy(update={"result": f"{refusal.result}. It waited: {last[0].result}"})
        return self.end(session, refusal.ack, refusal.result, now_tai_ns)

    def stopped(self, session: Session) -> bool:
        """Tell whether the command is to end, by ``stop``."""
        return self._row(session).state == CommandState.STOPPING

    def lacks(self, session: Session, now_tai_ns: int) -> str:
        """Say what an image has no room for; empty when it has, or when the command ends anyway."""
        if self.stopped(session):
            return ""
        late = now_tai_ns > self.command.header.deadline.ns
        if late and self._row(session).state == CommandState.ACCEPTED:
            return ""
        return self.service.room.lacking(session)

    def stall(self, session: Session, why: str, now_tai_ns: int) -> list[Message]:
        """Answer that the command waits for room, unless that was answered a moment ago."""
        last = CameraQueries(session).last_ack(self.command_id)
        told = last is not None and last[0].ack is AckCode.STALLED
        if last is not None and told and now_tai_ns - last[1] < STALLED_AGAIN_S * NS_PER_S:
            return []
        return [self.service.give(session, self.service.stalled(self.command, why, now_tai_ns), now_tai_ns)]

    def end(
        self, session: Session, ack: AckCode, why: str, now_tai_ns: int, begun: Sequence[str] = ()
    ) -> list[Message]:
        """End the command; images that are not stored are given up, those that are stored or have just begun are named."""
        images = CameraQueries(session).images(self.command_id)
        stored = [image.image_name for image in images if image.state == ExposureState.STORED]
        for image in images:
            if image.state == ExposureState.BEGUN:
                image.state = ExposureState.ABORTED
        self._row(session).state = CommandState.DONE
        final = answer(self.command, ack, why, image_names=[*stored, *begun])
        idle = self.service.detailed(session).command(CommandSubstate.IDLE)
        return [self.service.give(session, final, now_tai_ns), idle]

    def finish(self, session: Session, ack: AckCode, why: str, now_tai_ns: int) -> list[Message]:
        """End the command; a camera that was disabled meanwhile is not ready for images, whatever was told of the last."""
        events = self.end(session, ack, why, now_tai_ns)
        if self.service.state(session) is not SummaryState.ENABLED:
            events.append(self.service.detailed(session).readiness(ReadinessSubstate.NOT_READY))
        return events

    def end_interrupted(self, session: Session, now_tai_ns: int) -> list[Message]:
        """End a command of an earlier boot."""
        return self.end(session, AckCode.ABORTED, "the camera was restarted; command anew", now_tai_ns)

    def fault(self, session: Session, error: str, now_tai_ns: int, where: str) -> list[Message]:
        """End the command as failed and put the camera into FAULT, for an error with this traceback."""
        code = ErrorCode(component=self.service.component, error_code=1, error_report=error, traceback=where)
        state = self.service.change_state(session, SummaryState.FAULT, error)
        self.service.status(session).calibration = False
        rest = self.service.detailed(session).at_rest()
        return [*self.end(session, AckCode.FAILED, error, now_tai_ns), code, state, *rest]

    def _row(self, session: Session) -> CommandRow:
        row = CameraQueries(session).row(self.command_id)
        assert row is not None
        return row
