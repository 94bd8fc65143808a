"""Queues at work: runs one after the other, history, restarts, schedules, commands over the log, last results."""

import pytest
from sqlmodel import select

from calibrant.contracts.camera.v1 import AckCode, CommandHeader, SummaryState, SummaryStateChanged
from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.sequencer.v1 import CommandAnswered, QueueAction, QueueCommand, RunRequested
from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.runtime.access.audit import AuditRow
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.clock import utc_text
from calibrant.sequencer.checking import RunRefused
from calibrant.sequencer.queue.changing import change
from calibrant.sequencer.queue.desk import NotInQueue, QueueRefused
from calibrant.sequencer.queue.keeping import keep
from calibrant.sequencer.queue.schedules import Plan, drop_schedule, set_schedule
from calibrant.sequencer.store.last_results import last_results
from calibrant.sequencer.store.queue_queries import QueueQueries

HOUR = 3600 * 10**9
ANA = Caller("ana", ("operator",))


class Queue:
    """The queue of the world's camera, and what tests do with it."""

    def __init__(self, kit):
        self.kit, self.world = kit, kit.world()
        self.tell(SummaryState.ENABLED)

    def tell(self, state):
        """Let the camera tell its state."""
        told = SummaryStateChanged(component="camera", summary_state=state, reason="")
        self.world.camera.state = state
        self.world.say("camera", told)
        self.world.play()

    def run(self, run_id, **fields):
        """A run that takes one image, and does nothing with it."""
        only = {"generate": False, "skip_verification": True, "exposures": (self.kit.exposures("BIAS", 0.0),)}
        return self.kit.request(run_id, **only | fields)

    def change(self, wish, component="camera"):
        return change(self.world.service, component, ANA, wish)

    def add(self, *run_ids):
        for run_id in run_ids:
            self.change(lambda desk, name=run_id: desk.add(self.run(name)))

    def ask(self, question):
        with self.world.database.reading() as session:
            return question(QueueQueries(session))

    @property
    def waiting(self):
        return [line.run_id for line in self.ask(lambda queries: queries.queue("camera")).waiting]

    def states(self):
        return {line.run_id: line.state for line in self.ask(lambda queries: queries.history("camera"))}

    def keep(self):
        """Let time do what it does to queues, and everybody finish."""
        begun = keep(self.world.service)
        self.world.play()
        return begun


@pytest.fixture
def queue(kit):
    return Queue(kit)


def test_runs_begin_one_after_the_other_in_the_order_that_was_made_also_after_a_restart(queue):
    queue.add("a", "b", "c")
    assert queue.change(lambda desk: desk.move("c", 1)) == "c waits at place 1"
    queue.change(lambda desk: desk.remove("a"))
    queue.change(lambda desk: desk.add(queue.run("d"), 2))
    queue.world.restart()
    assert queue.waiting == ["c", "d", "b"]
    assert [queue.keep(), queue.keep(), queue.keep(), queue.keep()] == [["c"], ["d"], ["b"], []]
    assert [request.run_id for request in queue.world.of(RunRequested)] == ["c", "d", "b"]
    history = queue.ask(lambda queries: queries.history("camera"))
    told = {line.run_id: (line.state, line.added_by, line.reason, line.run_state) for line in history}
    assert told["a"] == ("removed", "ana", "by ana", "")
    assert told["c"] == ("started", "ana", "", "done")
    assert [line.run_id for line in history] == ["d", "c", "b", "a"]
    with queue.world.database.reading() as session:
        deeds = [(row.who, row.what, row.about) for row in session.exec(select(AuditRow)) if row.who == "ana"]
    assert {("ana", "move in queue", "c"), ("ana", "remove from queue", "a")} <= set(deeds)


def test_the_next_run_waits_for_the_one_that_goes_on_for_the_camera_and_for_who_has_paused(queue):
    queue.add("a", "b")
    queue.tell(SummaryState.OFFLINE)
    assert queue.keep() == []
    queue.tell(SummaryState.ENABLED)
    assert keep(queue.world.service) == ["a"]
    assert keep(queue.world.service) == []
    assert queue.ask(lambda queries: queries.queue("camera")).waits_for == "run a has not ended"
    queue.change(lambda desk: desk.pause())
    queue.world.play()
    assert queue.world.view("a").run.state == "done"
    assert queue.keep() == []
    assert queue.ask(lambda queries: queries.queue("camera")).waits_for == "paused by ana"
    assert queue.change(lambda desk: desk.pause()) == "the queue was paused before, by ana"
    queue.change(lambda desk: desk.resume())
    assert queue.keep() == ["b"]


def test_a_run_that_waits_only_for_people_lets_the_next_one_begin_and_goes_on_beside_it(kit, monkeypatch):
    monkeypatch.setenv("CALIBRANT_CERTIFICATION", '{"simcam-tiny/bias": "always"}')
    queue = Queue(kit)
    script = queue.world.script
    answer, certify = script.answer, script._certify
    script._certify = lambda job: () if job.ask else certify(job)
    script.answer = lambda job: [] if isinstance(job, MeasureJob) else answer(job)  # not answered yet
    nights = {"generate": True, "skip_verification": None}
    biases, darks = queue.kit.exposures("BIAS", *(0.0,) * 3), queue.kit.exposures("DARK", *(2.0,) * 3)
    queue.change(lambda desk: desk.add(queue.run("a", exposures=(biases, darks), **nights)))
    queue.add("b")
    assert queue.keep() == ["a"]
    assert queue.keep() == []
    script.answer = answer
    queue.world.say(*script.answer(queue.world.of(MeasureJob)[-1])[0])
    queue.world.play()
    assert queue.world.view("a").phase == "waiting for a person"
    assert queue.change(lambda desk: desk.stop()) == "the queue is paused; no run of it goes on"
    queue.change(lambda desk: desk.resume())
    assert keep(queue.world.service) == ["b"]
    assert queue.change(lambda desk: desk.stop(now=True)) == "the queue is paused; run b is stopped"
    job = next(job for job in queue.world.of(CertifyJob) if job.ask)
    for answer in certify(job):
        queue.world.say("certify", answer)
    queue.world.play()
    assert queue.world.view("a").run.state == "done"


def test_what_cannot_be_queued_is_refused_and_what_cannot_be_begun_any_more_lets_the_next_one_come(queue):
    queue.add("a", "b")
    same = queue.change(lambda desk: desk.add(queue.run("a", requested_by="someone else")))
    assert same == "a was added before: it is waiting"
    for wrong, error, text in (
        (lambda desk: desk.add(queue.run("a", make=("bias",))), QueueRefused, "another name"),
        (lambda desk: desk.add(queue.run("f", folder=queue.kit.folder)), QueueRefused, "take exposures"),
        (lambda desk: desk.add(queue.run("k", make=("fish",))), RunRefused, "no kind"),
        (lambda desk: desk.add(queue.run("p"), 0), QueueRefused, "begin at 1"),
        (lambda desk: desk.move("none", 1), NotInQueue, "no 'none'"),
    ):
        with pytest.raises(error, match=text):
            queue.change(wrong)
    with pytest.raises(NotInQueue, match="no camera 'lamp'"):
        queue.change(lambda desk: desk.pause(), component="lamp")
    told = SummaryStateChanged(
        component="camera", summary_state=SummaryState.STANDBY, reason="", instrument="latiss"
    )
    queue.world.say("camera", told)
    queue.world.play()
    assert queue.keep() == []
    assert queue.states() == {"a": "refused", "b": "waiting"}
    assert queue.waiting == ["b"]
    with pytest.raises(NotInQueue, match="waits no more: it is refused"):
        queue.change(lambda desk: desk.remove("a"))


def test_a_stopped_queue_stops_its_run_and_begins_no_other(queue):
    assert queue.change(lambda desk: desk.stop()) == "the queue is paused; no run of it goes on"
    queue.change(lambda desk: desk.resume())
    queue.add("a", "b")
    assert keep(queue.world.service) == ["a"]
    assert queue.change(lambda desk: desk.stop(now=True)) == "the queue is paused; run a is stopped"
    assert queue.keep() == []
    line = next(one for one in queue.ask(lambda q: q.history("camera")) if one.run_id == "a")
    assert (line.run_state, queue.waiting) == ("stopped", ["b"])
    queue.change(lambda desk: desk.resume())
    queue.world.camera.deaf = True  # an exposure begins, and is not answered
    assert queue.keep() == ["b"]
    assert queue.change(lambda desk: desk.stop()) == "the queue is paused; run b is stopping"
    assert "is being stopped already" in queue.change(lambda desk: desk.stop())
    assert queue.change(lambda desk: desk.stop(now=True)) == "the queue is paused; run b is stopped"


def test_cameras_have_queues_of_their_own(queue):
    told = SummaryStateChanged(component="second", summary_state=SummaryState.ENABLED, reason="")
    queue.world.say("camera", told)
    queue.world.play()
    queue.add("a", "b")
    queue.change(lambda desk: desk.add(queue.run("x")), component="second")
    with pytest.raises(QueueRefused, match="is of second, and the queue of camera"):
        queue.change(lambda desk: desk.add(queue.run("y", component="second")))
    assert keep(queue.world.service) == ["a", "x"]
    assert keep(queue.world.service) == []
    (first, second) = queue.world.of(RunRequested)
    assert (first.component, second.component) == ("camera", "second")


def test_a_schedule_fills_the_queue_once_a_day_late_within_its_grace_and_else_notes_it(queue):
    world = queue.world
    at = utc_text(world.clock.now + HOUR)[11:16]
    plan = Plan("daily", at, grace_s=1800)
    queue.change(lambda desk: desk.pause())
    told = queue.change(lambda desk: set_schedule(desk, plan, queue.run("daily")))
    (line,) = queue.ask(lambda queries: queries.schedules("camera"))
    assert (line.name, told.startswith(f"daily: daily at {at} UTC, next at")) == ("daily", True)
    assert 0 < line.next_tai_ns - world.clock.now <= HOUR
    queue.keep()
    assert queue.states() == {}
    world.clock.now = line.next_tai_ns
    world.restart()
    for _ in range(2):
        queue.keep()
    # Another time on a day that has had its run brings no second one.
    later = Plan("daily", utc_text(world.clock.now + HOUR // 2)[11:16], grace_s=1800)
    queue.change(lambda desk: set_schedule(desk, later, queue.run("daily")))
    world.clock.now += HOUR
    queue.keep()
    (first,) = queue.states()
    # Nobody is there for two days and a half; then, on the fourth day, within the grace.
    world.clock.now += 60 * HOUR - HOUR // 2
    queue.keep()
    missed = [run_id for run_id, state in queue.states().items() if state == "missed"]
    assert (len(missed), queue.waiting) == (2, [first])
    world.clock.now += 12 * HOUR + HOUR // 4
    queue.keep()
    assert (len(queue.states()), len(queue.waiting)) == (4, 2)
    (line,) = [one for one in queue.ask(lambda q: q.history("camera")) if one.run_id == missed[0]]
    assert (line.added_by, line.schedule, line.reason[:19]) == ("ana", "daily", "no sequencer ran at")
    queue.change(lambda desk: drop_schedule(desk, "daily"))
    world.clock.now += 24 * HOUR
    queue.keep()
    assert len(queue.states()) == 4


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (Plan("n", "25:00"), "no time of the day"),
        (Plan("n", "06:00", "Mars"), "no time zone"),
        (Plan("n", "06:00", grace_s=1e6), "grace_s"),
        (Plan("n" * 50, "06:00"), "up to 48"),
    ],
)
def test_a_schedule_that_is_none_is_refused(queue, plan, text):
    with pytest.raises(QueueRefused, match=text):
        queue.change(lambda desk: set_schedule(desk, plan, queue.run("x")))
    with pytest.raises(NotInQueue, match="no schedule"):
        queue.change(lambda desk: drop_schedule(desk, plan.name))


def command(queue, command_id, action, *, roles=("operator",), late_s=-60, **fields):
    header = CommandHeader(
        command_id=command_id,
        component=fields.pop("component", "camera"),
        identity="robot",
        deadline=TaiTime.from_ns(queue.world.clock.now - late_s * 10**9),
        roles=roles,
    )
    queue.world.say("sequencer", QueueCommand(header=header, action=action, **fields))
    queue.world.play()
    return queue.world.of(CommandAnswered)[-1]


def test_commands_over_the_log_are_carried_out_once_and_each_is_answered(queue):
    run = queue.run("a", requested_by="")
    assert command(queue, "1", QueueAction.ADD, run=run).result == "a waits at place 1"
    command(queue, "2", QueueAction.ADD, run=queue.run("b"))
    assert command(queue, "3", QueueAction.MOVE, run_id="b", place=1).ack is AckCode.COMPLETE
    command(queue, "4", QueueAction.MOVE, run_id="a", place=1)
    again = command(queue, "3", QueueAction.MOVE, run_id="b", place=1)
    assert (again.result, again.identity, queue.waiting) == ("b waits at place 1", "robot", ["a", "b"])
    assert command(queue, "5", QueueAction.REMOVE, run_id="b").ack is AckCode.COMPLETE
    assert command(queue, "6", QueueAction.PAUSE).result == "the queue is paused"
    assert queue.keep() == []
    assert command(queue, "7", QueueAction.RESUME).result == "the queue goes on"
    assert queue.keep() == ["a"]
    assert queue.world.of(RunRequested)[0].requested_by == "robot"
    assert command(queue, "stop", QueueAction.STOP, now=True).result.endswith("no run of it goes on")
    for answer, ack, text in (
        (command(queue, "8", QueueAction.PAUSE, roles=("viewer",)), AckCode.NO_PERMISSION, "role operator"),
        (command(queue, "9", QueueAction.PAUSE, late_s=5), AckCode.TIMEOUT, "5.0 s ago"),
        (command(queue, "10", QueueAction.MOVE, run_id="a"), AckCode.FAILED, "MOVE"),
        (command(queue, "11", QueueAction.UNSPECIFIED), AckCode.FAILED, "lacks"),
        (command(queue, "12", QueueAction.PAUSE, component="lamp"), AckCode.FAILED, "no camera 'lamp'"),
    ):
        assert (answer.ack, text in answer.result) == (ack, True)
    assert command(queue, "8", QueueAction.PAUSE).ack is AckCode.COMPLETE


def test_the_last_result_of_each_kind_and_detector_is_kept(queue):
    world = queue.world
    world.camera.detectors = (0, 1)
    world.script.rejected = {("bias", 1)}
    biases = {"exposures": (queue.kit.exposures("BIAS", 0.0, 0.0, 0.0),), "skip_verification": None}
    queue.change(lambda desk: desk.add(queue.run("a", generate=True, **biases)))
    queue.keep()
    world.script.rejected = set()
    queue.change(lambda desk: desk.add(queue.run("b", make=("bias",), **biases)))
    first = results(world)
    queue.keep()
    (certified, withheld) = first
    assert (certified["verdict"], certified["run_id"], certified["at_tai_ns"]) == (
        "certified",
        "a",
        world.clock.now,
    )
    assert (withheld["verdict"], withheld["detector"]) == ("withheld", 1)
    assert certified["product_id"].startswith("bias-")
    (verified, _) = results(world)
    assert (verified["verdict"], verified["run_id"]) == ("passed", "b")
    assert verified["product_id"] == certified["product_id"]


@pytest.mark.parametrize(("generate", "verdict"), [(True, "certified"), (False, "passed")])
def test_a_last_result_says_that_some_tests_failed(queue, generate, verdict):
    world = queue.world
    asked = {"exposures": (queue.kit.exposures("BIAS", 0.0, 0.0, 0.0),), "skip_verification": None}
    for run_id, failing in (("a", set()), ("b", {("bias", 0)})):
        world.script.failing = failing
        again = {"generate": True} if generate or run_id == "a" else {"make": ("bias",)}
        run = queue.run(run_id, **asked, **again)
        queue.change(lambda desk, run=run: desk.add(run))
        queue.keep()
        queue.keep()
    (last,) = results(world)
    assert (last["run_id"], last["verdict"]) == ("b", f"{verdict} with failures")


def results(world):
    with world.database.reading() as session:
        return last_results(session)
