"""Commanding a camera: state by state and exposure by exposure, one run at a time.

Owns commands, their attempts and deadlines. Knows neither frames nor plans. What comes next follows from the
camera's known state and the first exposure that is not final; one command is out at a time.
"""

from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    CommandHeader,
    Enable,
    Standby,
    Start,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.sequencer.v1 import ExposureRequest
from calibrant.rules.validity import NS_PER_S
from calibrant.runtime.ids import derive
from calibrant.runtime.unit_of_work import Outgoing
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.store.tables import AcquisitionRow, CameraRow, CommandRow, RunRow, StepRow

TAKE = "takeImages"
OUT = ("open", "settling")
TRANSITIONS = {
    SummaryState.STANDBY.name: "start",
    SummaryState.DISABLED.name: "enable",
    SummaryState.FAULT.name: "standby",
}
"""What brings a camera nearer to ENABLED, by its summary state."""


@dataclass(slots=True)
class Commander:
    """Commands cameras within one transaction.

    Parameters
    ----------
    session : Session
        The transaction.
    settings : SequencerSettings
        Deadlines and attempts.
    now_tai_ns : int
        The time, TAI ns.
    touched : set of str
        Runs whose exposures changed: whoever calls goes on with them.
    """

    session: Session
    settings: SequencerSettings
    now_tai_ns: int
    touched: set[str] = field(default_factory=set)

    def drive(self, component: str) -> list[Outgoing]:
        """Give the next command, if the camera is free and some run has an exposure to take."""
        while True:
            self.session.flush()
            out = (CommandRow.component == component, col(CommandRow.state).in_(OUT))
            if self.session.exec(select(CommandRow).where(*out)).first() is not None:
                return []
            found = self.session.exec(
                select(StepRow, RunRow)
                .join(RunRow, col(RunRow.run_id) == StepRow.run_id)
                .where(RunRow.component == component, StepRow.state == "waiting")
                .order_by(col(RunRow.number), col(StepRow.position))
            ).first()
            if found is None:
                return []
            commands = self._next(*found)
            if commands is not None:
                return [Outgoing(command, found[1].run_id) for command in commands]

    def take_state(self, changed: SummaryStateChanged) -> None:
        """Note a camera's summary state."""
        state = changed.summary_state.name
        self.session.merge(CameraRow(component=changed.component, summary_state=state, reason=changed.reason))
        settling = (CommandRow.component == changed.component, CommandRow.state == "settling")
        for command in self.session.exec(select(CommandRow).where(*settling)).all():
            if command.from_state != state:
                command.state = "complete"
                self.session.add(command)

    def take_ack(self, ack: CommandAck) -> None:
        """Note an answer; the first final one counts, but an image taken late counts too."""
        command = self.session.get(CommandRow, ack.command_id)
        if command is None or ack.ack is AckCode.UNSPECIFIED:
            return
        if ack.ack is AckCode.IN_PROGRESS:
            longer = round((ack.timeout_s + self.settings.grace_s) * NS_PER_S)
            command.answer_by_tai_ns = max(command.answer_by_tai_ns, self.now_tai_ns + longer)
            self.session.add(command)
        elif ack.ack is AckCode.COMPLETE:
            self._completed(command, ack)
        elif command.state == "open":
            told = f"{ack.ack.name}: {ack.result or f'error {ack.error}'}"
            self._failed(command, told, final=ack.ack is AckCode.NO_PERMISSION)

    def overdue(self, command: CommandRow) -> None:
        """Give up waiting for a command's answer: NO_ACK; after the last attempt the camera is given up."""
        if command.state in OUT and command.answer_by_tai_ns <= self.now_tai_ns:
            told = f"NO_ACK: camera {command.component} did not answer {command.name} in time"
            if command.state == "settling":
                told = f"camera {command.component} answered {command.name} and stays {command.from_state}"
            last = command.attempt >= self.settings.attempts
            self._failed(command, told, final=last)

    def silent(self, run: RunRow) -> None:
        """Give up waiting for a camera that says nothing, or stays OFFLINE."""
        if run.camera_by_tai_ns is not None and run.camera_by_tai_ns <= self.now_tai_ns:
            camera = self.session.get(CameraRow, run.component)
            said = "has said nothing" if camera is None else f"is {camera.summary_state}"
            self.give_up(
                run.run_id,
                f"camera {run.component} {said} for {self.settings.camera_wait_s:g} s: "
                "start it, or bring it under control (enterControl), and run again",
            )
            run.camera_by_tai_ns = None
            self.session.add(run)

    def give_up(self, run_id: str, reason: str) -> None:
        """Fail all exposures of a run that are not final."""
        waiting = (StepRow.run_id == run_id, col(StepRow.state).in_(("waiting", "commanded")))
        for step in self.session.exec(select(StepRow).where(*waiting)).all():
            step.state, step.reason = "failed", reason
            self.session.add(step)
        self.touched.add(run_id)

    def _next(self, step: StepRow, run: RunRow) -> list[Message] | None:
        """Return the command that comes next, nothing while the camera is waited for, None if it was given up."""
        camera = self.session.get(CameraRow, run.component)
        state = "" if camera is None else camera.summary_state
        if state == SummaryState.ENABLED.name:
            return [self._take(step, run, state)]
        name = TRANSITIONS.get(state)
        if name is None:
            if run.camera_by_tai_ns is None:
                run.camera_by_tai_ns = self.now_tai_ns + round(self.settings.camera_wait_s * NS_PER_S)
                self.session.add(run)
            return []
        mine = (CommandRow.step_id == step.step_id, CommandRow.name == name)
        given = self.session.exec(
            select(CommandRow).where(*mine).order_by(col(CommandRow.attempt).desc())
        ).all()
        if len(given) >= self.settings.attempts:
            told = given[0].result or "it came back to that state"
            self.give_up(
                run.run_id, f"camera {run.component} cannot be brought out of {state} by {name}: {told}"
            )
            return None
        return [self._transition(step, run, name, state, len(given) + 1)]

    def _transition(self, step: StepRow, run: RunRow, name: str, state: str, attempt: int) -> Message:
        header = self._command(step, run, name=name, state=state, attempt=attempt)
        if name == "start":
            return Start(header=header, configuration_override="")
        return Enable(header=header) if name == "enable" else Standby(header=header)

    def _take(self, step: StepRow, run: RunRow, state: str) -> TakeImages:
        acquisition = self.session.get_one(AcquisitionRow, step.acquisition_id)
        step.state, step.attempts = "commanded", step.attempts + 1
        self.session.add(step)
        return TakeImages(
            header=self._command(
                step,
                run,
                name=TAKE,
                state=state,
                attempt=step.attempts,
                exposure_time_s=step.exposure_time_s,
            ),
            num_images=1,
            exposure_time_s=step.exposure_time_s,
            shutter=opens_shutter(acquisition.image_type),
            image_type=acquisition.image_type,
            group_id=acquisition.acquisition_id,
            filter=acquisition.filter,
            observation_note=f"run {run.run_id}, exposure {step.position}",
        )

    def _command(
        self, step: StepRow, run: RunRow, *, name: str, state: str, attempt: int, exposure_time_s: float = 0.0
    ) -> CommandHeader:
        deadline = self.now_tai_ns + round((self.settings.command_s + exposure_time_s) * NS_PER_S)
        command = CommandRow(
            command_id=derive(run.run_id, "command", step.step_id, name, str(attempt)),
            run_id=run.run_id,
            step_id=step.step_id,
            component=run.component,
            name=name,
            attempt=attempt,
            state="open",
            from_state=state,
            answer_by_tai_ns=deadline + round((exposure_time_s + self.settings.grace_s) * NS_PER_S),
        )
        self.session.add(command)
        run.camera_by_tai_ns = None
        self.session.add(run)
        return CommandHeader(
            command_id=command.command_id,
            component=run.component,
            identity=self.settings.identity,
            deadline=TaiTime.from_ns(deadline),
        )

    def _completed(self, command: CommandRow, ack: CommandAck) -> None:
        if command.name == TAKE:
            step = self.session.get_one(StepRow, command.step_id)
            acquisition = self.session.get_one(AcquisitionRow, step.acquisition_id)
            command.state, command.image_names = "complete", ",".join(ack.image_names)
            if acquisition.state == "open":
                step.state, step.reason = "done", ""
                step.image_name = ",".join(ack.image_names)
            self.session.add(step)
            self.touched.add(command.run_id)
        elif command.state == "open":
            camera = self.session.get(CameraRow, command.component)
            moved = camera is not None and camera.summary_state != command.from_state
            command.state = "complete" if moved else "settling"
        self.session.add(command)

    def _failed(self, command: CommandRow, told: str, *, final: bool) -> None:
        command.state, command.result = "failed", told
        self.session.add(command)
        step = self.session.get_one(StepRow, command.step_id)
        if command.name == TAKE and step.state == "commanded":
            last = step.attempts >= self.settings.attempts
            step.state = "failed" if last else "waiting"
            step.reason = f"{told}, after {step.attempts} attempts" if last else ""
            self.session.add(step)
        if final:
            self.give_up(command.run_id, told)
        self.touched.add(command.run_id)


def opens_shutter(image_type: str) -> bool:
    """Tell whether light is wanted in an exposure of a type."""
    return image_type not in {"BIAS", "DARK"}


def problem_of(asked: ExposureRequest, known: list[str]) -> str:
    """Say what is wrong with exposures asked for; empty when nothing is."""
    if asked.image_type.lower() not in known:
        return f"image type {asked.image_type!r} is unknown: use one of {', '.join(known).upper()}"
    if not asked.exposure_times_s:
        return f"{asked.image_type}: no exposure; give at least one exposure time"
    negative = [t for t in asked.exposure_times_s if t < 0]
    return f"{asked.image_type}: exposure time {negative[0]:g} s is negative" if negative else ""
