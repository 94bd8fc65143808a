"""What a person does to a run: pause, resume, stop, retry. All within one transaction.

Owns how each changes the run and what is sent for it. What may be done in which state, ``control`` knows.
"""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import Stop
from calibrant.rules.decision import Outcome
from calibrant.runtime.unit_of_work import Outgoing
from calibrant.sal import Composer
from calibrant.sequencer.camera import OUT, TAKE
from calibrant.sequencer.conductor import Conductor
from calibrant.sequencer.control import Action, ControlRefused, Held, check
from calibrant.sequencer.plan.model import Draft, Ground, Node, NodeType
from calibrant.sequencer.plan.retrying import kept, kinds_with, replan
from calibrant.sequencer.retaking import reopen
from calibrant.sequencer.states import RunState
from calibrant.sequencer.store.plans import load_draft, request_of, save_draft
from calibrant.sequencer.store.tables import AcquisitionRow, CommandRow, RunRow, StepRow


@dataclass(frozen=True, slots=True)
class Life:
    """Does things to one run.

    Parameters
    ----------
    conductor : Conductor
        Lets it go on.
    run : RunRow
        The run.
    who : str
        Who asks for it.
    """

    conductor: Conductor
    run: RunRow
    who: str

    def act(self, action: Action) -> list[Outgoing]:
        """Do something to the run.

        Returns
        -------
        list of Outgoing
            What is to be sent.

        Raises
        ------
        ControlRefused
            It may not be done now; nothing is changed.
        """
        check(action, self.run.run_id, self.run.state, self.run.held)
        doing = {
            Action.PAUSE: self._pause,
            Action.RESUME: self._resume,
            Action.STOP: self._stop,
            Action.STOP_NOW: self._stop_now,
            Action.RETRY: self._retry,
        }
        messages = doing[action]()
        self._session.flush()
        return messages

    @property
    def _session(self) -> Session:
        return self.conductor.session

    def _tell(self, message: str) -> list[Outgoing]:
        self._session.add(self.run)
        return [Outgoing(self.conductor.progress(self.run, message), self.run.run_id)]

    def _pause(self) -> list[Outgoing]:
        self.run.held = Held.PAUSED
        self.run.camera_by_tai_ns = self.run.finish_by_tai_ns = None
        self.run.message = f"paused by {self.who}"
        return self._tell(self.run.message)

    def _resume(self) -> list[Outgoing]:
        self.run.held, self.run.message = Held.NOT, ""
        told = self._tell(f"resumed by {self.who}")
        if self.run.state == RunState.PLANNED:
            return [*told, *self.conductor.begin(request_of(self.run))]
        going = self.conductor.conduct(self.run.run_id, anew=True)
        return [*told, *going, *self.conductor.drive(self.run.component)]

    def _stop(self) -> list[Outgoing]:
        """Begin no exposure more; with nothing to wait for that has begun, the run ends at once."""
        reason = f"stopped by {self.who}"
        self.conductor.commander.give_up(self.run.run_id, reason, also_begun=False)
        self.run.held, self.run.message = Held.STOPPING, reason
        if not request_of(self.run).exposures or self.run.state == RunState.PLANNED:
            return self.conductor.abort(self.run.run_id, reason)
        ended = self.conductor.conduct(self.run.run_id)
        return ended or self._tell(f"{reason}, after the exposure that has begun")

    def _stop_now(self) -> list[Outgoing]:
        run = self.run
        taking = (CommandRow.run_id == run.run_id, CommandRow.name == TAKE, col(CommandRow.state).in_(OUT))
        command = self._session.exec(select(CommandRow).where(*taking)).first()
        stop = [] if command is None else [Outgoing(self._stop_camera(command.command_id), run.run_id)]
        return [*stop, *self.conductor.abort(run.run_id, f"stopped by {self.who}")]

    def _stop_camera(self, taking: str) -> Message:
        """Return the command that ends what the camera takes after its image; its answer changes nothing."""
        settings, clock = self.conductor.settings, self.conductor.clock
        composer = Composer(self.run.component, settings.identity, clock, requested_by=self.who)
        return composer.command(Stop, self.run.run_id, taking, timeout_s=settings.command_s)

    def _retry(self) -> list[Outgoing]:
        """Plan anew what failed; where nothing was made of the frames of a type, take what was not taken."""
        ground = self.conductor.ground(self.run)
        draft = Draft(load_draft(self._session, self.run.run_id))
        stays = kept(draft, ground)
        rows = self.conductor.acquisitions(self.run.run_id)
        again = self._to_take(ground, stays, rows)
        types = {row.image_type.lower() for row in again}
        planned = [kind for kind in self.run.planned.split(",") if _apart(ground, kind, types)]
        replan(draft, ground, stays, planned)
        if not again and all(node.ended for node in draft):
            raise ControlRefused(
                f"nothing of run {self.run.run_id} can be done again: what verification does not accept stays so"
            )
        self.run.retries += 1
        for row in again:
            reopen(self._session, row, self.run.retries)
        save_draft(self._session, draft)
        self.run.planned, self.run.state = ",".join(planned), RunState.TAKING
        self.run.ended_tai_ns = self.run.taken_tai_ns = self.run.finish_by_tai_ns = None
        self.run.message = ""
        told = self._tell(f"what failed is done again, as {self.who} asks")
        going = self.conductor.conduct(self.run.run_id, anew=True)
        return [*told, *going, *self.conductor.drive(self.run.component)]

    def _to_take(self, ground: Ground, stays: list[Node], rows: list[AcquisitionRow]) -> list[AcquisitionRow]:
        """Return the acquisitions whose exposures that failed are taken again."""
        if request_of(self.run).stop_on_failure and any(_rejected(node) for node in stays):
            return []
        made = kinds_with(stays)
        used = {t for rule in ground.rules.rules if rule.kind in made for t in rule.image_types}
        failed = select(StepRow.acquisition_id).where(
            StepRow.run_id == self.run.run_id, col(StepRow.state) == "failed"
        )
        lacking = set(self._session.exec(failed))
        return [row for row in rows if row.acquisition_id in lacking and row.image_type.lower() not in used]


def _rejected(node: Node) -> bool:
    return node.type is NodeType.DECIDE and node.outcome == Outcome.NOT_CERTIFIED.value


def _apart(ground: Ground, kind: str, types: set[str]) -> bool:
    """Tell whether a kind that was planned needs no frames of types that are to come."""
    rule = ground.rules.rule_for(kind)
    return rule is not None and types.isdisjoint(rule.image_types)
