"""Commanding a camera that fails, is deaf, changes its state, or is wanted by two runs."""

import random
from collections import Counter

import pytest
from sequencer_world import Delivery
from sqlmodel import select

from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    Enable,
    Standby,
    Start,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.runtime.access.callers import Caller
from calibrant.sequencer.control import Action
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.service import CameraBusy
from calibrant.sequencer.store.queries import SequencerQueries
from calibrant.sequencer.store.tables import CommandRow

NS = 1_000_000_000


def begun(kit, *times_s, **fields):
    world = kit.world()
    fields = {"min_frames": {"bias": 1}} | fields
    world.request(kit.request(exposures=(kit.exposures("BIAS", *(times_s or (0.0,) * 4)),), **fields))
    return world


def wait(world, seconds):
    """Let time pass and the timer look."""
    world.clock.now += round(seconds * NS)
    return world.service.look_after()


def brought(world, state):
    """Let a person bring the camera into a state, and the sequencer hear of it before anything else."""
    world.camera.state = state
    source, message = world.camera.tell()
    world.deliver(Delivery(source, message, "", f"a person: {state.name}"))


@pytest.mark.parametrize("code", [AckCode.FAILED, AckCode.ABORTED, AckCode.TIMEOUT])
def test_a_failed_exposure_is_tried_again(kit, code):
    world = begun(kit)
    world.camera.outcomes = [code, code]
    world.say(*world.camera.tell())
    world.play()
    takes = world.of(TakeImages)
    assert len(takes) == 6
    assert len({t.header.command_id for t in takes}) == 6
    assert world.view().exposures.done == 4
    assert world.view().run.state == "done"


def test_an_exposure_that_fails_for_good_is_named_and_the_rest_goes_on(kit):
    world = begun(kit)
    world.camera.outcomes = [AckCode.FAILED] * 3
    world.say(*world.camera.tell())
    world.play()
    view = world.view()
    assert (view.exposures.done, view.exposures.failed) == (3, 1)
    assert "exposure 1: FAILED: shutter stuck, after 3 attempts" in view.run.message
    assert view.run.state == "done"


def test_all_exposures_failing_ends_the_run(kit):
    world = begun(kit, 0.0, 0.0)
    world.camera.outcomes = [AckCode.FAILED] * 6
    world.say(*world.camera.tell())
    world.play()
    view = world.view()
    assert view.run.state == "failed"
    assert [a["state"] for a in view.acquisitions] == ["failed"]


def test_a_camera_in_fault_is_brought_back(kit):
    world = begun(kit)
    world.camera.state = SummaryState.FAULT
    world.say(*world.camera.tell())
    world.play()
    assert [len(world.of(t)) for t in (Standby, Start, Enable)] == [1, 1, 1]
    assert world.view().run.state == "done"


def test_a_run_waits_for_a_camera_that_a_person_has_disabled_and_says_so(kit):
    """It is not enabled again but by a person; a run that begins later brings it where it must be."""
    world = begun(kit)
    world.say(*world.camera.tell())
    while not world.of(TakeImages):
        world.step(lambda names: names[0])
    for state in (SummaryState.DISABLED, SummaryState.STANDBY):
        brought(world, state)
        world.play()
        wait(world, 600)
    view = world.view()
    told = "camera camera was disabled while the run went on, and is STANDBY: enable it, or stop the run"
    with world.database.reading() as session:
        (listed,) = SequencerQueries(session).runs()
    assert (view.phase, view.run.message, listed.message) == ("waiting for the camera", told, told)
    assert (len(world.of(Start)), len(world.of(Enable))) == (1, 1)
    Controls(world.service).control("run-1", Action.STOP_NOW, Caller("me", ("operator",)))
    world.clock.now += NS
    world.request(kit.request("run-2", exposures=(kit.exposures("BIAS", *(0.0,) * 3),)))
    world.play()
    assert (world.view("run-2").run.state, len(world.of(Enable))) == ("done", 2)


def test_a_run_goes_on_when_the_camera_is_enabled_again(kit):
    world = begun(kit)
    world.say(*world.camera.tell())
    while not world.of(TakeImages):
        world.step(lambda names: names[0])
    for state in (SummaryState.DISABLED, SummaryState.ENABLED):
        brought(world, state)
        world.play()
    assert (world.view().run.state, world.view().exposures.done) == ("done", 4)
    assert len(world.of(Enable)) == 1


def test_a_silent_camera_ends_the_run_with_the_reason(kit):
    world = begun(kit)
    world.play()
    assert world.view().phase == "waiting for the camera"
    assert wait(world, 59) == 0
    assert wait(world, 2) == 1
    view = world.view()
    assert view.run.state == "failed"
    assert "camera camera has said nothing for 60 s" in view.run.message
    assert world.of(TakeImages) == []


def test_an_offline_camera_ends_the_run_unless_it_comes_back(kit):
    world = begun(kit)
    world.camera.state = SummaryState.OFFLINE
    world.say(*world.camera.tell())
    world.play()
    world.camera.state = SummaryState.STANDBY
    world.say(*world.camera.tell())
    world.play()
    assert world.view().run.state == "done"


def test_a_deaf_camera_is_given_up_after_three_attempts(kit):
    world = begun(kit, 30.0, 30.0)
    world.camera.state = SummaryState.ENABLED
    world.camera.deaf = True
    world.say(*world.camera.tell())
    world.play()
    first = world.of(TakeImages)[0]
    assert first.header.deadline.ns == world.clock.now + 150 * NS
    header = first.header
    assert (header.identity, header.roles, header.requested_by) == ("sequencer", ("operator",), "tester")
    for attempt in (1, 2, 3):
        assert len(world.of(TakeImages)) == attempt
        assert wait(world, 150) == 0
        assert wait(world, 61) == 1
    view = world.view()
    assert (view.run.state, view.exposures.failed) == ("failed", 2)
    assert "NO_ACK: camera camera: no final answer to takeImages in time" in view.run.message


@pytest.mark.parametrize("code", [AckCode.IN_PROGRESS, AckCode.STALLED])
def test_a_camera_in_progress_is_given_the_time_it_asks_for(kit, code):
    world = begun(kit)
    world.camera.state = SummaryState.ENABLED
    world.camera.deaf = True
    world.say(*world.camera.tell())
    world.play()
    progress = CommandAck(
        command_id=world.of(TakeImages)[0].header.command_id,
        component="camera",
        command="takeImages",
        ack=code,
        error=0,
        result="the shutter is slow",
        timeout_s=1000.0,
        identity="sequencer",
        command_type=0,
    )
    world.say("camera", progress, "run-1")
    world.play()
    assert len(world.of(TakeImages)) == 1
    assert wait(world, 1000) == 0
    assert wait(world, 31) == 1
    assert len(world.of(TakeImages)) == 2


def test_an_exposure_that_stalls_and_then_ends_is_taken_once(kit):
    world = begun(kit)
    world.camera.state = SummaryState.ENABLED
    obey = world.camera.obey

    def stalling(command):
        first, *rest = obey(command)
        return [(first[0], first[1].model_copy(update={"ack": AckCode.STALLED, "timeout_s": 0.0})), *rest]

    world.camera.obey = stalling
    world.say(*world.camera.tell())
    world.play()
    assert len(world.of(TakeImages)) == 4
    assert world.view().run.state == "done"


class FullCamera:
    """Lets a scripted camera have no room for its first images, until their commands are too late or it is restarted."""

    def __init__(self, world, images, *, restarts):
        self.world, self.left, self.restarts = world, images, restarts
        self.obey, world.camera.obey = world.camera.obey, self.stall

    def stall(self, command):
        answers = self.obey(command)
        if not isinstance(command, TakeImages) or not self.left:
            return answers
        self.left -= 1
        (service, stalled), (_, ended), *_ = answers
        stalled = stalled.model_copy(update={"ack": AckCode.STALLED, "result": "the disk is full: free some"})
        code = AckCode.ABORTED if self.restarts else AckCode.TIMEOUT
        told = [(service, stalled), (service, ended.model_copy(update={"ack": code, "image_names": ()}))]
        if self.restarts:
            self.world.camera.state = SummaryState.STANDBY
            told.append(self.world.camera.tell())
        return told


@pytest.mark.parametrize("restarts", [False, True])
def test_an_exposure_is_commanded_anew_until_the_camera_has_room_for_it(kit, restarts):
    world = begun(kit)
    FullCamera(world, 5, restarts=restarts)
    world.say(*world.camera.tell())
    world.play()
    assert len(world.of(TakeImages)) == 5 + 4
    view = world.view()
    assert (view.run.state, view.exposures.done, view.exposures.failed) == ("done", 4, 0)


def test_what_fails_once_there_is_room_is_tried_as_often_as_ever(kit):
    world = begun(kit, 0.0)
    FullCamera(world, 5, restarts=False)
    world.camera.outcomes = [AckCode.COMPLETE] * 5 + [AckCode.FAILED] * 3
    world.say(*world.camera.tell())
    world.play()
    assert len(world.of(TakeImages)) == 5 + 3
    assert "exposure 1: FAILED: shutter stuck, after 3 attempts" in world.view().run.message


def test_a_run_says_why_the_camera_takes_no_image(kit):
    world = begun(kit)
    camera = FullCamera(world, 1, restarts=False)
    world.say(*world.camera.tell())
    while camera.left:
        assert world.step(lambda names: names[0])
    assert (world.view().phase, world.view().run.message) == ("taking", "")
    assert world.step(lambda names: names[0])
    assert world.view().phase == "waiting for the camera"
    told = "camera camera takes no image: the disk is full: free some"
    with world.database.reading() as session:
        (listed,) = SequencerQueries(session).runs()
    assert (world.view().run.message, listed.message) == (told, told)
    world.play()
    assert told not in world.view().run.message


def test_an_answer_that_comes_too_late_still_counts(kit):
    world = begun(kit, 0.0)
    world.camera.state = SummaryState.ENABLED
    obey, world.camera.deaf = world.camera.obey, True
    world.say(*world.camera.tell())
    world.play()
    (command,) = world.of(TakeImages)
    for _ in range(3):
        wait(world, 200)
    world.camera.deaf = False
    told = [message for _, message in obey(command)]
    ended = next(m for m in told if isinstance(m, CommandAck) and m.ack is AckCode.COMPLETE)
    with world.database.reading() as session:
        rows = session.exec(select(CommandRow)).all()
    assert {(row.state, row.ack) for row in rows} == {("failed", "NO_ACK")}
    world.say("camera", ended, "run-1")
    world.play()
    with world.database.reading() as session:
        row = session.get_one(CommandRow, command.header.command_id)
    assert (row.state, row.ack, row.image_names) == ("complete", "COMPLETE", ended.image_names[0])


def test_a_camera_that_does_not_tell_its_new_state_is_given_up(kit):
    world = begun(kit)
    world.say(*world.camera.tell())
    answers = world.camera.obey
    world.camera.obey = lambda command: answers(command)[:1]
    world.play()
    assert [len(world.of(t)) for t in (Start, Enable)] == [1, 0]
    assert wait(world, 149) == 0
    assert wait(world, 2) == 1
    world.play()
    assert len(world.of(Start)) == 3
    assert world.view().run.state == "failed"
    assert "cannot be brought out of STANDBY by start: FAILED" in world.view().run.message


def test_a_second_run_on_a_busy_camera_is_refused_with_the_first_ones_name_until_its_exposures_are_taken(kit):
    world = begun(kit)
    second = kit.request("run-2", exposures=(kit.exposures("BIAS", 0.0, 0.0, 0.0),))
    for step in range(2):
        with pytest.raises(CameraBusy, match=r"busy with run run-1 \((planned|taking)\).*or stop it"):
            world.request(second)
        with pytest.raises(CameraBusy):
            world.deliver(Delivery("sequencer", second, "run-2", f"asked-{step}"))
        world.step(lambda names: names[0])
    world.say(*world.camera.tell())
    while world.view().run.state == "taking":
        world.step(lambda names: names[0])
    world.request(second)
    world.play()
    notes = [t.observation_note.split(",")[0] for t in world.of(TakeImages)]
    assert notes == ["run run-1"] * 4 + ["run run-2"] * 3
    assert [world.view(r).run.state for r in ("run-1", "run-2")] == ["done"] * 2


def test_runs_on_two_cameras_go_together(kit):
    world = begun(kit)
    world.request(kit.request("run-2", exposures=(kit.exposures("BIAS", *(0.0,) * 3),), component="other"))
    world.say(*world.camera.tell())
    other = SummaryStateChanged(component="other", summary_state=SummaryState.ENABLED, reason="")
    world.say("camera", other)
    world.play(random.Random(3))
    asked = Counter((t.header.component, t.observation_note.split(",")[0]) for t in world.of(TakeImages))
    assert asked == {("camera", "run run-1"): 4, ("other", "run run-2"): 3}
    assert [world.view(r).run.state for r in ("run-1", "run-2")] == ["done"] * 2


def test_stopping_a_run_now_frees_the_camera(kit):
    world = begun(kit)
    world.say(*world.camera.tell())
    while not world.of(TakeImages):
        world.step(lambda names: names[0])
    Controls(world.service).control("run-1", Action.STOP_NOW, Caller("me", ("operator",)))
    world.request(kit.request("run-2", exposures=(kit.exposures("BIAS", 0.0, 0.0, 0.0),)))
    world.play()
    assert world.view("run-1").run.state == "stopped"
    assert world.view("run-2").run.state == "done"


def test_a_file_whose_ingest_failed_counts_as_rejected(kit):
    world = begun(kit)
    world.camera.rejects = {2}
    world.say(*world.camera.tell())
    world.play()
    view = world.view()
    assert [(r.reason, r.message) for r in view.rejected] == [("DiskFull", "no space left")]
    assert (view.run.state, world.row("build", "bias").frames) == ("done", 3)


def test_every_exposure_has_the_note_and_the_detectors_of_its_run_and_the_camera_rests_after_each(kit):
    world = begun(kit, 0.0, 0.0, note="new lamp", detectors=(0,), wait_between_exposures_s=5.0)
    world.say(*world.camera.tell())
    world.play()
    assert len(world.of(TakeImages)) == 1
    assert wait(world, 4.9) == 0
    world.restart()
    for _ in range(2):
        wait(world, 5.1)
        world.play()
    takes = world.of(TakeImages)
    assert [(take.observation_note, take.sensors) for take in takes] == [("new lamp", (0,))] * 2
    assert world.view().exposures.done == 2


@pytest.mark.parametrize("stop", [True, None])
def test_r18_no_more_exposures_are_taken_after_a_set_that_failed_verification(kit, stop):
    """The exposure that has begun is taken to its end; what was not taken is named."""
    world = kit.world(kit.Script(rejected={("bias", 0)}))
    exposures = (kit.exposures("BIAS", *(0.0,) * 3), kit.exposures("DARK", *(2.0,) * 4))
    world.request(kit.request(exposures=exposures, stop_on_failure=stop, wait_between_exposures_s=1.0))
    world.say(*world.camera.tell())
    for _ in range(8):
        world.play()
        wait(world, 1.1)
    view = world.view()
    assert view.run.state == "done with failures"
    if stop:
        assert (len(world.of(TakeImages)), view.exposures.failed) == (3, 4)
        told = "not taken: bias 20260101 failed verification, and the run stops on failure"
        assert f"DARK: exposure 4: {told}" in view.run.message
    else:
        assert (len(world.of(TakeImages)), view.exposures.failed) == (7, 0)


@pytest.mark.parametrize("stop", [True, None])
def test_no_more_exposures_are_taken_after_too_few_frames_came_of_what_the_rest_needs(kit, stop):
    world = kit.world()
    world.camera.rejects = {1}
    exposures = (kit.exposures("BIAS", *(0.0,) * 3), kit.exposures("DARK", *(2.0,) * 4))
    world.request(kit.request(exposures=exposures, stop_on_failure=stop, wait_between_exposures_s=1.0))
    world.say(*world.camera.tell())
    for _ in range(8):
        world.play()
        wait(world, 1.1)
    view = world.view()
    if stop:
        assert (view.run.state, len(world.of(TakeImages)), view.exposures.failed) == ("failed", 3, 4)
        told = "not taken: bias 20260101 has too few frames, and the run stops on failure"
        assert f"DARK: exposure 4: {told}" in view.run.message
    else:
        assert (len(world.of(TakeImages)), view.exposures.failed) == (7, 0)


def test_what_is_said_of_images_goes_with_every_command(kit):
    world = begun(kit, 0.0, image_keys={"program": "BLOCK-1", "reason": "a, b"})
    world.say(*world.camera.tell())
    world.play()
    assert world.of(TakeImages)[0].key_value_map == "program: BLOCK-1, reason: a\\, b"
