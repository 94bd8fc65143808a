"""The conductor: after every change it lets a run go on, within the transaction of what caused the change.

Owns the order of things: acquisitions close, kinds are planned, jobs go out, the run ends. Knows no bus: it
returns what is to be sent. A run that is finished never changes again.

Detectors have to do with one another only by decisions. So an answer about a detector is dealt with among the nodes
of that detector, with the frames of those that may leak into it; all of the plan is read when a decision is due or
was taken, a set is split, or frames are complete.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from calibrant.contracts.base import Message
from calibrant.contracts.sequencer.v1 import RunFinished, RunProgress, RunRequested
from calibrant.frames.instrument import Instrument
from calibrant.runtime.clock import Clock
from calibrant.runtime.unit_of_work import Outgoing
from calibrant.sequencer import acquisition
from calibrant.sequencer.acquired import closing, frames_there, remarks, result
from calibrant.sequencer.camera import Commander
from calibrant.sequencer.control import Held
from calibrant.sequencer.deadlines import frames_by, note_taken
from calibrant.sequencer.grounding import ground_of
from calibrant.sequencer.plan.choosing import choose
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.model import Draft, Node, NodeState
from calibrant.sequencer.plan.outcome import finished, in_vain, shortened, tellings, tells
from calibrant.sequencer.plan.progress import advance
from calibrant.sequencer.plan.results import Answer, product_told_of, take_answer
from calibrant.sequencer.plan.sets import leave_asked, leave_unused, plan_kind, wanted
from calibrant.sequencer.report import report_of
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.states import ENDED, RunState, stage
from calibrant.sequencer.store.last_results import keep_results
from calibrant.sequencer.store.plans import (
    Detectors,
    StoredFrames,
    count_nodes,
    decision_due,
    load_draft,
    open_types,
    request_of,
    save_draft,
    waiting_for,
)
from calibrant.sequencer.store.tables import AcquisitionRow, RunRow

REST = "*"
"""Stands for the frames that no kind wanted, in the list of what is planned."""


@dataclass(slots=True)
class Conductor:
    """Lets runs go on within one transaction.

    Parameters
    ----------
    session : Session
        The transaction.
    settings : SequencerSettings
        For commands.
    instrument : callable
        Gives an instrument by its name.
    clock : Clock
        The time.
    """

    session: Session
    settings: SequencerSettings
    instrument: Callable[[str], Instrument]
    clock: Clock
    commander: Commander = field(init=False)

    def __post_init__(self) -> None:
        self.commander = Commander(self.session, self.settings, self.clock)

    def begin(self, request: RunRequested) -> list[Outgoing]:
        """Begin an accepted run; one that has begun is left alone."""
        run = self.session.get_one(RunRow, request.run_id)
        if run.state != RunState.PLANNED or run.held:
            return []
        run.state = RunState.TAKING
        self.session.add(run)
        messages = acquisition.begin(self.session, request, self.instrument(run.instrument).rule_set())
        what = request.folder or f"{sum(len(e.exposure_times_s) for e in request.exposures)} exposures"
        messages.append(self.progress(run, f"taking {what}"))
        return [*(Outgoing(m, run.run_id) for m in messages), *self.drive(run.component)]

    def drive(self, component: str) -> list[Outgoing]:
        """Let a camera go on, and the runs whose exposures that ended."""
        if not component:
            return []
        commands = self.commander.drive(component)
        return [*commands, *self.go_on(self.commander.touched)]

    def go_on(self, run_ids: Iterable[str | None]) -> list[Outgoing]:
        """Let runs go on whose acquisitions may be complete now."""
        return [m for run_id in sorted({r for r in run_ids if r}) for m in self.conduct(run_id)]

    def answered(self, answer: Answer) -> list[Outgoing]:
        """Take a worker's answer into the plans of all runs that wait for it."""
        waiting = waiting_for(self.session, answer.job_id, product_told_of(answer))
        return [m for run_id in sorted(waiting) for m in self.conduct(run_id, answer, waiting[run_id])]

    def abort(self, run_id: str, reason: str, state: RunState = RunState.STOPPED) -> list[Outgoing]:
        """End a run now: its exposures fail, its nodes are skipped, answers to come change nothing."""
        run = self.session.exec(select(RunRow).where(RunRow.run_id == run_id).with_for_update()).one()
        if run.state in ENDED:
            return []
        self.commander.give_up(run_id, reason)
        for row in self.acquisitions(run_id):
            if row.state == "open":
                row.state, row.reason = "failed", reason
                self.session.add(row)
        draft = Draft(load_draft(self.session, run_id))
        for node in draft:
            if not node.ended:
                draft.change(node, state=NodeState.SKIPPED, reason=reason)
        save_draft(self.session, draft)
        run.camera_by_tai_ns, run.held = None, Held.NOT
        done = finished(run_id, draft, [reason]).model_copy(update={"state": state})
        messages = [Outgoing(m, run_id) for m in self._finish(run, done)]
        return [*messages, *self.drive(run.component)]

    def conduct(
        self,
        run_id: str,
        answer: Answer | None = None,
        about: Collection[int | None] = (None,),
        *,
        anew: bool = False,
    ) -> list[Outgoing]:
        """Let one run go on as far as it can.

        Parameters
        ----------
        run_id : str
            The run.
        answer : Answer or None
            Changes its nodes first; without it, only acquisitions that close now can move the run.
        about : collection of int or None
            Detectors of the nodes that the answer changes; None: all together.
        anew : bool
            Whether it goes on after it was held, or was changed otherwise.
        """
        run = self.session.exec(select(RunRow).where(RunRow.run_id == run_id).with_for_update()).one()
        if run.state == RunState.PLANNED or run.state in ENDED:
            return []
        if run.held:
            return self._hold(run, answer)
        closed = acquisition.settle(self.session, run, frames_by(run, self.settings, self.clock.tai_ns()))
        if answer is None and not closed and not anew:
            return []
        short = self._tell_short(run, closed)
        if short and request_of(run).strict:
            reason = f"the frames are not what was asked for: {short}"
            return self.abort(run_id, reason, RunState.FAILED)
        rows = self.acquisitions(run_id)
        detectors = {detector for detector in about if detector is not None}
        part = None if closed or None in about else self._part(run, answer, detectors)
        draft, jobs = part or self._whole(run, answer, rows)
        taking = any(row.state == "open" for row in rows)
        note_taken(run, self.clock.tai_ns(), taking=taking)
        ended = self._save(run, draft)
        run.state = stage(taking=taking, open_types=() if taking else open_types(self.session, run_id))
        told = [*(closing(row) for row in closed), *tellings(ended)]
        messages: list[Message] = list(jobs)
        if told:
            messages.append(self.progress(run, "; ".join(shortened(told))))
        messages += self._end(run, draft, rows)
        self.session.add(run)
        self.session.flush()
        stopped = self.conduct(run_id) if self._stop_taking(run, draft, ended) else []
        return [*(Outgoing(message, run_id) for message in messages), *stopped]

    def _hold(self, run: RunRow, answer: Answer | None) -> list[Outgoing]:
        """Keep an answer in a run that does not go on; one that is being stopped ends with what has begun."""
        told = [] if answer is None else self._keep(run, answer)
        if run.held == Held.PAUSED:
            return told
        acquisition.settle(self.session, run, frames_by(run, self.settings, self.clock.tai_ns()))
        if any(row.state == "open" for row in self.acquisitions(run.run_id)):
            return told
        return [*told, *self.abort(run.run_id, run.message)]

    def _keep(self, run: RunRow, answer: Answer) -> list[Outgoing]:
        draft = Draft(load_draft(self.session, run.run_id))
        take_answer(draft, answer)
        ended = self._save(run, draft)
        self._stop_taking(run, draft, ended)
        told = "; ".join(shortened(tellings(ended)))
        return [Outgoing(self.progress(run, told), run.run_id)] if told else []

    def _save(self, run: RunRow, draft: Draft) -> list[Node]:
        """Store a plan; return its nodes that have ended now, or that people are asked about."""
        ended = [node for node in draft if node.node_id in draft.changed and tells(node)]
        save_draft(self.session, draft)
        keep_results(self.session, request_of(run), draft, ended, self.clock.tai_ns())
        return ended

    def _stop_taking(self, run: RunRow, draft: Draft, ended: Iterable[Node]) -> bool:
        """Take no more exposures after a set that came to nothing, where the run asks for that; tell whether so."""
        if run.state != RunState.TAKING or not request_of(run).stop_on_failure:
            return False
        why = in_vain(draft, ended, self.instrument(run.instrument).rule_set())
        if why:
            told = f"not taken: {why}, and the run stops on failure"
            self.commander.give_up(run.run_id, told, also_begun=False)
        return bool(why)

    def _part(
        self, run: RunRow, answer: Answer | None, detectors: Detectors
    ) -> tuple[Draft, list[Message]] | None:
        """Let the nodes of some detectors go on, with their jobs; None when others go on with them."""
        draft = Draft(load_draft(self.session, run.run_id, detectors))
        if answer is not None:
            take_answer(draft, answer)
        jobs = advance(draft, self.ground(run, detectors))
        if draft.removed or decision_due(self.session, run.run_id, draft):
            return None
        return draft, jobs

    def _whole(
        self, run: RunRow, answer: Answer | None, rows: list[AcquisitionRow]
    ) -> tuple[Draft, list[Message]]:
        """Plan what can be planned, and let all nodes go on, with their jobs."""
        draft = Draft(load_draft(self.session, run.run_id))
        if answer is not None:
            take_answer(draft, answer)
        ground = self.ground(run)
        self._plan(run, draft, ground, rows)
        return draft, advance(draft, ground)

    def _plan(self, run: RunRow, draft: Draft, ground: Ground, rows: list[AcquisitionRow]) -> None:
        """Plan the kinds whose frames are all there, in build order."""
        planned = [kind for kind in run.planned.split(",") if kind]
        for rule in ground.rules.rules:
            if rule.kind in planned:
                continue
            asked = wanted(ground, rule)
            if (asked or not rule.on_request) and not frames_there(rule, rows):
                break
            if asked:
                plan_kind(draft, ground, rule)
            planned.append(rule.kind)
        if REST not in planned and all(row.state != "open" for row in rows):
            leave_unused(draft, ground)
            leave_asked(draft, ground)
            planned.append(REST)
        run.planned = ",".join(planned)

    def _end(self, run: RunRow, draft: Draft, rows: list[AcquisitionRow]) -> list[Message]:
        ended, nodes = count_nodes(self.session, run.run_id)
        if REST not in run.planned.split(",") or ended < nodes or any(row.state == "open" for row in rows):
            return []
        if len(draft) < nodes:
            draft = Draft(load_draft(self.session, run.run_id))
        return self._finish(run, result(request_of(run), draft, rows, remarks(self.session, run, rows)))

    def _finish(self, run: RunRow, done: RunFinished) -> list[Message]:
        run.state, run.message = done.state, done.message
        run.ended_tai_ns = self.clock.tai_ns()
        self.session.add(run)
        return [self.progress(run, done.message), done, report_of(self.session, run)]

    def _tell_short(self, run: RunRow, closed: Iterable[AcquisitionRow]) -> str:
        """Note with a folder that is complete what was asked for and is not there, and return it."""
        folder = next((row for row in closed if row.folder and row.state == "closed"), None)
        if folder is None:
            return ""
        short = choose(StoredFrames(self.session, run.run_id), request_of(run)).told
        folder.reason = "; ".join(filter(None, (folder.reason, *short)))
        self.session.add(folder)
        return "; ".join(short)

    def ground(self, run: RunRow, detectors: Detectors | None = None) -> Ground:
        """Return what a run's plan stands on; with the frames of some detectors alone, if given."""
        return ground_of(self.session, self.settings, self.instrument(run.instrument), run, detectors)

    def acquisitions(self, run_id: str) -> list[AcquisitionRow]:
        """Return the acquisitions of a run, in order."""
        mine = select(AcquisitionRow).where(AcquisitionRow.run_id == run_id)
        return list(self.session.exec(mine.order_by(col(AcquisitionRow.ordinal))).all())

    def progress(self, run: RunRow, message: str) -> RunProgress:
        """Return what is told of a run now."""
        ended, nodes = count_nodes(self.session, run.run_id)
        return RunProgress(
            run_id=run.run_id, phase=run.state, message=message, nodes_ended=ended, nodes=nodes
        )
