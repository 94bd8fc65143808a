"""A run that is paused, resumed, stopped and retried, at every state, with restarts between."""

import pytest

from calibrant.contracts.camera.v1 import AckCode, CommandHeader, Stop, TakeImages
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.ingest.v1 import FrameRejected
from calibrant.contracts.sequencer.v1 import (
    CommandAnswered,
    RunAction,
    RunCommand,
    RunFinished,
    RunProgress,
    RunReport,
)
from calibrant.contracts.verify.v1 import DecideJob
from calibrant.runtime.access.callers import Caller
from calibrant.sequencer.control import Action, ControlRefused
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.service import CameraBusy
from calibrant.sequencer.states import ENDED, RunState
from calibrant.sequencer.store.last_results import last_results

ANA = Caller("ana", ("operator",))
pytestmark = pytest.mark.parametrize("database_site", ["sqlite"], indirect=True)


def commanded(kit, script=None, **fields):
    world = kit.world(script)
    exposures = (kit.exposures("BIAS", *(0.0,) * 3), kit.exposures("DARK", *(2.0,) * 3))
    world.request(kit.request(exposures=exposures, **fields))
    world.say(*world.camera.tell())
    return world


def until(world, state):
    while world.view().run.state != state:
        assert world.step(lambda names: names[0]), world.view().run


def until_sent(world, kind, choose=min):
    while not world.of(kind):
        assert world.step(choose), world.view().run


def act(world, action):
    Controls(world.service).control("run-1", action, ANA)


def begun(world):
    return len([m for m in world.sent if hasattr(m, "job_id") or isinstance(m, TakeImages)])


def test_a_run_paused_in_any_state_sends_nothing_and_goes_on_when_it_is_resumed_after_a_restart(kit):
    world = commanded(kit)
    for state in (state for state in RunState if state not in ENDED):
        until(world, state)
        act(world, Action.PAUSE)
        before = begun(world)
        world.restart()
        world.play()
        assert (state, begun(world)) == (state, before)
        assert (world.view().phase, world.view().run.message) == ("paused", "paused by ana")
        act(world, Action.RESUME)
    world.play()
    assert (world.view().run.state, world.view().nodes["certify"]) == ("done", {"done": 2})
    assert (len(world.of(TakeImages)), len(world.of(CombineJob))) == (6, 2)


def test_what_is_answered_while_a_run_is_paused_counts_as_ever(kit):
    """A set that failed verification ends the taking, and is told and kept as the last result."""
    world = commanded(kit, kit.Script(rejected={("bias", 0)}), stop_on_failure=True)
    until_sent(world, DecideJob, choose=max)
    assert world.view().run.state == "taking"
    taken = len(world.of(TakeImages))
    act(world, Action.PAUSE)
    world.play()
    assert "verified, not certified" in world.of(RunProgress)[-1].message
    act(world, Action.RESUME)
    world.play()
    assert (world.view().run.state, len(world.of(TakeImages))) == ("done with failures", taken)
    with world.database.reading() as session:
        assert [one["verdict"] for one in last_results(session)] == ["withheld"]
    assert "the run stops on failure" in world.view().run.message


def test_a_run_stopped_after_its_exposure_takes_that_one_in_and_retried_takes_the_others(kit):
    world = commanded(kit)
    until_sent(world, TakeImages)
    act(world, Action.STOP)
    assert (world.view().phase, world.of(Stop)) == ("stopping", [])
    world.restart()
    world.play()
    view = world.view()
    assert (view.run.state, view.run.message) == ("stopped", "nothing was made: stopped by ana")
    assert (view.exposures.done, view.exposures.failed, view.files.done) == (1, 5, 1)
    assert world.of(CombineJob) == []
    act(world, Action.RETRY)
    world.play()
    assert (world.view().run.state, len(world.of(TakeImages))) == ("done", 6)
    assert world.row("build", "bias").frames == 3
    assert [ended.state for ended in world.of(RunFinished)] == ["stopped", "done"]


def test_a_run_stopped_now_stops_the_camera_and_changes_no_more(kit):
    world = commanded(kit)
    until_sent(world, TakeImages)
    act(world, Action.STOP_NOW)
    assert [stop.header.component for stop in world.of(Stop)] == ["camera"]
    world.play()
    assert (world.view().run.state, len(world.of(TakeImages))) == ("stopped", 1)


def test_what_failed_and_what_depended_on_it_is_done_again_and_what_was_made_stays(kit):
    script = kit.Script(broken={("bias", 1)})
    world = kit.world(script)
    world.frames = kit.frames({"bias": 3, "dark": 3}, detectors=(0, 1))
    world.request(kit.request(folder=kit.folder, stop_on_failure=True))
    world.play()
    assert world.view().run.state == "done with failures"
    made = {row.product_id for row in world.view().rows if row.type == "build" and row.product_id}
    jobs = [(job.recipe, job.detector) for job in world.of(CombineJob)]
    assert sorted(jobs) == [("bias", 0), ("bias", 1), ("dark", 0)]
    script.broken = set()
    act(world, Action.RETRY)
    world.restart()
    world.play()
    again = [(job.recipe, job.detector) for job in world.of(CombineJob)][len(jobs) :]
    assert sorted(again) == [("bias", 1), ("dark", 1)]
    view = world.view()
    assert (view.run.state, view.nodes["certify"]) == ("done", {"done": 4})
    assert made < {row.product_id for row in view.rows if row.type == "build"}


def test_exposures_that_failed_are_taken_again_where_nothing_was_made_of_their_type(kit):
    world = commanded(kit)
    world.camera.outcomes = [AckCode.COMPLETE] * 3 + [AckCode.FAILED] * 9
    world.play()
    assert (world.view().run.state, world.view().exposures.failed) == ("done with failures", 3)
    bias = world.row("build", "bias").product_id
    act(world, Action.RETRY)
    with pytest.raises(CameraBusy, match="busy with run run-1"):
        world.request(kit.request("run-2", exposures=(kit.exposures("BIAS", *(0.0,) * 3),)))
    world.play()
    assert world.row("build", "bias").product_id == bias
    assert (world.view().run.state, world.view().exposures.done) == ("done", 6)
    assert world.row("build", "dark").used == {"bias": bias}


def test_a_command_over_the_log_is_carried_out_once_and_answered_once(kit):
    world = commanded(kit)
    until(world, "taking")

    def say(action, name, roles=("operator",), run_id="run-1"):
        deadline = TaiTime.from_ns(world.clock.now + 10**9)
        header = CommandHeader(
            command_id=name, component="camera", identity="night", roles=roles, deadline=deadline
        )
        world.say("sequencer", RunCommand(header=header, run_id=run_id, action=action))
        world.step(lambda names: next(n for n in names if n.startswith("sequencer-commands")))
        answer = world.of(CommandAnswered)[-1]
        return answer.ack.name, answer.result

    assert say(RunAction.PAUSE, "c1") == ("COMPLETE", "run run-1 is paused")
    assert say(RunAction.PAUSE, "c1") == ("COMPLETE", "run run-1 is paused")
    assert say(RunAction.PAUSE, "c2") == ("FAILED", "run run-1 is paused already: resume it, or stop it")
    assert say(RunAction.STOP, "c3", run_id="x") == ("FAILED", "there is no run x")
    assert say(RunAction.UNSPECIFIED, "c4")[0] == "FAILED"
    told = ("NO_PERMISSION", "this needs the role operator; night has no role")
    assert say(RunAction.RESUME, "c5", ()) == told
    assert say(RunAction.RESUME, "c5") == ("COMPLETE", "run run-1 is taking")
    world.play()
    assert world.view().run.state == "done"


def test_an_estimate_counts_exposures_left_and_what_past_runs_took_after_their_last_frame(kit):
    world = commanded(kit)

    def estimated():
        found = Controls(world.service).estimate("run-1" if len(world.of(RunFinished)) == 0 else "run-2")
        return found.exposures_s, found.after_s, found.remaining_s

    assert estimated() == (18.0, None, 18.0)
    until(world, "taking")
    while len(world.of(TakeImages)) < 5:
        world.step(lambda names: names[0])
    assert estimated() == (18.0, None, 8.0)
    until(world, "processing")
    assert estimated() == (18.0, None, None)
    world.clock.now += 30 * 10**9
    world.play()
    world.request(kit.request("run-2", exposures=(kit.exposures("BIAS", *(0.0,) * 3),)))
    assert estimated() == (6.0, 30.0, 36.0)
    while world.view("run-2").run.state != "processing":
        world.step(lambda names: names[0])
    world.clock.now += 20 * 10**9
    assert estimated() == (6.0, 30.0, 10.0)
    world.play()
    assert estimated() == (6.0, 30.0, 0.0)


def test_the_report_says_what_was_taken_made_verified_certified_and_withheld_and_why(kit):
    """What verification does not accept is named with the reason, and so is what was not made."""
    world = kit.world(kit.Script(rejected={("bias", 1)}, broken={("dark", 0)}, failing={("dark", 1)}))
    world.frames = kit.frames({"bias": 3, "dark": 3, "science": 1}, detectors=(0, 1))
    world.rejections = [
        FrameRejected(acquisition_id="", job_id="x", file_name="x.fits", reason="truncated", message="cut")
    ]
    world.request(kit.request(folder=kit.folder))
    world.play()
    (report,) = world.of(RunReport)
    assert report == Controls(world.service).report("run-1")
    assert (report.state, report.ended.ns) == ("done with failures", world.clock.now)
    (taken,) = report.taken
    assert (taken.asked, taken.taken, taken.frames, taken.missing) == (15, 14, 14, ("x.fits: cut",))
    bias, dark = report.sets
    assert (bias.kind, bias.made, bias.verified, bias.certified) == ("bias", (0, 1), (0,), (0,))
    assert [(one.detectors, one.reason) for one in bias.withheld] == [((1,), "too noisy")]
    assert (dark.made, dark.certified, dark.with_failures) == ((1,), (1,), (1,))
    assert (bias.noticed, bias.with_failures, dark.noticed) == ((), (), ("detector 1 is warm",))
    assert [(one.detectors, one.reason) for one in dark.withheld] == [((0,), "not built: saturated")]
    assert any("no rule makes a calibration of them" in reason for reason in report.left_out)


def test_a_retry_of_a_run_that_goes_on_is_told_to_wait_and_no_run_is_in_its_own_way(kit):
    world = commanded(kit)
    until(world, "taking")
    with pytest.raises(ControlRefused, match="is taking: wait for its end, or stop it, then retry"):
        act(world, Action.RETRY)
    with world.database.reading() as session:
        world.service.check_free(session, kit.request())
        with pytest.raises(CameraBusy, match="busy with run run-1"):
            world.service.check_free(session, kit.request("run-2"))


def test_a_set_with_too_few_frames_is_not_said_to_be_verified_when_it_cannot_be_done_again(kit):
    world = kit.world()
    world.frames = kit.frames({"bias": 2})
    world.request(kit.request(folder=kit.folder))
    world.play()
    with pytest.raises(
        ControlRefused, match="again: a set with too few frames gets no more: ask for another"
    ):
        act(world, Action.RETRY)


def test_what_verification_does_not_accept_is_not_done_again(kit):
    world = commanded(kit, kit.Script(rejected={("bias", 0)}))
    world.play()
    before = world.view()
    with pytest.raises(ControlRefused, match="what verification does not accept stays so"):
        act(world, Action.RETRY)
    assert world.view() == before
