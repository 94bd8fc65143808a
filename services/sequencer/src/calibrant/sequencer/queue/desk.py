"""What may be done to a camera's queue, in one transaction: add, move, remove, pause, resume, stop.

Owns the rules and what is told of them. Must not know by which way somebody asks, nor when a run is begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlmodel import Session

from calibrant.bus.errors import PermanentError
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.unit_of_work import Outgoing
from calibrant.sequencer.control import Action, ControlRefused
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.queue.order import placed
from calibrant.sequencer.service import SequencerService, request_key
from calibrant.sequencer.store.queue_queries import QueueQueries
from calibrant.sequencer.store.queued import EntryRow, EntryState, QueueRow
from calibrant.sequencer.store.tables import CameraRow, RunRow


class QueueRefused(PermanentError):
    """A queue cannot be changed as it was asked for; the text says what to do."""


class NotInQueue(PermanentError):
    """There is no such camera, or nothing of that name waits for it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Changes one camera's queue for somebody, in one transaction.

    Parameters
    ----------
    session : Session
        The transaction.
    service : SequencerService
        Checks runs.
    component : str
        The camera.
    caller : Caller
        Who asks, for history and audit.
    sent : list of Outgoing
        What is to be sent with the transaction: whoever opened the desk does it.
    """

    session: Session
    service: SequencerService
    component: str
    caller: Caller
    sent: list[Outgoing] = field(default_factory=list)

    def add(self, request: RunRequested, place: int | None = None) -> str:
        """Put a run into the queue; the same again changes nothing.

        Parameters
        ----------
        request : RunRequested
            The run, with exposures.
        place : int or None
            Its place, from 1; None: the last one.

        Returns
        -------
        str
            What was done, for people.

        Raises
        ------
        QueueRefused
            It has a folder or another camera, or its name is another run's.
        RunRefused
            It could not be begun.
        """
        _check_place(place)
        asked = self.checked(request)
        key = request_key(asked)
        known = self.session.get(EntryRow, asked.run_id)
        if known is not None and (known.request_key, known.component) == (key, self.component):
            return f"{asked.run_id} was added before: it is {known.state}"
        if known is not None or self.session.get(RunRow, asked.run_id) is not None:
            raise QueueRefused(f"run {asked.run_id} exists: choose another name")
        at = self.enter(asked, EntryState.WAITING)
        if place is not None:
            at = self._arrange(asked.run_id, place)
        return self._told("add to queue", asked.run_id, f"{asked.run_id} waits at place {at}")

    def checked(self, request: RunRequested) -> RunRequested:
        """Return a run as this caller asks for it of this camera, if it can be begun when its turn comes.

        Raises
        ------
        QueueRefused, RunRefused
            It cannot.
        """
        if request.folder or not request.exposures:
            raise QueueRefused(
                "a queue is of runs that take exposures: ask for others without one, they need no camera"
            )
        if request.component not in {None, "", self.component}:
            raise QueueRefused(
                f"component: the run is of {request.component}, and the queue of {self.component}"
            )
        asked = request.model_copy(update={"requested_by": self.caller.identity, "component": self.component})
        self.service.check(asked)
        self.service.check_camera(self.session, asked)
        return asked

    def enter(self, request: RunRequested, state: EntryState, *, schedule: str = "", reason: str = "") -> int:
        """Write an entry down behind all others, and return its place."""
        self._queue()
        queries, now = QueueQueries(self.session), self.service.clock.tai_ns()
        place = len(queries.waiting(self.component)) + 1
        self.session.add(
            EntryRow(
                run_id=request.run_id,
                component=self.component,
                number=queries.next_number(),
                place=place,
                state=state,
                request_json=request.to_json().decode(),
                request_key=request_key(request),
                added_by=self.caller.identity,
                schedule=schedule,
                reason=reason,
                added_tai_ns=now,
                left_tai_ns=None if state is EntryState.WAITING else now,
            )
        )
        self.session.flush()
        return place

    def move(self, run_id: str, place: int) -> str:
        """Bring a run that waits to another place, from 1; places behind the last one are the last one.

        Raises
        ------
        NotInQueue
            It does not wait.
        QueueRefused
            There is no such place.
        """
        _check_place(place)
        self._waiting(run_id)
        return self._told("move in queue", run_id, f"{run_id} waits at place {self._arrange(run_id, place)}")

    def remove(self, run_id: str) -> str:
        """Take a run out that waits; history keeps it.

        Raises
        ------
        NotInQueue
            It does not wait.
        """
        entry = self._waiting(run_id)
        entry.state, entry.reason = EntryState.REMOVED, f"by {self.caller.identity}"
        entry.left_tai_ns = self.service.clock.tai_ns()
        self.session.add(entry)
        self.session.flush()
        self.close_up()
        return self._told("remove from queue", run_id, f"{run_id} is removed")

    def close_up(self) -> None:
        """Give those that wait their places anew, after one has left."""
        self._number(self._order())

    def pause(self) -> str:
        """Let no more runs begin; the one that goes on goes on."""
        queue = self._queue()
        if queue.paused_by:
            return f"the queue was paused before, by {queue.paused_by}"
        queue.paused_by = self.caller.identity
        self.session.add(queue)
        return self._told("pause queue", self.component, "the queue is paused")

    def resume(self) -> str:
        """Let runs begin again."""
        queue = self._queue()
        if not queue.paused_by:
            return "the queue was not paused"
        queue.paused_by = ""
        self.session.add(queue)
        return self._told("resume queue", self.component, "the queue goes on")

    def stop(self, *, now: bool = False) -> str:
        """Let no more runs begin, and end the queue's run that goes on: after the exposure that has begun, or now."""
        self.pause()
        run = QueueQueries(self.session).begun(self.component)
        told = "no run of it goes on"
        if run:
            action = Action.STOP_NOW if now else Action.STOP
            try:
                sent, standing = Controls(self.service).act(self.session, run, action, self.caller)
            except ControlRefused as already:
                told = str(already)
            else:
                self.sent.extend(sent)
                told = f"run {run} is {standing.held or standing.state}"
        return self._told("stop queue", self.component, f"the queue is paused; {told}")

    def _queue(self) -> QueueRow:
        """Return the queue, and keep others from changing it before the transaction ends."""
        found = self.session.get(QueueRow, self.component, with_for_update=True)
        if found is None:
            found = QueueRow(component=self.component)
            self.session.add(found)
            self.session.flush()
        return found

    def _waiting(self, run_id: str) -> EntryRow:
        self._queue()
        entry = self.session.get(EntryRow, run_id)
        if entry is None or entry.component != self.component:
            raise NotInQueue(f"there is no {run_id!r} in the queue of {self.component}: look at the queue")
        if entry.state != EntryState.WAITING:
            raise NotInQueue(f"{run_id} waits no more: it is {entry.state}")
        return entry

    def _order(self) -> list[str]:
        return [entry.run_id for entry in QueueQueries(self.session).waiting(self.component)]

    def _arrange(self, run_id: str, place: int) -> int:
        """Put one at a place among those that wait; return the place that it has then."""
        order = placed(self._order(), run_id, place)
        self._number(order)
        return order.index(run_id) + 1

    def _number(self, order: Sequence[str]) -> None:
        for place, run_id in enumerate(order, start=1):
            entry = self.session.get_one(EntryRow, run_id)
            entry.place = place
            self.session.add(entry)
        self.session.flush()

    def _told(self, what: str, about: str, told: str) -> str:
        run_id = "" if about == self.component else about
        deed = Deed(what, about, told, run_id)
        record(self.session, self.service.clock.tai_ns(), self.caller, deed)
        return told


def check_component(session: Session, service: SequencerService, component: str) -> None:
    """Make sure that a camera is one that may have a queue: the sequencer's own, or one that has told its state.

    Raises
    ------
    NotInQueue
        It is neither.
    """
    own = service.settings.component
    if component != own and session.get(CameraRow, component) is None:
        raise NotInQueue(
            f"there is no camera {component!r} here: the sequencer's own is {own!r}; others tell their state first"
        )


def _check_place(place: int | None) -> None:
    if place is not None and place < 1:
        raise QueueRefused(f"place {place}: places begin at 1")
