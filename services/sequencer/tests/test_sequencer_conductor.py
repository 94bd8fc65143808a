"""Runs from request to end, in a scripted world: any order of messages, duplicates, kills, restarts."""

import json
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sequencer_world import folder_world

from calibrant.contracts.certify.v1 import CertifyJob, CollectionChanged
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.ingest.v1 import FolderScanned, FrameRejected
from calibrant.contracts.sequencer.v1 import FolderIngestRequested, RunFinished, RunProgress
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob, VerificationMode
from calibrant.frames.instrument import load_instrument
from calibrant.runtime.access.callers import Caller
from calibrant.sequencer.control import Action
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.store.certified import ChainsUnsettled

JOBS = (CombineJob, MeasureJob, DecideJob, CertifyJob)


def plan(world, run_id="run-1"):
    """What was planned and became of it, without anything that depends on when."""
    view = world.view(run_id)
    return [row.model_dump() for row in view.rows], view.run.state, view.run.message


def test_a_folder_becomes_certified_calibrations(kit):
    world = folder_world(kit, bias=3, dark=3, flat=3)
    world.request(kit.request(folder=kit.folder))
    world.play()
    view = world.view()
    assert view.run.state == "done"
    assert view.nodes["certify"] == {"done": 6}
    assert (view.files.done, view.files.total) == (18, 18)
    certify = [row for row in view.rows if row.type == "certify"]
    assert all(row.end_tai_ns - row.begin_tai_ns == 86_400 * 10**9 for row in certify)
    finished = world.of(RunFinished)
    assert [(f.run_id, f.products, f.certified) for f in finished] == [("run-1", 6, 6)]
    told = world.of(RunProgress)
    assert [p.phase for p in told][:1] + [p.phase for p in told][-1:] == ["taking", "done"]


def test_a_job_that_waited_for_its_own_detector_alone_has_the_frames_of_those_that_leak_into_it(kit):
    world = kit.world()
    described = load_instrument("simcam-tiny").model_dump(mode="json") | {"crosstalk_groups": [[0, 1]]}
    (world.path / "instruments").mkdir()
    (world.path / "instruments" / "simcam-tiny.yaml").write_text(json.dumps(described))
    world.frames = kit.frames({"bias": 3, "spot": 3}, detectors=(0, 1))
    world.request(kit.request(folder=kit.folder, make=("bias", "crosstalk"), skip_verification=True))
    world.play()
    jobs = [job for job in world.of(CombineJob) if job.recipe == "crosstalk"]
    roles = {job.detector: sorted(one.role for one in job.inputs) for job in jobs}
    assert roles == {detector: ["bias", *["frames"] * 3, *["sources"] * 3] for detector in (0, 1)}


def test_r1_r4_r5_commanded_exposures_become_certified_calibrations(kit):
    world = kit.world()
    asked = (kit.exposures("FLAT", 2, 2, 2), kit.exposures("BIAS", 0, 0, 0), kit.exposures("DARK", 2, 2, 2))
    world.request(kit.request(exposures=asked))
    world.say(*world.camera.tell())
    world.play()
    commands = [m for m in world.sent if hasattr(m, "header")]
    names = [type(m).__name__ for m in commands]
    assert names == ["Start", "Enable", *["TakeImages"] * 9]
    assert [m.image_type for m in commands[2:]] == ["BIAS"] * 3 + ["DARK"] * 3 + ["FLAT"] * 3
    assert [m.shutter for m in commands[2:]] == [False] * 6 + [True] * 3
    view = world.view()
    assert (view.run.state, view.nodes["certify"]) == ("done", {"done": 3})
    assert (view.exposures.done, view.exposures.total) == (9, 9)


def random_world(kit_class, home, seed, *, commanded):
    """Play one run at random in a folder of its own; return the world."""
    script = kit_class.Script(rejected={("bias", 1)}, broken={("flat", 0)}, conflicts={("dark", 0)})
    world = kit_class.World(home, script, kit_class.CameraScript((0, 1)))
    if commanded:
        asked = tuple(
            kit_class.exposures(t, *[s] * 3) for t, s in (("BIAS", 0.0), ("DARK", 2.0), ("FLAT", 2.0))
        )
        world.camera.rejects = {2}
        world.request(kit_class.request(exposures=asked))
        world.say(*world.camera.tell())
    else:
        world.frames = kit_class.frames({"bias": 4, "dark": 3, "flat": 3, "science": 1}, detectors=(0, 1))
        world.frames += [kit_class.frame("dark", n, d, dark_time_s=7.0) for n in (7, 8, 9) for d in (0, 1)]
        world.rejections = [
            FrameRejected(
                acquisition_id="", job_id="bad", file_name="x.fits", reason="truncated", message="cut"
            )
        ]
        (home / "frames").mkdir()
        (home / "frames" / "a.fits").write_bytes(b"x")
        world.request(kit_class.request(folder=str(home / "frames")))
    world.play(None if seed is None else random.Random(seed))
    return world


def outcome_of(kit_class, seed, *, commanded):
    home = Path(tempfile.mkdtemp(prefix="sequencer-"))
    try:
        world = random_world(kit_class, home, seed, commanded=commanded)
        ids = [job.job_id for job in world.sent if isinstance(job, JOBS)]
        commands = [m.header.command_id for m in world.sent if hasattr(m, "header")]
        assert len(ids) == len(set(ids))
        assert len(commands) == len(set(commands))
        assert len(world.of(RunFinished)) == 1
        rows, outcome, message = plan(world)
        world.database.close()
        return rows, outcome, message.replace(str(home), ""), sorted(ids)
    finally:
        shutil.rmtree(home)


@pytest.mark.parametrize("database_site", ["sqlite"], indirect=True)  # its many worlds are files
@pytest.mark.parametrize("commanded", [False, True])
def test_any_order_duplicates_and_kills_give_the_same_plan(kit, commanded):
    expected = outcome_of(kit, None, commanded=commanded)
    assert expected[1] == "done with failures"

    @settings(max_examples=8, deadline=None, database=None, phases=[Phase.generate])
    @given(seed=st.integers(0, 2**32))
    def in_any_order(seed):
        assert outcome_of(kit, seed, commanded=commanded) == expected

    in_any_order()


def test_a_run_goes_on_after_a_restart_in_the_middle(kit):
    world = folder_world(kit, bias=3, dark=3)
    world.request(kit.request(folder=kit.folder))
    while world.step(lambda names: names[0]):
        world.restart()
    assert world.view().nodes["certify"] == {"done": 4}
    assert len({j.job_id for j in world.of(CombineJob)}) == len(world.of(CombineJob)) == 4


def test_a_second_run_of_the_same_frames_asks_for_the_same_products(kit):
    world = folder_world(kit, bias=3)
    for run_id in ("run-1", "run-2"):
        world.request(kit.request(run_id, folder=kit.folder))
        world.play()
    products = [[r.product_id for r in world.view(i).rows if r.type == "build"] for i in ("run-1", "run-2")]
    assert products[0] == products[1]
    assert world.view("run-2").run.state == "done"


def test_two_runs_waiting_for_one_job_both_go_on(kit):
    world = folder_world(kit, bias=3)
    for run_id in ("run-1", "run-2"):
        world.request(kit.request(run_id, folder=kit.folder))
    world.play(random.Random(1))
    assert [world.view(i).run.state for i in ("run-1", "run-2")] == ["done"] * 2


def test_what_an_earlier_run_certified_serves_a_later_one(kit):
    world = folder_world(kit, bias=3)
    world.request(kit.request("run-1", folder=kit.folder))
    world.play()
    world.frames = kit.frames({"dark": 3})
    world.request(kit.request("run-2", folder=kit.folder))
    world.play()
    bias = world.row("build", "bias").product_id
    assert world.row("build", "dark", run_id="run-2").used == {"bias": bias}
    world.frames = kit.frames({"bias": 4})
    world.request(kit.request("run-3", folder=kit.folder, generate=False))
    world.play()
    measure = next(m for m in world.of(MeasureJob) if m.mode is VerificationMode.EXTERNAL)
    assert measure.reference.product_id == bias
    assert world.view("run-3").run.state == "done"


def test_a_run_in_another_collection_does_not_take_it(kit):
    world = folder_world(kit, bias=3)
    world.request(kit.request("run-1", folder=kit.folder, collection="mine/test"))
    world.play()
    world.frames = kit.frames({"dark": 3})
    world.request(kit.request("run-2", folder=kit.folder))
    world.play()
    assert world.of(CertifyJob)[0].collection == "mine/test"
    assert world.row("build", "dark", run_id="run-2").used == {}


@pytest.mark.parametrize(
    ("problem", "files", "said"),
    [("cannot be listed: permission denied", 0, "permission denied"), ("", 0, "named like a frame")],
)
def test_a_folder_without_frames_fails_with_the_reason(kit, problem, files, said):
    world = kit.world()
    world.request(kit.request(folder=kit.folder))
    world.queues["runs/run-1"] and world.step(lambda names: names[0])
    world.queues.clear()
    asked = world.of(FolderIngestRequested)[0]
    world.say(
        "ingest",
        FolderScanned(
            acquisition_id=asked.acquisition_id,
            folder=kit.folder,
            files=files,
            passed_over=3,
            problem=problem,
        ),
        "run-1",
    )
    world.play()
    view = world.view()
    assert view.run.state == "failed"
    assert said in view.run.message


def test_make_limits_the_kinds(kit):
    world = folder_world(kit, bias=3, dark=3)
    world.request(kit.request(folder=kit.folder, make=("dark", "tearing")))
    world.play()
    assert {job.recipe for job in world.of(CombineJob)} == {"dark"}
    (absent,) = [row for row in world.view().rows if row.kind == "tearing"]
    assert (absent.state, absent.reason) == (
        "skipped",
        "asked for, but there are no flat frames to make it of",
    )
    skipped = [row for row in world.view().rows if row.kind == "bias"]
    assert [(row.state, "not asked for: make is dark, tearing" in row.reason) for row in skipped] == [
        ("skipped", True)
    ]


def test_nights_are_pooled_where_the_instrument_says_so(kit):
    world = kit.world()
    world.frames = [
        kit.frame("bias", n, instrument="newton-du940p", night=f"2026010{n // 2 + 1}") for n in range(4)
    ]
    world.request(kit.request(folder=kit.folder, instrument="newton-du940p"))
    world.play()
    row = world.row("build", "bias")
    assert (row.set, row.frames) == ("all", 4)


def test_a_frame_of_another_instrument_is_rejected(kit):
    world = folder_world(kit, bias=3)
    world.frames.append(kit.frame("bias", 7, instrument="st402"))
    world.request(kit.request(folder=kit.folder))
    world.play()
    view = world.view()
    assert [(r.reason, r.file_name) for r in view.rejected] == [("unfit", "bias-7-d0.fits")]
    assert view.run.state == "done"


def test_a_run_stopped_now_ends_at_once_and_ignores_what_comes(kit):
    world = folder_world(kit, bias=3, dark=3)
    world.request(kit.request(folder=kit.folder))
    while not world.of(CombineJob):
        world.step(lambda names: names[0])
    jobs = len([m for m in world.sent if isinstance(m, JOBS)])
    Controls(world.service).control("run-1", Action.STOP_NOW, Caller("me", ("operator",)))
    world.play()
    view = world.view()
    assert view.run.state == "stopped"
    assert len([m for m in world.sent if isinstance(m, JOBS)]) == jobs
    assert len(world.of(RunFinished)) == 1


def test_a_run_that_meets_chains_that_lead_back_says_so_and_goes_on_when_they_are_put_right(kit):
    def chain(name, *members):
        facts = {"change_id": "x", "requested_by": "ana", "reason": "why", "recorded": TaiTime.from_ns(1)}
        return CollectionChanged(collection=name, type="chained", members=members, **facts)

    world = folder_world(kit, bias=3)
    for told in (chain("a", "b"), chain("b", "a")):
        world.say("certify", told)
    world.play()
    world.request(kit.request(folder=kit.folder, collection="a"))
    with pytest.raises(ChainsUnsettled, match="leads back to itself: a > b > a"):
        world.play()
    view = world.view()
    assert view.phase == "waiting for its chains"
    assert "a > b > a" in view.run.message
    assert "replay the sequencer's dead letters" in view.run.message
    dead = world.delivered[-1]
    world.say("certify", chain("b", "c"))
    world.play()
    world.deliver(dead)
    world.play()
    assert world.view().run.state == "done"
