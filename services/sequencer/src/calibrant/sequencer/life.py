"""What a person does to a run: pause, resume, stop, retry. All within one transaction.

Owns how each changes the run and what is sent for it. What may be done in which state, ``control`` knows.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import Stop
from calibrant.rules.decision import Outcome
from calibrant.runtime.unit_of_work import Outgoing
from calibrant.sal import Composer
from calibrant.sequencer.acquisition import reading
from calibrant.sequencer.camera import OUT, TAKE
from calibrant.sequencer.conductor import REST, Conductor
from calibrant.sequencer.control import Action, ControlRefused, Held, check
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.model import Draft, Node, NodeType
from calibrant.sequencer.plan.retrying import kept, kinds_with, replan
from calibrant.sequencer.retaking import is_lacking, taken_again
from calibrant.sequencer.states import RunState
from calibrant.sequencer.store.plans import load_draft, request_of, save_draft
from calibrant.sequencer.store.tables import AcquisitionRow, CommandRow, RunRow


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
    free : callable
        Raises where the run's camera takes exposures of another run.
    """

    conductor: Conductor
    run: RunRow
    who: str
    free: Callable[[], None]

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
        PermanentError
            Exposures are to be taken, and the camera takes those of another run; nothing is changed.
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
        """Do again what failed; a run that never began is begun."""
        rows = self.conductor.acquisitions(self.run.run_id)
        if rows:
            return self._retry_parts(rows)
        self.free()
        self._open_anew(RunState.PLANNED)
        return [*self._tell(f"begun anew, as {self.who} asks"), *self.conductor.begin(request_of(self.run))]

    def _retry_parts(self, rows: list[AcquisitionRow]) -> list[Outgoing]:
        """Plan anew what failed; where nothing was made of the frames of a type, take what was not taken."""
        ground = self.conductor.ground(self.run)
        draft = Draft(load_draft(self._session, self.run.run_id))
        stays = kept(draft, ground)
        again = self._to_take(ground, stays, rows)
        before = self.run.planned.split(",")
        planned = [kind for kind in before if _apart(ground, kind, again)]
        replan(draft, ground, stays, planned)
        if not again and REST in before and all(node.ended for node in draft):
            raise ControlRefused(
                f"nothing of run {self.run.run_id} can be done again: {'; '.join(_lasting(draft))}"
            )
        if again:
            self.free()
        self._open_anew(RunState.TAKING)
        asked = self._take_again(again)
        save_draft(self._session, draft)
        self.run.planned = ",".join(planned)
        told = self._tell(f"what failed is done again, as {self.who} asks")
        going = self.conductor.conduct(self.run.run_id, anew=True)
        return [*told, *asked, *going, *self.conductor.drive(self.run.component)]

    def _open_anew(self, state: RunState) -> None:
        self.run.retries += 1
        self.run.state, self.run.message = state, ""
        self.run.ended_tai_ns = self.run.taken_tai_ns = self.run.finish_by_tai_ns = None
        self._session.add(self.run)
        self._session.flush()

    def _take_again(self, rows: list[AcquisitionRow]) -> list[Outgoing]:
        """Take exposures again, and return what asks for the files of folders."""
        taken = [taken_again(self._session, row, self.run.retries) for row in rows]
        asked = [reading(row, self.run.instrument) for row in taken if row.folder]
        return [Outgoing(message, self.run.run_id) for message in asked]

    def _to_take(self, ground: Ground, stays: list[Node], rows: list[AcquisitionRow]) -> list[AcquisitionRow]:
        """Return the acquisitions that are made whole: nothing was made of frames of their type."""
        if request_of(self.run).stop_on_failure and any(_rejected(node) for node in stays):
            return []
        made = kinds_with(stays)
        used = {t for rule in ground.rules.rules if rule.kind in made for t in rule.image_types}
        return [row for row in rows if row.image_type.lower() not in used and is_lacking(self._session, row)]


def _lasting(draft: Draft) -> list[str]:
    """Say why what a run did not make will not be made by trying again."""
    reasons = {
        "what verification does not accept stays so": any(_rejected(node) for node in draft),
        "what a person has rejected stays so": any(node.decided == "rejected" for node in draft),
        "a set with too few frames gets no more: ask for another run, with more exposures": any(
            node.short for node in draft
        ),
    }
    found = [reason for reason, holds in reasons.items() if holds]
    return found or ["where something is made of an image type, no more of it is taken"]


def _rejected(node: Node) -> bool:
    return node.type is NodeType.DECIDE and node.outcome == Outcome.NOT_CERTIFIED.value


def _apart(ground: Ground, kind: str, coming: list[AcquisitionRow]) -> bool:
    """Tell whether a kind that was planned needs no frames that are to come."""
    rule = ground.rules.rule_for(kind)
    may = (row.folder or row.image_type.lower() in rule.image_types for row in coming) if rule else ()
    return rule is not None and not any(may)
