"""Plans as pure functions: what builds on what, and what becomes of it when something fails or is rejected."""

import pytest
from sequencer_game import Game, roles

from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob, VerificationMode
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.rules.validity import ValidityRange
from calibrant.sequencer.plan.model import NodeState, NodeType
from calibrant.sequencer.plan.outcome import finished


def test_a_bias_a_dark_and_a_flat_build_on_one_another(kit):
    game = Game(kit, kit.frames({"bias": 3, "dark": 3, "flat": 3}))
    bias, dark, flat = (game.node(NodeType.BUILD, k, key=s).product for k, s in SETS)
    assert roles(game.build("bias")) == {}
    assert roles(game.build("dark")) == {"bias": bias.product_id}
    assert roles(game.build("flat")) == {"bias": bias.product_id, "dark": dark.product_id}
    assert [game.certify(k, key=s).state for k, s in SETS] == [NodeState.DONE] * 3
    assert all(node.ended for node in game.draft)
    done = finished("run-1", game.draft, [])
    assert (done.state, done.products, done.certified, done.withheld) == ("done", 3, 3, 0)
    measure = next(job for job in game.of(MeasureJob) if job.kind == "flat")
    assert roles(measure) == roles(game.build("flat")) | {"flat": flat.product_id}
    assert (measure.reference, measure.mode) == (flat, VerificationMode.INTERNAL)


SETS = (("bias", "20260101"), ("dark", "20260101"), ("flat", "20260101-r"))


def test_measured_calibrations_in_force_correct_what_is_built_and_what_verifies_it(kit):
    """A gain is measured without gains: by others it would be 1."""
    kinds = ("linearity", "gain")
    certified = [kit.certified_product(kind) for kind in kinds]
    names = {one.product.kind: one.product.product_id for one in certified}
    frames = kit.frames({"flat": 6})
    game = Game(kit, frames, certified=certified)
    assert roles(game.build("flat")) == names
    (measure,) = game.of(MeasureJob)
    assert roles(measure) == names | {
        "flat": game.node(NodeType.BUILD, "flat", key="20260101-r").product.product_id
    }
    assert not game.node(NodeType.BUILD, "flat", key="20260101-r").notes[2:]  # of bias and dark only
    measuring = Game(kit, frames, certified=certified, request=kit.request(folder="x", make=("ptc",)))
    assert roles(measuring.build("ptc")) == {"linearity": names["linearity"]}


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({}, {"linearity", "defects"}),
        ({"flat.brighter_fatter": "true"}, {"linearity", "defects", "bfk"}),
        ({"flat.linearity": "false", "flat.defects": "false", "bfk.linearity": "true"}, set()),
    ],
)
def test_what_a_recipe_would_not_correct_with_is_neither_taken_nor_waited_for(kit, asked, taken):
    certified = [kit.certified_product(kind) for kind in ("linearity", "defects", "bfk")]
    request = kit.request(folder="x", make=("flat",), parameters=asked)
    game = Game(kit, kit.frames({"flat": 3}), certified=certified, request=request)
    assert set(roles(game.build("flat"))) == taken


def test_of_two_kinds_that_take_each_other_one_takes_only_what_was_certified_before(kit):
    frames, make = kit.frames({"flat": 8}), kit.request(folder="x", make=("linearity", "ptc"))
    before = kit.certified_product("ptc")
    since = before.model_copy(update={"recorded_tai_ns": 1})
    for certified, taken in (((), ()), ((before,), (before,)), ((since,), ())):
        game = Game(kit, frames, certified=certified, request=make)
        made = game.node(NodeType.BUILD, "linearity").product.product_id
        assert roles(game.build("linearity")) == {one.product.kind: one.product.product_id for one in taken}
        assert roles(game.build("ptc"))["linearity"] == made


def test_dependents_wait_for_the_decision_of_their_input(kit):
    game = Game(kit, kit.frames({"bias": 3, "dark": 3}))
    order = [
        (type(job).__name__, getattr(job, "recipe", "") or getattr(job, "kind", "")) for job in game.jobs
    ]
    assert order.index(("CombineJob", "dark")) > order.index(("DecideJob", "bias"))


def test_a_waiting_dark_names_what_it_waits_for(kit):
    game = Game(kit, kit.frames({"bias": 3, "dark": 3}), script=Silent())
    decide = game.node(NodeType.DECIDE, "bias", None)
    assert game.node(NodeType.BUILD, "dark").depends == (decide.node_id,)
    assert [type(job) for job in game.jobs] == [CombineJob]


class Silent:
    def answer(self, _job):
        return []


def test_flats_without_darks_go_on_and_say_so(kit):
    game = Game(kit, kit.frames({"bias": 3, "flat": 3}))
    assert set(roles(game.build("flat"))) == {"bias"}
    head = game.node(NodeType.BUILD, "flat", key="20260101-r")
    assert [note.split(":")[0] for note in head.notes] == ["made without a dark"]
    assert finished("r", game.draft, []).certified == 2


def test_what_flats_are_made_without_for_one_reason_is_one_note(kit):
    game = Game(kit, kit.frames({"flat": 3}))
    (note,) = game.node(NodeType.BUILD, "flat", key="20260101-r").notes
    assert note.startswith(("made without a dark, a bias: ", "made without a bias, a dark: "))


def test_an_unscaled_dark_of_another_time_is_not_used(kit):
    flats = kit.frames({"flat": 3}, dark_time_s=9.0)
    game = Game(kit, kit.frames({"dark": 3}) + flats)
    head = game.node(NodeType.BUILD, "flat", key="20260101-r")
    assert roles(game.build("flat")) == {}
    assert any("dark time of 2 s, the set has 9 s" in note for note in head.notes)


def test_a_rejected_bias_is_replaced_by_a_certified_one(kit):
    old = kit.certified_product("bias")
    script = kit.Script(rejected={("bias", 0)})
    game = Game(kit, kit.frames({"bias": 3, "dark": 3}), script, certified=[old])
    assert roles(game.build("dark")) == {"bias": old.product.product_id}
    assert "bias 20260101: rejected: too noisy" in game.node(NodeType.BUILD, "dark").notes[0]
    assert (game.certify("bias").state, game.certify("bias").reason) == (NodeState.WITHHELD, "too noisy")


def test_a_bias_rejected_in_one_detector_leaves_the_other_alone(kit):
    frames = kit.frames({"bias": 3, "dark": 3}, detectors=(0, 1))
    game = Game(kit, frames, kit.Script(rejected={("bias", 1)}))
    assert (set(roles(game.build("dark", 0))), set(roles(game.build("dark", 1)))) == ({"bias"}, set())
    assert game.certify("bias", 0).state is NodeState.DONE
    assert game.certify("bias", 1).state is NodeState.WITHHELD
    certify = [job for job in game.of(CertifyJob) if job.products[0].kind == "bias"]
    assert [[p.detector for p in job.products] for job in certify] == [[0]]


def test_a_failed_build_is_missing_in_the_decision_and_withheld(kit):
    frames = kit.frames({"bias": 3}, detectors=(0, 1))
    game = Game(kit, frames, kit.Script(broken={("bias", 1)}))
    decide = game.of(DecideJob)[0]
    assert dict(decide.missing) == {1: "not built: saturated"}
    assert game.certify("bias", 1).state is NodeState.WITHHELD
    assert "saturated" in game.certify("bias", 1).reason
    assert game.certify("bias", 0).state is NodeState.DONE
    done = finished("r", game.draft, [])
    assert (done.products, done.certified, done.withheld) == (1, 1, 0)  # what was never made is not withheld
    assert done.message.startswith("1 product made, 1 certified, 0 withheld, 1 failed")


def test_nothing_measured_means_nothing_decided(kit):
    game = Game(kit, kit.frames({"bias": 3}), kit.Script(broken={("bias", 0)}))
    assert game.of(DecideJob) == []
    assert game.node(NodeType.DECIDE, "bias", None).state is NodeState.SKIPPED
    assert finished("r", game.draft, []).state == "failed"


def required_bias():
    dark = DEFAULT_RULES.rule_for("dark")
    role = dark.roles[0].model_copy(update={"required": True})
    return DEFAULT_RULES.replaced(dark.model_copy(update={"roles": (role,)}))


def test_a_missing_required_input_ends_its_branch_only(kit):
    game = Game(kit, kit.frames({"dark": 3, "flat": 3}), rules=required_bias())
    dark = game.node(NodeType.BUILD, "dark")
    assert dark.state is NodeState.SKIPPED
    assert dark.reason.startswith("needs a bias: no bias for detector 0")
    assert game.certify("dark").state is NodeState.SKIPPED
    assert game.certify("flat", key="20260101-r").state is NodeState.DONE
    assert "needs a bias" in game.node(NodeType.BUILD, "flat", key="20260101-r").notes[1]


def test_a_refused_certification_is_withheld_but_its_product_is_used(kit):
    game = Game(kit, kit.frames({"bias": 3, "dark": 3}), kit.Script(conflicts={("bias", 0)}))
    assert game.certify("bias").reason == "bias-old is certified then"
    assert set(roles(game.build("dark"))) == {"bias"}


def test_external_verification_builds_and_certifies_nothing(kit):
    bias = kit.certified_product("bias")
    dark = kit.certified_product("dark", per_second=True, calibrations=(bias.product.product_id,))
    request = kit.request(folder="x", generate=False)
    frames = kit.frames({"bias": 3, "dark": 3, "flat": 3})
    game = Game(kit, frames, request=request, certified=[bias, dark])
    assert not game.of(CombineJob)
    assert not game.of(CertifyJob)
    measures = {job.kind: job for job in game.of(MeasureJob)}
    assert set(measures) == {"bias", "dark"}
    assert measures["dark"].mode is VerificationMode.EXTERNAL
    assert measures["dark"].reference == dark.product
    assert roles(measures["dark"]) == {"bias": bias.product.product_id, "dark": dark.product.product_id}
    flat = game.node(NodeType.MEASURE, "flat", key="20260101-r")
    assert flat.state is NodeState.SKIPPED
    assert flat.reason.startswith("needs a flat: no flat for detector 0")
    assert finished("r", game.draft, []).state == "done"


def test_a_linearity_is_verified_though_the_ptc_that_it_was_made_with_was_followed_by_one_made_with_it(kit):
    linearity = kit.certified_product("linearity", calibrations=("ptc-older0000000",))
    request = kit.request(folder="x", generate=False, make=("linearity",))
    game = Game(
        kit, kit.frames({"flat": 8}), request=request, certified=[linearity, kit.certified_product("ptc")]
    )
    (measure,) = game.of(MeasureJob)
    assert roles(measure) == {"linearity": linearity.product.product_id}


@pytest.mark.parametrize(
    ("made_with", "used", "said"),
    [
        (("bias-bias00000000",), {"bias": "bias-bias00000000"}, ""),
        ((), {}, ""),
        (("bias-older0000000",), None, "needs a bias: dark-dark00000000 was made with bias-older0000000"),
    ],
    ids=["what it was made with, though it applies later", "made without", "what is not in force"],
)
def test_frames_are_corrected_as_the_product_that_they_verify_was_made(kit, made_with, used, said):
    bias = kit.certified_product("bias")
    later = ValidityRange(begin_tai_ns=bias.range.end_tai_ns)
    dark = kit.certified_product("dark", per_second=True, calibrations=made_with)
    request = kit.request(folder="x", generate=False)
    certified = [bias.model_copy(update={"range": later}) if used else bias, dark]
    game = Game(kit, kit.frames({"dark": 3}), request=request, certified=certified)
    measures = [roles(job) for job in game.of(MeasureJob)]
    assert measures == ([] if used is None else [used | {"dark": "dark-dark00000000"}])
    assert game.node(NodeType.MEASURE, "dark").reason.startswith(said)
