"""The exposures of runs: whose camera it is, what goes with each, and when no more are taken."""

import random
from collections import Counter

import pytest
from camera_steps import begun, wait
from sequencer_world import Delivery

from calibrant.contracts.camera.v1 import (
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.runtime.access.callers import Caller
from calibrant.sequencer.control import Action
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.service import CameraBusy


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
