"""Retries of runs whose exposures, files or answers were still under way, or came to nothing again."""

from collections import Counter

import pytest

from calibrant.contracts.camera.v1 import AckCode, SummaryState, TakeImages
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.ingest.v1 import FrameIngested
from calibrant.contracts.sequencer.v1 import RunFinished
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.sequencer.control import Action, ControlRefused
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.service import CameraBusy

ANA = Caller("ana", ("operator",))
NS = 1_000_000_000


@pytest.fixture
def database_site(tmp_path):
    """What is tested here is no matter of the database."""
    return DatabaseSite(f"sqlite:///{tmp_path}/sequencer.sqlite")


def begun(kit, *, camera=None, darks=0, **fields):
    world = kit.world(camera=camera)
    asked = [kit.exposures("BIAS", *(0.0,) * 3)]
    asked += [kit.exposures("DARK", *(2.0,) * darks)] if darks else []
    world.request(kit.request(exposures=tuple(asked), **fields))
    world.camera.state = SummaryState.ENABLED
    world.say(*world.camera.tell())
    return world


def act(world, action, run_id="run-1"):
    Controls(world.service).control(run_id, action, ANA)


def until(world, condition, choose=min):
    while not condition():
        assert world.step(choose), world.view().run


def wait(world, seconds):
    world.clock.now += round(seconds * NS)
    world.service.look_after()
    world.play()


@pytest.mark.parametrize("code", [AckCode.COMPLETE, AckCode.FAILED])
def test_what_the_camera_had_in_hand_when_a_run_was_stopped_is_used_for_nothing_in_the_retry(kit, code):
    world = begun(kit)
    world.camera.outcomes = [code]
    until(world, lambda: world.of(TakeImages))
    act(world, Action.STOP_NOW)
    act(world, Action.RETRY)
    world.play()
    assert (world.view().run.state, world.view().exposures.done) == ("done", 3)
    assert world.row("build", "bias").frames == len(world.of(TakeImages)) - 1 == 3


def test_a_retried_command_that_is_never_answered_is_given_again(kit):
    world = begun(kit)
    world.camera.deaf = True
    until(world, lambda: world.of(TakeImages))
    act(world, Action.STOP_NOW)
    act(world, Action.RETRY)
    world.camera.deaf = False
    wait(world, 1000.0)
    assert (world.view().run.state, world.view().exposures.done) == ("done", 3)


def test_what_is_overdue_again_after_a_retry_is_told_in_messages_of_its_own(kit):
    """Who reads takes a message with the identifier of an earlier one for that one, and passes it over."""
    world = begun(kit, min_frames={"bias": 3}, frames_within_s=60.0)
    world.camera.unstored = {1, 2, 3, 4}
    world.play()
    wait(world, 61.0)
    act(world, Action.RETRY)
    world.play()
    wait(world, 61.0)
    assert [ended.state for ended in world.of(RunFinished)] == ["failed", "failed"]
    assert max(Counter(world.identifiers).values()) == 1
    act(world, Action.RETRY)
    world.play()
    assert world.view().run.state == "done"
    assert world.row("build", "bias").frames == 3


def test_an_exposure_of_which_a_file_was_missing_is_taken_again_whole(kit):
    """What there is of it is left out then: no detector has more frames than were asked for."""
    world = begun(
        kit, camera=kit.CameraScript(detectors=(0, 1)), min_frames={"bias": 3}, frames_within_s=60.0
    )
    world.camera.lost = {(2, 1), (3, 0), (3, 1)}
    world.play()
    wait(world, 61.0)
    assert (world.view().run.state, world.view().exposures.failed) == ("failed", 0)
    act(world, Action.RETRY)
    world.play()
    assert (world.view().run.state, world.camera.taken) == ("done", 5)
    assert {job.detector: len(job.inputs) for job in world.of(CombineJob)} == {0: 3, 1: 3}


def test_frames_that_came_before_their_exposure_was_told_count_for_nothing_in_the_retry(kit):
    """What is not whole leaves nothing behind that would be counted as one of the new files."""
    world = begun(kit, camera=kit.CameraScript(detectors=(0, 1)))
    until(world, lambda: any(isinstance(one.message, FrameIngested) for one in world.delivered), max)
    act(world, Action.STOP_NOW)
    world.play()
    act(world, Action.RETRY)
    world.play()
    assert world.view().run.state == "done"
    assert {job.detector: len(job.inputs) for job in world.of(CombineJob)} == {0: 3, 1: 3}
    assert world.view().files.failed == 0


def test_what_was_stopped_with_all_its_frames_there_is_made_by_a_retry(kit):
    world = begun(kit)
    until(world, lambda: len(world.of(TakeImages)) == 3)
    act(world, Action.PAUSE)
    world.play()
    act(world, Action.STOP)
    assert world.view().run.state == "stopped"
    act(world, Action.RETRY)
    world.play()
    assert (world.view().run.state, world.camera.taken) == ("done", 3)


def test_a_set_that_lacks_exposures_that_failed_is_a_failure_and_a_retry_takes_them(kit):
    world = begun(kit, darks=3, min_frames={"bias": 3})
    world.camera.outcomes = [AckCode.COMPLETE] * 2 + [AckCode.FAILED] * 3
    world.play()
    assert (world.view().run.state, world.row("build", "dark").state) == ("done with failures", "done")
    act(world, Action.RETRY)
    world.play()
    assert (world.view().run.state, world.row("build", "bias").frames) == ("done", 3)


def test_a_detector_that_lacks_frames_where_another_was_made_is_not_decided_on_again(kit):
    world = begun(kit, camera=kit.CameraScript(detectors=(0, 1)), min_frames={"bias": 3})
    world.camera.lost = {(2, 1)}
    world.play()
    wait(world, 601.0)
    assert world.view().run.state == "done with failures"
    with pytest.raises(ControlRefused, match="a set with too few frames gets no more"):
        act(world, Action.RETRY)


def test_a_run_that_was_stopped_before_it_began_is_begun_by_a_retry(kit):
    world = kit.world()
    world.request(kit.request(exposures=(kit.exposures("BIAS", *(0.0,) * 3),)))
    act(world, Action.STOP)
    world.play()
    assert world.view().run.state == "stopped"
    act(world, Action.RETRY)
    world.camera.state = SummaryState.ENABLED
    world.say(*world.camera.tell())
    world.play()
    assert world.view().run.state == "done"


def test_a_folder_that_was_stopped_is_read_again(kit):
    world = kit.world()
    world.frames = kit.frames({"bias": 3}, detectors=(0, 1))
    world.request(kit.request(folder=kit.folder))
    until(world, lambda: world.view().run.state == "taking")
    act(world, Action.STOP)
    world.play()
    act(world, Action.RETRY)
    world.play()
    assert (world.view().run.state, world.view().nodes["certify"]) == ("done", {"done": 2})


def test_a_retry_needs_the_camera_only_where_it_takes_exposures(kit):
    world = begun(kit)
    world.script.broken = {("bias", 0)}
    world.play()
    world.camera.deaf = True
    world.request(kit.request("run-2", exposures=(kit.exposures("BIAS", *(0.0,) * 3),)))
    world.play()
    world.script.broken = set()
    act(world, Action.RETRY)
    world.play()
    assert world.view().run.state == "done"
    act(world, Action.STOP_NOW, "run-2")
    world.request(kit.request("run-3", exposures=(kit.exposures("BIAS", *(0.0,) * 3),)))
    with pytest.raises(CameraBusy, match="busy with run run-3"):
        act(world, Action.RETRY, "run-2")
    with pytest.raises(ControlRefused, match="is planned: wait for its end"):
        act(world, Action.RETRY, "run-3")
