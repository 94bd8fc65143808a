"""What goes wrong around a camera in the middle of a sequence: each the right outcome, and a sentence."""

import pytest

from calibrant.contracts.camera.v1 import (
    Enable,
    Standby,
    Start,
    SummaryState,
    TakeImages,
)
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.ingest.v1 import FrameIngested
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.sequencer.control import Action
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.deadlines import Overdue
from calibrant.sequencer.late import late
from calibrant.sequencer.store.plans import request_of
from calibrant.sequencer.store.tables import RunRow

NS = 1_000_000_000


@pytest.fixture
def database_site(tmp_path):
    """What is tested here is no matter of the database."""
    return DatabaseSite(f"sqlite:///{tmp_path}/sequencer.sqlite")


def begun(kit, *times_s, camera=None, **fields):
    world = kit.world(camera=camera)
    fields = {"min_frames": {"bias": 1}} | fields
    world.request(kit.request(exposures=(kit.exposures("BIAS", *(times_s or (0.0,) * 4)),), **fields))
    world.camera.state = SummaryState.ENABLED
    world.say(*world.camera.tell())
    return world


def wait(world, seconds):
    """Let time pass, the timer look, and everybody answer."""
    world.clock.now += round(seconds * NS)
    world.service.look_after()
    world.play()


def test_r12_a_run_that_names_no_collection_has_that_of_its_instrument(kit):
    world = kit.world()
    for instrument, run_id in (("latiss", "run-1"), ("simcam-tiny", "run-2")):
        world.request(kit.request(run_id, instrument=instrument, folder=kit.folder))
    with world.database.reading() as session:
        found = [request_of(session.get_one(RunRow, f"run-{n}")).collection for n in (1, 2)]
    assert found == ["LATISS/calib/daily", "simcam-tiny/calib/daily"]


def test_a_busy_camera_is_asked_again_until_it_takes_the_exposure(kit):
    """More often than a command that fails is tried, for nothing has failed; each time by the same deadline."""
    world = begun(kit, 0.0, 0.0, 0.0)
    world.camera.busy = 4
    world.play()
    assert len(world.of(TakeImages)) == 1
    world.restart()
    for _ in range(4):
        wait(world, 2.0)
    takes = world.of(TakeImages)
    assert len({take.header.command_id for take in takes}) == len(takes) == 4 + 3
    assert {take.header.deadline.ns for take in takes[:5]} == {kit.t0 + 120 * NS}
    assert (world.view().run.state, world.view().exposures.failed) == ("done", 0)


def test_a_camera_that_stays_busy_is_given_up_after_three_deadlines(kit):
    world = begun(kit, 0.0)
    world.camera.busy = 100
    world.play()
    for _ in range(3):
        assert world.view().run.state == "taking"
        wait(world, 119.0)
    assert "exposure 1: FAILED: busy with takeImages, after 3 attempts" in world.view().run.message
    assert len(world.of(TakeImages)) == 3 * 2


def test_a_camera_that_faults_in_mid_sequence_is_brought_back_and_takes_the_rest(kit):
    world = begun(kit)
    world.camera.faults = {2}
    world.play()
    wait(world, 2.0)
    assert [len(world.of(kind)) for kind in (Standby, Start, Enable)] == [1, 1, 1]
    assert (world.view().run.state, world.view().exposures.done) == ("done", 4)


def test_a_camera_that_faults_whatever_it_takes_ends_the_run_with_its_reason(kit):
    world = begun(kit, 0.0)
    world.camera.faults = {1, 2, 3}
    world.play()
    for _ in range(2):
        wait(world, 2.0)
    view = world.view()
    assert (view.run.state, view.exposures.failed) == ("failed", 1)
    assert "exposure 1: FAILED: shutter stuck, after 3 attempts" in view.run.message


def test_d11_frames_that_never_arrive_are_named_and_left_out_where_enough_are_there(kit):
    """One image was taken and is never stored, of another one detector is never taken in."""
    world = begun(kit, *(0.0,) * 5, camera=kit.CameraScript(detectors=(0, 1)), frames_within_s=90.0)
    world.camera.unstored, world.camera.lost = {2}, {(4, 1)}
    world.play()
    wait(world, 89.0)
    assert (world.view().run.state, world.of(CombineJob)) == ("taking", [])
    wait(world, 2.0)
    view = world.view()
    assert view.run.state == "done"
    assert {job.detector: len(job.inputs) for job in world.of(CombineJob)} == {0: 4, 1: 3}
    assert (view.exposures.done, view.exposures.failed) == (4, 1)
    told = "90 s after the last exposure: SC_O_20260101_00000"
    assert f"BIAS: 1 images not stored {told}2; 1 files not taken in {told}4_1.fits" in view.run.message


@pytest.mark.parametrize(("detectors", "state"), [({0}, "done with failures"), ({0, 1}, "failed")])
def test_a_set_that_is_left_with_too_few_frames_is_not_made_and_the_run_says_which(kit, detectors, state):
    world = begun(kit, *(0.0,) * 4, camera=kit.CameraScript(detectors=(0, 1)), min_frames={"bias": 3})
    world.camera.lost = {(image, detector) for image in (1, 3) for detector in detectors}
    world.play()
    wait(world, 601.0)
    view = world.view()
    assert view.run.state == state
    assert f"{2 * len(detectors)} files not taken in 600 s after" in view.run.message
    assert {job.detector for job in world.of(CombineJob)} == {0, 1} - detectors


def test_a_run_of_which_no_frame_arrives_fails_with_the_list_and_a_retry_takes_them_again(kit):
    world = begun(kit, 0.0, 0.0, min_frames={"bias": 1})
    world.camera.unstored = {1, 2}
    world.play()
    wait(world, 601.0)
    assert world.view().run.state == "failed"
    assert (
        "2 images not stored 600 s after the last exposure: SC_O_20260101_000001, SC_O"
        in world.view().run.message
    )
    Controls(world.service).control("run-1", Action.RETRY, Caller("ana", ("operator",)))
    world.play()
    assert (world.view().run.state, len(world.of(TakeImages))) == ("done", 4)


def test_what_arrives_after_the_deadline_is_recorded_as_late_and_not_used(kit):
    """A sequencer that was away hears first what came meanwhile: it waits as long again."""
    world = begun(kit)
    world.camera.lost = {(4, 0)}
    world.play()
    world.clock.now += 10_000 * NS
    world.restart()
    assert world.service.look_after() == 0
    wait(world, 601.0)
    name = "SC_O_20260101_000004_0.fits"
    acquisition_id = world.of(TakeImages)[0].group_id
    frame = kit.frame("bias", 4, file_name=name)
    world.say(
        "ingest",
        FrameIngested(acquisition_id=acquisition_id, job_id="late", frame=frame, frames_in_file=1),
    )
    world.play()
    assert [(one.file_name, one.reason) for one in world.view().rejected] == [(name, "late")]
    assert world.row("build", "bias").frames == 3


def test_what_comes_between_the_look_and_its_end_is_not_given_up(kit):
    world = begun(kit)
    world.camera.lost = {(4, 0)}
    world.play()
    world.clock.now += 601 * NS
    with world.database.reading() as session:
        (one,) = late(session, Overdue(world.settings, world.clock, 0))
    frame = kit.frame("bias", 4, file_name="SC_O_20260101_000004_0.fits")
    acquisition_id = world.of(TakeImages)[0].group_id
    world.say(
        "ingest", FrameIngested(acquisition_id=acquisition_id, job_id="4", frame=frame, frames_in_file=1)
    )
    world.play()
    with world.work(one.cause, one.run_id) as unit:
        assert one.end(world.service.conductor(unit.session, world.clock)) == []
    assert (world.view().run.state, world.row("build", "bias").frames) == ("done", 4)


def test_d10_a_run_waits_for_its_jobs_as_long_as_they_take(kit):
    world = begun(kit)
    world.script.answer = lambda _job: []
    world.play()
    wait(world, 100_000.0)
    assert world.view().run.state == "processing"


def test_a_run_that_has_to_end_ends_and_names_what_had_not(kit):
    world = begun(kit, finish_within_s=60.0)
    world.script.answer = lambda _job: []
    world.play()
    wait(world, 59.0)
    assert world.view().run.state == "processing"
    wait(world, 2.0)
    assert world.view().run.state == "failed"
    assert "not done 60 s after its last frame: bias 20260101 detector 0 (build)" in world.view().run.message
