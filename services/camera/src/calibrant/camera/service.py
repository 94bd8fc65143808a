"""The camera's use cases: taking commands in, its state, its nights.

Owns acceptance and the summary state. What a command does once it is accepted is ``sequence`` and ``executor``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import event
from sqlmodel import Session

from calibrant.camera.describing import configured, unknown_configuration
from calibrant.camera.detailed import Detailed
from calibrant.camera.durations import Preparation, preparation_s
from calibrant.camera.exposing import Camera
from calibrant.camera.logs import CameraLog
from calibrant.camera.night import next_night
from calibrant.camera.room import Room
from calibrant.camera.simulator import SimulationParameters
from calibrant.camera.store import AckRow, CameraQueries, CommandRow, CommandState, StatusRow
from calibrant.camera.taking_in import carried_out, end_images, open_image, take_in
from calibrant.camera.ticking import SimulatedClock, Watch
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    CommandSubstate,
    Disable,
    EndImage,
    Generic,
    ReadinessSubstate,
    Start,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.frames.instrument import Instrument
from calibrant.frames.times import NS_PER_S, day_obs
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.database import Database
from calibrant.runtime.health import Health
from calibrant.runtime.telemetry import spans
from calibrant.sal import (
    ONLY_ANSWERED,
    Acceptance,
    Command,
    Decision,
    Verdict,
    answer,
    asked,
    command_name,
    command_type,
    is_final,
    sender,
    sender_key,
)

STALLED_AGAIN_S = 30.0
"""How often a client is told that its command still waits for room."""


@dataclass(slots=True)
class CameraService:
    """The camera of one boot of the process.

    Parameters
    ----------
    component
        Its name, to which commands are addressed.
    boot_id
        Identifier of this boot: a state or a command of another boot is of the past.
    instrument
        The camera it imitates.
    parameters
        How it behaves.
    camera
        The same, as a child process wants it.
    database
        Its own database.
    clock_start_tai_ns
        First start of the simulated clock, in nanoseconds since 1970-01-01T00:00:00 TAI.
    clock
        Its clock, and how much faster than real time that runs.
    ack_margin_s
        What a client is told to wait for each image beside exposure and readout, in seconds.
    room
        Limits past which no image is begun.
    memory_s
        How long the light of an exposure is felt by those after it, in seconds.
    address
        URL of its HTTP API; empty where that is not served.
    """

    component: str
    boot_id: str
    instrument: Instrument
    parameters: SimulationParameters
    camera: Camera
    database: Database
    clock_start_tai_ns: int
    clock: SimulatedClock
    ack_margin_s: float
    room: Room
    memory_s: float = 0.0
    address: str = ""
    health: Health = field(default_factory=Health)
    """What troubles the process; set by whoever makes that."""
    log: CameraLog = field(init=False)
    """What its log says, as events."""
    watch: Watch = field(init=False)
    """Runs since the image that startImage began last."""
    wake: Callable[[], None] = field(default=lambda: None)
    """Called when an accepted command has been committed; set by whoever carries commands out."""

    def __post_init__(self) -> None:
        """Begin to measure, and to log."""
        self.watch, self.log = self.clock.watch(), CameraLog(self.component, self.boot_id)

    def accept(self, command: Command, session: Session, *, now_tai_ns: int, run_id: str) -> list[Message]:
        """Take a command in, however it has come; return the answer and what else is to be told.

        Parameters
        ----------
        command
            The command.
        session
            An open transaction.
        now_tai_ns
            Now on the system clock, in nanoseconds since 1970-01-01T00:00:00 TAI.
        run_id
            The run it belongs to; empty for none.
        """
        queries = CameraQueries(session)
        given, known = queries.acks(command.header.command_id), queries.row(command.header.command_id)
        decision = Acceptance(self.component).decide(
            command,
            state=self.state(session),
            now_tai_ns=now_tai_ns,
            last=given[-1] if given else None,
            asked_before=known.asked if known else "",
            used_by=queries.numbered(numbered := sender_key(command.header)),
        )
        if decision.verdict is Verdict.IGNORED:
            return []
        if decision.verdict is Verdict.CHANGES_STATE:
            decision = self._changing(command, decision, session)
        ack = decision.ack
        told: Sequence[Message] = ()
        digest = asked(command)
        if ack is None:
            command, ack, told = take_in(self, command, session, now_tai_ns)
        record(session, now_tai_ns, sender(command), _deed(command, decision.verdict, ack, run_id))
        if decision.verdict in ONLY_ANSWERED:
            return [ack]
        done = decision.ack is not None or is_final(ack.ack)
        session.add(
            CommandRow(
                command_id=command.header.command_id,
                numbered=numbered,
                name=command_name(command),
                body=command.to_json().decode(),
                asked=digest,
                run_id=run_id,
                state=CommandState.DONE if done else CommandState.ACCEPTED,
                boot_id=self.boot_id,
                received_tai_ns=now_tai_ns,
                traceparent=spans.here(),
            )
        )
        events: list[Message] = [self.give(session, ack, now_tai_ns), *told]
        if decision.verdict is Verdict.CHANGES_STATE:
            events.append(self.change_state(session, decision.state, f"command {command_name(command)}"))
            events += self._readiness(session, decision.state)
            if isinstance(command, Start):
                events.append(configured(self.component, self.instrument))
        if not done:
            events.append(self.detailed(session).command(CommandSubstate.BUSY))
            event.listen(session, "after_commit", lambda _: self.wake(), once=True)
        return events

    def give(self, session: Session, ack: CommandAck, now_tai_ns: int) -> CommandAck:
        """Record an acknowledgement, under the name that was commanded, and return it."""
        row = CameraQueries(session).row(ack.command_id)
        if row is not None and row.name != ack.command:
            ack = ack.model_copy(update={"command": row.name, "command_type": command_type(row.name)})
        session.add(AckRow(command_id=ack.command_id, body=ack.to_json().decode(), given_tai_ns=now_tai_ns))
        return ack

    def status(self, session: Session) -> StatusRow:
        """Return the component's row, made at the first boot, brought to STANDBY at every other."""
        row = session.get(StatusRow, self.component)
        if row is None:
            row = StatusRow(
                component=self.component,
                clock_tai_ns=self.clock_start_tai_ns,
                summary_state=SummaryState.STANDBY.name,
                boot_id=self.boot_id,
            )
        elif row.boot_id != self.boot_id:
            row.summary_state, row.boot_id, row.calibration = SummaryState.STANDBY.name, self.boot_id, False
            row.playlist, row.guiders, row.changer_awake_ns = "", "", 0
        session.add(row)
        return row

    def state(self, session: Session) -> SummaryState:
        """Return the summary state."""
        return CameraQueries(session).state(self.component, self.boot_id)

    def change_state(self, session: Session, state: SummaryState, reason: str) -> SummaryStateChanged:
        """Record a summary state and return the event that tells it."""
        self.status(session).summary_state = state.name
        return SummaryStateChanged(
            component=self.component, summary_state=state, reason=reason, instrument=self.instrument.name
        )

    def begin_night(self) -> str:
        """Go on in the next night if this one has exposures, and return the night (YYYYMMDD).

        Called before a new commanded run. It changes nothing while no exposure was taken since, while a
        command waits or is being carried out, or while an image is open.

        Raises
        ------
        DatabaseUnavailable
            The database is locked, full or away.
        """
        if self.clock.follows:
            return day_obs(self.clock.now_tai_ns())
        with self.database.writing() as session:
            status, queries = self.status(session), CameraQueries(session)
            idle = not queries.unfinished() and open_image(self, session) is None
            if idle and queries.last_number(day_obs(status.clock_tai_ns)):
                status.clock_tai_ns = next_night(status.clock_tai_ns)
            return day_obs(status.clock_tai_ns)

    def detailed(self, session: Session) -> Detailed:
        """Return detailed states that begin now."""
        now = self.clock.now_tai_ns() or self.status(session).clock_tai_ns
        return Detailed(self.component, now)

    def duration_s(self, command: Command, images: int | None = None) -> float:
        """Return how long a command, or images of it, may take on the system clock, in seconds; None: all of them."""
        simulated_s, count = 0.0, 1
        if isinstance(command, TakeImages):
            simulated_s = command.exposure_time_s + self.parameters.readout_s
            count = command.num_images if images is None else images
        elif isinstance(command, EndImage):
            simulated_s = self.parameters.readout_s
        elif isinstance(command, Preparation):
            simulated_s = preparation_s(command, self.instrument, self.parameters.readout_s)
        speed = self.clock.speed
        return (self.ack_margin_s + (simulated_s / speed if speed else 0.0)) * count

    def stalled(self, command: Command, why: str, now_tai_ns: int) -> CommandAck:
        """Make the answer to a command that waits for room: it may begin as late as at its deadline."""
        left_s = max((command.header.deadline.ns - now_tai_ns) / NS_PER_S, STALLED_AGAIN_S * 2)
        return answer(command, AckCode.STALLED, why, timeout_s=left_s + self.duration_s(command))

    def _changing(self, command: Command, decision: Decision, session: Session) -> Decision:
        """Return what becomes of a state command of a camera: one that disables it ends what cannot be stopped then."""
        if why := unknown_configuration(command):
            return Decision(Verdict.REFUSED, decision.state, answer(command, AckCode.FAILED, why))
        if isinstance(command, Disable) and (ends := end_images(self, session)):
            told = answer(command, AckCode.COMPLETE, f"now {decision.state.name}; {ends}")
            return Decision(decision.verdict, decision.state, told)
        return decision

    def _readiness(self, session: Session, state: SummaryState) -> list[Message]:
        """Return what a new summary state makes of the readiness for images."""
        if carried_out(self, session) is not None or open_image(self, session) is not None:
            return []
        ready = state is SummaryState.ENABLED
        substate = ReadinessSubstate.READY if ready else ReadinessSubstate.NOT_READY
        return [self.detailed(session).readiness(substate)]


def _deed(command: Command, verdict: Verdict, ack: CommandAck, run_id: str) -> Deed:
    asked = f", for {command.header.requested_by}" if command.header.requested_by else ""
    outcome = f"{verdict.value}{asked}: {ack.ack.name}: {ack.result}"
    named = f" {command.command}" if isinstance(command, Generic) else ""
    return Deed(f"command {command_name(command)}{named}", command.header.command_id, outcome, run_id)
