"""A scripted world around the sequencer: every other service, played in memory from a script.

The sequencer's handlers run on a real database. What it sends waits in queues that keep the order of each key,
as the bus does; which queue is served next is the test's choice.
"""

import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sequencer_answers import CameraScript, Script
from sequencer_messages import NS, T0
from sqlalchemy import event
from sqlmodel import select

from calibrant.bus.cloudevents import Envelope
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    SummaryStateChanged,
)
from calibrant.contracts.flow import topic_for
from calibrant.contracts.generated.registry import MESSAGES
from calibrant.contracts.ingest.v1 import FolderScanned, Frame, FrameIngested, FrameRejected
from calibrant.contracts.sequencer.v1 import (
    CommandAnswered,
    FolderIngestRequested,
    RunFinished,
    RunProgress,
    RunReport,
    RunRequested,
)
from calibrant.runtime.access.callers import LOCAL
from calibrant.runtime.handlers import Context, collect
from calibrant.runtime.header_text import headers_from_text
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.runtime.unit_of_work import unit_of_work
from calibrant.sequencer import handlers
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.store.queries import RunView, SequencerQueries

MIGRATIONS = Path(handlers.__file__).parent / "migrations"


HANDLERS = collect(handlers).events


class ManualClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = T0

    def tai_ns(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return self.now / NS


@dataclass
class Delivery:
    """A message on its way to the sequencer."""

    source: str
    message: Message
    run_id: str
    event_id: str


class World:
    """The sequencer on its database, and everybody it talks to."""

    def __init__(
        self,
        folder: Path,
        script: Script | None = None,
        camera: CameraScript | None = None,
        site: DatabaseSite | None = None,
    ):
        self.path = folder
        self.settings = SequencerSettings(data_dir=folder)
        self.site = site or DatabaseSite(f"sqlite:///{folder}/sequencer.sqlite")
        self.clock = ManualClock()
        self.script = script or Script()
        self.camera = camera or CameraScript()
        self.frames: list[Frame] = []
        self.rejections: list[FrameRejected] = []
        self.queues: dict[str, list[Delivery]] = {}
        self.sent: list[Message] = []
        self.identifiers: list[str] = []
        self.delivered: list[Delivery] = []
        self.events = 0
        self.site.open_laid(MIGRATIONS).close()
        self.open()

    def open(self) -> None:
        """Start the sequencer, on what its database holds."""
        self.database = self.site.open()
        if self.site.is_file:
            event.listen(self.database._writer, "connect", _unsynced)
        self.service = SequencerService(self.settings, self.database, self.clock, self.work)

    def restart(self) -> None:
        """Kill the sequencer and start another on the same database."""
        self.database.close()
        self.open()

    @contextmanager
    def work(self, cause: str, run_id: str):
        with unit_of_work(self.database, "sequencer", self.clock, cause=cause, correlation_id=run_id) as unit:
            yield unit
        self._send()

    def deliver(self, delivery: Delivery, *, killed: bool = False) -> None:
        """Deliver a message as the runtime does; killed: the process dies before the commit."""
        with (
            pytest.raises(KeyboardInterrupt) if killed else _nothing(),
            self.work(delivery.event_id, delivery.run_id) as unit,
        ):
            if unit.was_done(delivery.event_id):
                return
            envelope = Envelope(
                id=delivery.event_id,
                source=f"/calibrant/{delivery.source}",
                type=delivery.message.message_type,
                time_utc="2026-01-01T00:00:00Z",
                data=delivery.message.to_json(),
                correlation_id=delivery.run_id or None,
            )
            message = type(delivery.message).from_json(delivery.message.to_json())
            context = Context(self.service, unit.session, envelope, self.clock)
            unit.emit(HANDLERS[message.message_type].handle(message, context))
            unit.mark_done(delivery.event_id)
            if killed:
                raise KeyboardInterrupt

    def say(self, source: str, message: Message, run_id: str = "") -> None:
        """Put a message on its way to the sequencer, behind those of the same key."""
        if message.message_type not in HANDLERS:
            return
        topic = topic_for(source, message.message_type)
        self.events += 1
        delivery = Delivery(source, message, run_id, f"event-{self.events}")
        self.queues.setdefault(f"{topic.name}/{topic.key_of(message)}", []).append(delivery)

    def step(self, choose: Callable[[list[str]], str], *, killed: bool = False) -> bool:
        """Deliver one message of the chosen queue; False when all are empty."""
        waiting = sorted(name for name, queue in self.queues.items() if queue)
        if not waiting:
            return False
        queue = self.queues[choose(waiting)]
        if killed:
            self.deliver(queue[0], killed=True)
            self.restart()
        delivery = queue.pop(0)
        self.delivered.append(delivery)
        self.deliver(delivery)
        return True

    def play(self, chance: random.Random | None = None) -> None:
        """Go on until nobody has anything to say; at random with duplicates, kills and restarts if given."""
        while True:
            if chance is None:
                going = self.step(lambda names: names[0])
            else:
                going = self.step(chance.choice, killed=chance.random() < 0.03)
                if self.delivered and chance.random() < 0.1:
                    self._repeat(chance)
            if not going:
                return

    def _repeat(self, chance: random.Random) -> None:
        """Deliver something again, as the same event or as another that says the same.

        A state told again later as another event would be another truth, not a duplicate.
        """
        again = chance.choice(self.delivered)
        same = chance.random() < 0.5 or isinstance(again.message, SummaryStateChanged)
        event_id = again.event_id if same else f"{again.event_id}-again"
        self.deliver(Delivery(again.source, again.message, again.run_id, event_id))

    def request(self, request: RunRequested) -> str:
        return self.service.request_run(request, LOCAL.given)

    def view(self, run_id: str = "run-1") -> RunView:
        with self.database.reading() as session:
            view = SequencerQueries(session).run(run_id)
        assert view is not None
        return view

    def of(self, message_type: type) -> list:
        """Messages of a type that the sequencer has sent."""
        return [message for message in self.sent if isinstance(message, message_type)]

    def row(self, node_type: str, kind: str, detector: int | None = 0, run_id: str = "run-1"):
        rows = [
            r
            for r in self.view(run_id).rows
            if (r.type, r.kind, r.detector) == (node_type, kind, detector) and r.set
        ]
        assert len(rows) == 1, rows
        return rows[0]

    def _send(self) -> None:
        with self.database.writing() as session:
            for row in session.exec(select(OutboxRow).order_by(OutboxRow.number)).all():
                names = {name: value.decode() for name, value in headers_from_text(row.headers)}
                message = MESSAGES[names["ce_type"]].from_json(row.value)
                self.sent.append(message)
                self.identifiers.append(names["ce_id"])
                self._react(message, names.get("ce_correlationid", ""))
                session.delete(row)

    def _react(self, message: Message, run_id: str) -> None:
        if isinstance(message, RunRequested):
            self.say("sequencer", message, run_id)
        elif isinstance(message, FolderIngestRequested):
            self._ingest_folder(message, run_id)
        elif hasattr(message, "header"):
            for source, answer in self.camera.obey(message):
                self.say(source, answer, run_id)
        elif not isinstance(message, (RunProgress, RunFinished, RunReport, CommandAnswered)):
            for source, answer in self.script.answer(message):
                self.say(source, answer, run_id)

    def _ingest_folder(self, asked: FolderIngestRequested, run_id: str) -> None:
        total = len(self.frames) + len(self.rejections)
        scanned = FolderScanned(
            acquisition_id=asked.acquisition_id,
            folder=asked.folder,
            files=total,
            passed_over=1,
            problem="",
        )
        self.say("ingest", scanned, run_id)
        for frame in self.frames:
            ingested = FrameIngested(
                acquisition_id=asked.acquisition_id,
                job_id=f"{asked.acquisition_id}-{frame.frame_id}",
                frame=frame,
                frames_in_file=1,
            )
            self.say("ingest", ingested, run_id)
        for rejection in self.rejections:
            told = rejection.model_copy(update={"acquisition_id": asked.acquisition_id})
            self.say("ingest", told, run_id)


def _unsynced(connection, _record) -> None:
    """Let the database skip fsync: kills are played by leaving transactions, not by cutting the power."""
    connection.execute("PRAGMA synchronous=OFF")


@contextmanager
def _nothing():
    yield


def folder_world(kit, **counts):
    world = kit.world()
    world.frames = kit.frames(counts, detectors=(0, 1))
    return world
