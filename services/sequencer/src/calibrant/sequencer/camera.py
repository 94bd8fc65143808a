"""Commanding a camera: state by state and exposure by exposure, one run at a time.

Owns commands and their attempts; what an answer means and which command leads where, ``calibrant.sal`` knows.
Knows neither frames nor plans. What comes next follows from the camera's known state and the first exposure that
is not final; one command is out at a time.
"""

from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    Start,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.rules.times import NS_PER_S
from calibrant.runtime.clock import Clock
from calibrant.runtime.unit_of_work import Outgoing
from calibrant.sal import COMMANDS, NOT_NOW, Command, Composer, Tracker, command_name, is_final, path_to
from calibrant.sequencer.attempts import begin_s, uncounted
from calibrant.sequencer.control import Held
from calibrant.sequencer.exposures import opens_shutter, said_of_images
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.store.plans import request_of
from calibrant.sequencer.store.tables import AcquisitionRow, CameraRow, CommandRow, RunRow, StepRow
from calibrant.sequencer.store.withdrawn import is_withdrawn, withdrawn_since

TAKE = command_name(TakeImages)
OUT = ("open", "settling")
NOT_OURS = (SummaryState.UNSPECIFIED, SummaryState.OFFLINE)
"""States that a camera is not brought out of: who runs it does that, by enterControl."""


@dataclass(slots=True)
class Commander:
    """Commands cameras within one transaction.

    Parameters
    ----------
    session : Session
        The transaction.
    settings : SequencerSettings
        Deadlines and attempts.
    clock : Clock
        The time.
    touched : set of str
        Runs whose exposures changed: whoever calls goes on with them.
    """

    session: Session
    settings: SequencerSettings
    clock: Clock
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
                .where(RunRow.component == component, StepRow.state == "waiting", RunRow.held == Held.NOT)
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
        before = self.session.get(CameraRow, changed.component)
        self.session.merge(
            CameraRow(
                component=changed.component,
                summary_state=state,
                instrument=changed.instrument or "",
                reason=changed.reason,
                withdrawn_tai_ns=withdrawn_since(before, state, self.clock.tai_ns()),
            )
        )
        settling = (CommandRow.component == changed.component, CommandRow.state == "settling")
        for command in self.session.exec(select(CommandRow).where(*settling)).all():
            if command.from_state != state:
                command.state = "complete"
                self.session.add(command)

    def take_ack(self, ack: CommandAck) -> None:
        """Note an answer; the first final one counts, but one that comes after we gave up waiting counts too."""
        command = self.session.get(CommandRow, ack.command_id)
        if command is None:
            return
        known = self._tracker(command)
        told = known.acknowledged(ack, self.clock.tai_ns())
        if told is known:
            return
        command.ack, command.answer_by_tai_ns = told.ack.name, told.wait_until_tai_ns
        command.result = told.result
        self.session.add(command)
        if not is_final(told.ack):
            return
        if told.ack is AckCode.COMPLETE:
            self._completed(command, told)
        elif command.state == "open":
            reason = f"{told.ack.name}: {told.result or f'error {ack.error}'}"
            state = self._ended(command, known, ack)
            self._failed(command, reason, final=told.ack is AckCode.NO_PERMISSION, state=state)

    def overdue(self, command: CommandRow) -> None:
        """Give up waiting for a command's answer: NO_ACK; after the last attempt the camera is given up."""
        known = self._tracker(command)
        last = command.attempt - uncounted(self.session, command.step_id) >= self.settings.attempts
        if command.state == "settling" and self.clock.tai_ns() > command.answer_by_tai_ns:
            told = f"camera {command.component} answered {command.name} and stays {command.from_state}"
            self._failed(command, told, final=last)
        elif command.state == "open":
            now = known.at(self.clock.tai_ns())
            if now.ack is AckCode.NO_ACK:
                command.ack = now.ack.name
                self._failed(command, f"NO_ACK: camera {command.component}: {now.result}", final=last)

    def silent(self, run: RunRow) -> None:
        """Give up waiting for a camera that says nothing, or stays OFFLINE."""
        if run.camera_by_tai_ns is not None and run.camera_by_tai_ns <= self.clock.tai_ns():
            camera = self.session.get(CameraRow, run.component)
            said = "has said nothing" if camera is None else f"is {camera.summary_state}"
            self.give_up(
                run.run_id,
                f"camera {run.component} {said} for {self.settings.camera_wait_s:g} s: "
                "start it, or bring it under control (enterControl), and run again",
            )
            run.camera_by_tai_ns = None
            self.session.add(run)

    def give_up(self, run_id: str, reason: str, *, also_begun: bool = True) -> None:
        """Fail all exposures of a run that are not final; or only those that have not begun."""
        states = ("waiting", "commanded") if also_begun else ("waiting",)
        waiting = (StepRow.run_id == run_id, col(StepRow.state).in_(states))
        for step in self.session.exec(select(StepRow).where(*waiting)).all():
            step.state, step.reason = "failed", reason
            self.session.add(step)
        self.touched.add(run_id)

    def _next(self, step: StepRow, run: RunRow) -> list[Message] | None:
        """Return the command that comes next, nothing while the camera is waited for, None if it was given up."""
        if run.rest_until_tai_ns is not None and run.rest_until_tai_ns > self.clock.tai_ns():
            return []
        camera = self.session.get(CameraRow, run.component)
        state = "" if camera is None else camera.summary_state
        if state == SummaryState.ENABLED.name:
            return [self._take(step, run, state)]
        if not state or SummaryState[state] in NOT_OURS:
            if run.camera_by_tai_ns is None:
                run.camera_by_tai_ns = self.clock.tai_ns() + round(self.settings.camera_wait_s * NS_PER_S)
                self.session.add(run)
            return []
        if is_withdrawn(camera, run):
            run.camera_by_tai_ns = None
            self.session.add(run)
            return []
        name = path_to(SummaryState[state], SummaryState.ENABLED)[0]
        mine = (CommandRow.step_id == step.step_id, CommandRow.name == name)
        given = self.session.exec(
            select(CommandRow).where(*mine).order_by(col(CommandRow.attempt).desc())
        ).all()
        if len(given) - uncounted(self.session, step.step_id) >= self.settings.attempts:
            told = given[0].result or "it came back to that state"
            self.give_up(
                run.run_id, f"camera {run.component} cannot be brought out of {state} by {name}: {told}"
            )
            return None
        return [self._transition(step, run, name, state, len(given) + 1)]

    def _transition(self, step: StepRow, run: RunRow, name: str, state: str, attempt: int) -> Message:
        kind = COMMANDS[name]
        fields = {"configuration_override": ""} if kind is Start else {}
        cause = (run.run_id, step.step_id, str(attempt))
        within_s = begin_s(self.session, step.step_id, name, self.settings.command_s, self.clock.tai_ns())
        command = self._composer(run).command(kind, *cause, timeout_s=within_s, **fields)
        self._note(step, run, command, state=state, attempt=attempt)
        return command

    def _take(self, step: StepRow, run: RunRow, state: str) -> Message:
        acquisition, asked = self.session.get_one(AcquisitionRow, step.acquisition_id), request_of(run)
        step.state, step.attempts = "commanded", step.attempts + 1
        self.session.add(step)
        within_s = self.settings.command_s + step.exposure_time_s
        command = self._composer(run).command(
            TakeImages,
            *(run.run_id, step.step_id, str(step.attempts)),
            timeout_s=begin_s(self.session, step.step_id, TAKE, within_s, self.clock.tai_ns()),
            num_images=1,
            exposure_time_s=step.exposure_time_s,
            shutter=opens_shutter(acquisition.image_type),
            image_type=acquisition.image_type,
            group_id=acquisition.acquisition_id,
            filter=acquisition.filter,
            sensors=asked.detectors,
            observation_note=f"run {run.run_id}, exposure {step.position}"
            if asked.note is None
            else asked.note,
            key_value_map=said_of_images(asked.image_keys),
        )
        self._note(step, run, command, state=state, attempt=step.attempts, takes_s=step.exposure_time_s)
        return command

    def _composer(self, run: RunRow) -> Composer:
        """Command as ourselves, for who asked for the run."""
        asked = request_of(run).requested_by
        return Composer(run.component, self.settings.identity, self.clock, requested_by=asked or None)

    def _note(
        self, step: StepRow, run: RunRow, command: Command, *, state: str, attempt: int, takes_s: float = 0.0
    ) -> None:
        """Write down a command that is being sent."""
        tracker = self._composer(run).track(command, duration_s=takes_s, patience_s=self.settings.grace_s)
        self.session.add(
            CommandRow(
                command_id=tracker.command_id,
                run_id=run.run_id,
                step_id=step.step_id,
                component=run.component,
                name=tracker.command,
                attempt=attempt,
                state="open",
                from_state=state,
                begin_by_tai_ns=command.header.deadline.ns,
                answer_by_tai_ns=tracker.wait_until_tai_ns,
                ack=tracker.ack.name,
            )
        )
        run.camera_by_tai_ns = None
        self.session.add(run)

    def _tracker(self, command: CommandRow) -> Tracker:
        """Return what is known of a command, as its row has it."""
        return Tracker(
            command_id=command.command_id,
            command=command.name,
            identity=self.settings.identity,
            wait_until_tai_ns=command.answer_by_tai_ns,
            patience_s=self.settings.grace_s,
            ack=AckCode[command.ack],
            result=command.result,
        )

    def _completed(self, command: CommandRow, told: Tracker) -> None:
        if command.name == TAKE:
            command.state, command.image_names = "complete", ",".join(told.image_names)
            self._taken(command)
            run = self.session.get_one(RunRow, command.run_id)
            self._rest(run, request_of(run).wait_between_exposures_s or 0.0)
            self.touched.add(command.run_id)
        elif command.state == "open":
            camera = self.session.get(CameraRow, command.component)
            moved = camera is not None and camera.summary_state != command.from_state
            command.state = "complete" if moved else "settling"
        self.session.add(command)

    def _taken(self, command: CommandRow) -> None:
        """Note an exposure as taken, if it is still waited for: in a retry another one has taken its place."""
        step = self.session.get(StepRow, command.step_id)
        if step is not None and self.session.get_one(AcquisitionRow, step.acquisition_id).state == "open":
            step.state, step.reason = "done", ""
            self.session.add(step)

    def _rest(self, run: RunRow, wait_s: float) -> None:
        """Let the camera alone for some time, s: the run asks for it after an exposure, or it takes no command now."""
        if wait_s:
            run.rest_until_tai_ns = self.clock.tai_ns() + round(wait_s * NS_PER_S)
            self.session.add(run)

    def _ended(self, command: CommandRow, known: Tracker, ack: CommandAck) -> str:
        """Return the state of a command that did not succeed: only a failed one is an attempt."""
        if known.ack is AckCode.STALLED:
            return "stalled"
        again = self.clock.tai_ns() + round(self.settings.again_s * NS_PER_S)
        return "put off" if ack.error == NOT_NOW and again < command.begin_by_tai_ns else "failed"

    def _failed(self, command: CommandRow, told: str, *, final: bool, state: str = "failed") -> None:
        command.state, command.result = state, told
        self.session.add(command)
        step = self.session.get(StepRow, command.step_id)
        if step is None:  # in a retry another one has taken its place
            return
        if command.name == TAKE and step.state == "commanded":
            tries = step.attempts - uncounted(self.session, step.step_id)
            stopping = self.session.get_one(RunRow, command.run_id).held == Held.STOPPING
            last = stopping or (tries >= self.settings.attempts and state == "failed")
            step.state = "failed" if last else "waiting"
            step.reason = f"{told}, after {tries} attempts" if last else ""
            self.session.add(step)
        if state == "put off":
            self._rest(self.session.get_one(RunRow, command.run_id), self.settings.again_s)
        if final:
            self.give_up(command.run_id, told)
        self.touched.add(command.run_id)
