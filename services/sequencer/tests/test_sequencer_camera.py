"""Commanding a camera that fails, is deaf, or changes its state."""

import pytest
from camera_steps import NS, begun, brought, wait
from sqlmodel import select

from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    Enable,
    Standby,
    Start,
    SummaryState,
    TakeImages,
)
from calibrant.runtime.access.callers import Caller
from calibrant.sequencer.control import Action
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.store.queries import SequencerQueries
from calibrant.sequencer.store.tables import CommandRow


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
