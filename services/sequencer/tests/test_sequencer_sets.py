"""How frames become sets: split, held out, left out, too few."""

import pytest
from sequencer_game import Game, roles

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.sequencer.plan.model import NodeState, NodeType
from calibrant.sequencer.plan.outcome import finished


@pytest.mark.parametrize(
    ("asked", "rule", "kept_out"),
    [
        ("2", {}, ["bias-2", "bias-7"]),
        ('["bias-0", "bias-9", "elsewhere"]', {}, ["bias-0", "bias-9"]),
        (None, {"hold_out": 1}, ["bias-5"]),
        ("0", {"hold_out": 1}, []),
        ("8", {}, []),
    ],
)
def test_exposures_kept_out_of_a_product_verify_it(kit, asked, rule, kept_out):
    parameters = {} if asked is None else {"bias.hold_out": asked}
    default = DEFAULT_RULES.rule_for("bias")
    rules = DEFAULT_RULES.replaced(default.model_copy(update=rule))
    request = kit.request(folder="x", parameters=parameters)
    game = Game(kit, kit.frames({"bias": 10}, (0, 1)), request=request, rules=rules)
    everything = {f"bias-{n}" for n in range(10)}
    for detector in (0, 1):
        built = exposures_of(game.build("bias", detector))
        (measure,) = [job for job in game.of(MeasureJob) if job.detector == detector]
        assert built == everything - set(kept_out)
        assert exposures_of(measure) == (set(kept_out) or everything)
        assert "hold_out" not in game.build("bias", detector).parameters
    notes = game.node(NodeType.BUILD, "bias").notes
    assert ("no frame is kept out to verify it: 2 would be left, 3 are needed" in notes) is (asked == "8")
    assert ("hold_out names what no bias frame is of: elsewhere" in notes) is ("elsewhere" in (asked or ""))


def exposures_of(job):
    return {one.exposure_id for one in job.inputs if one.role == "frames"}


def test_darks_without_a_bias_are_split_by_dark_time(kit):
    frames = [kit.frame("dark", n, dark_time_s=2.0) for n in range(3)]
    frames += [kit.frame("dark", n, dark_time_s=5.0) for n in range(3, 6)]
    frames += [kit.frame("dark", 9, dark_time_s=60.0)]
    game = Game(kit, frames)
    keys = {n.set_key: n.state for n in game.draft if n.type is NodeType.BUILD}
    assert keys == {
        "20260101-2s": NodeState.DONE,
        "20260101-5s": NodeState.DONE,
        "20260101-60s": NodeState.SKIPPED,
    }
    assert all(roles(job) == {} for job in game.of(CombineJob))
    notes = game.node(NodeType.BUILD, "dark", key="20260101-2s").notes
    assert notes[0].startswith("split from dark 20260101: no bias for detector 0")
    assert notes[1].startswith("made without a bias: ")


def test_darks_of_one_time_without_a_bias_stay_one_set(kit):
    game = Game(kit, kit.frames({"dark": 3, "flat": 3}))
    assert game.certify("dark").state is NodeState.DONE
    assert set(roles(game.build("flat"))) == {"dark"}


def test_a_rejected_bias_without_another_splits_the_darks(kit):
    frames = kit.frames({"bias": 3}) + [kit.frame("dark", n, dark_time_s=2.0) for n in range(3)]
    frames += [kit.frame("dark", n, dark_time_s=5.0) for n in range(3, 6)]
    game = Game(kit, frames, kit.Script(rejected={("bias", 0)}))
    darks = [n for n in game.draft if n.kind == "dark" and n.type is NodeType.BUILD]
    assert sorted((n.set_key, n.state) for n in darks) == [("20260101-2s", "done"), ("20260101-5s", "done")]
    assert finished("r", game.draft, []).state == "done with failures"


def test_a_detector_split_off_keeps_the_set_of_the_others(kit):
    frames = kit.frames({"bias": 3}, detectors=(0, 1))
    for number, time_s in enumerate((2.0, 2.0, 2.0, 5.0, 5.0, 5.0)):
        frames += [kit.frame("dark", number, d, dark_time_s=time_s) for d in (0, 1)]
    game = Game(kit, frames, kit.Script(rejected={("bias", 1)}))
    builds = [n for n in game.draft if n.kind == "dark" and n.type is NodeType.BUILD]
    assert sorted((n.set_key, n.detector) for n in builds) == [
        ("20260101", 0),
        ("20260101-2s", 1),
        ("20260101-5s", 1),
    ]
    assert len([job for job in game.of(DecideJob) if job.kind == "dark"]) == 3


def test_too_few_frames_and_frames_without_use_are_named(kit):
    frames = kit.frames({"bias": 2, "science": 5})
    game = Game(kit, frames)
    skipped = {n.kind: n.reason for n in game.draft}
    assert skipped["bias"] == "2 bias frames of detector 0, 3 are needed"
    assert skipped["science"].startswith("5 science frames (science-0-d0.fits, ")
    assert "no rule makes a calibration of them" in skipped["science"]
    done = finished("r", game.draft, ["1 file rejected"])
    assert done.state == "failed"
    assert "1 file rejected" in done.message


def test_too_few_frames_of_one_detector_are_missing_in_the_decision(kit):
    frames = kit.frames({"bias": 3}) + kit.frames({"bias": 1}, detectors=(1,))
    decide = Game(kit, frames).of(DecideJob)[0]
    assert dict(decide.missing) == {1: "1 bias frame of detector 1, 3 are needed"}


@pytest.mark.parametrize(("wish", "told"), [("2", True), ("3", False)])
def test_a_wish_for_fewer_frames_than_the_rule_takes_is_answered_in_words(kit, wish, told):
    request = kit.request(folder="x", parameters={"bias.min_inputs": wish})
    game = Game(kit, kit.frames({"bias": 2}), request=request)
    reason = game.node(NodeType.BUILD, "bias").reason
    assert reason.startswith("2 bias frames of detector 0, 3 are needed")
    assert ("by association.bias.min_frames of " in reason) is told
    assert reason.endswith("which bias.min_inputs=2 does not lower") is told


def test_a_frame_that_is_named_like_a_set_is_left_out_as_a_frame(kit):
    frames = [kit.frame("bias", number, frame_id=f"bias {number}") for number in range(3)]
    frames.append(kit.frame("bias", 0, frame_id="bias 0 again"))
    game = Game(kit, frames)
    (left,) = [node for node in game.draft if node.state is NodeState.SKIPPED]
    assert (left.set_key, left.frames) == ("", ("bias 0 again",))
    assert "is there already as frame bias 0" in left.reason


def test_defects_are_made_of_biases_darks_and_flats_where_they_are_asked_for_and_masked_in_both(kit):
    """In any unit; who does not ask makes none, and nobody is told that there are none."""
    frames = kit.frames({"bias": 3, "dark": 3, "flat": 3})
    usual = Game(kit, frames)
    assert {job.recipe for job in usual.of(CombineJob)} == {"bias", "dark", "flat"}
    assert usual.node(NodeType.BUILD, "flat", key="20260101-r").notes == ()
    request = kit.request(
        folder="x", make=("bias", "defects", "dark", "flat"), parameters={"flat.unit": '"adu"'}
    )
    game = Game(kit, frames, request=request)
    defects = game.build("defects")
    assert exposures_of(defects) == {f"{of}-{n}" for of in ("bias", "dark", "flat") for n in range(3)}
    assert set(roles(defects)) == {"bias"}
    assert (set(roles(game.build("dark"))), set(roles(game.build("flat")))) == (
        {"bias", "defects"},
        {"defects"},
    )
    assert game.certify("defects").state is NodeState.DONE


def test_defects_go_on_with_the_type_that_has_enough_frames(kit):
    request = kit.request(folder="x", make=("defects",))
    game = Game(kit, kit.frames({"dark": 3, "flat": 2}), request=request)
    assert exposures_of(game.build("defects")) == {f"dark-{n}" for n in range(3)}
    (alone,) = [n for n in game.draft if n.state is NodeState.SKIPPED and n.kind == "defects"]
    assert "2 flat frames of detector 0, 3 of a type are needed" in alone.reason
    none = Game(kit, kit.frames({"dark": 2, "flat": 1}), request=request)
    assert none.of(CombineJob) == []
    (alone,) = [n for n in none.draft if n.kind == "defects"]
    assert alone.set_key == "20260101"
    assert "2 dark and 1 flat frames of detector 0, 3 of a type are needed" in alone.reason
