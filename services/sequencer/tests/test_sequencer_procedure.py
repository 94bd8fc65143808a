"""The requirements of Rubin's procedure, and the faults of its script, as far as a plan's order and outcomes go."""

import pytest
from sequencer_game import Game, roles

from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob, VerificationMode
from calibrant.sequencer.plan.model import NodeState, NodeType

FRAMES = {"bias": 3, "dark": 3, "flat": 6}


@pytest.fixture
def kit(makers):
    """Needs no database."""
    return makers


def first_of(game, job_type, kind):
    """Give the place of the first job of a kind among all that were sent."""
    kinds = [(type(job), getattr(job, "recipe", getattr(job, "kind", ""))) for job in game.jobs]
    return kinds.index((job_type, kind))


def certified_at(game, kind):
    products = [job.products[0].kind if isinstance(job, CertifyJob) else "" for job in game.jobs]
    return products.index(kind)


def test_r6_combined_frames_defects_and_a_ptc_are_made(kit):
    kinds = ("bias", "dark", "flat", "defects", "ptc")
    game = Game(kit, kit.frames(FRAMES), request=kit.request(folder="x", make=kinds))
    assert {job.recipe for job in game.of(CombineJob)} == set(kinds)


def test_r15_both_modes_measure_by_the_same_tests(kit):
    frames, certified = kit.frames({"bias": 3}), [kit.certified_product("bias")]
    external = kit.request(folder="x", generate=False)
    games = (Game(kit, frames), Game(kit, frames, request=external, certified=certified))
    measured = [game.of(MeasureJob)[0] for game in games]
    assert len({(job.kind, job.rules_version, str(job.parameters)) for job in measured}) == 1
    assert {tuple(one.id for one in job.inputs if one.role == "frames") for job in measured} == {
        ("bias-0-d0", "bias-1-d0", "bias-2-d0")
    }


def test_r25_d7_each_job_waits_until_what_it_needs_is_verified(kit):
    game = Game(kit, kit.frames(FRAMES))
    for needed, kind in (("bias", "dark"), ("dark", "flat")):
        assert first_of(game, DecideJob, needed) < first_of(game, CombineJob, kind)
    assert set(roles(game.build("flat"))) == {"bias", "dark"}


def test_r10_r21_d12_defects_and_ptc_are_verified_before_they_are_certified(kit):
    request = kit.request(folder="x", make=("bias", "dark", "flat", "defects", "ptc"))
    game = Game(kit, kit.frames(FRAMES), request=request)
    for kind in ("defects", "ptc"):
        assert first_of(game, MeasureJob, kind) < first_of(game, DecideJob, kind) < certified_at(game, kind)


@pytest.mark.parametrize("kind", ["defects", "ptc"])
def test_r21_d12_defects_and_ptc_that_fail_are_not_certified(kit, kind):
    request = kit.request(folder="x", make=("bias", "dark", "flat", kind))
    game = Game(kit, kit.frames(FRAMES), kit.Script(rejected={(kind, 0)}), request=request)
    assert kind not in {job.products[0].kind for job in game.of(CertifyJob)}
    assert [node.state for node in game.draft.of(NodeType.CERTIFY, kind)] == [NodeState.WITHHELD]


def test_r8_r13_internal_verification_has_the_single_frames_and_what_was_made_of_them(kit):
    game = Game(kit, kit.frames({"bias": 3}))
    (measure,) = game.of(MeasureJob)
    assert (measure.mode, measure.reference.product_id) == (
        VerificationMode.INTERNAL,
        game.node(NodeType.BUILD, "bias").product.product_id,
    )
    assert [one.id for one in measure.inputs if one.role == "frames"] == [f"bias-{n}-d0" for n in range(3)]


def test_r14_external_verification_has_what_is_in_force_and_certifies_nothing(kit):
    certified = [kit.certified_product("bias")]
    game = Game(
        kit, kit.frames({"bias": 3}), request=kit.request(folder="x", generate=False), certified=certified
    )
    (measure,) = game.of(MeasureJob)
    assert (measure.mode, measure.reference) == (VerificationMode.EXTERNAL, certified[0].product)
    assert game.of(CombineJob) == game.of(CertifyJob) == []


def test_r19_what_fails_verification_is_not_certified_and_says_why(kit):
    game = Game(kit, kit.frames({"bias": 3}), kit.Script(rejected={("bias", 0)}))
    assert game.of(CertifyJob) == []
    assert (game.certify("bias").state, game.certify("bias").reason) == (NodeState.WITHHELD, "too noisy")


def test_d5_flats_of_every_filter_are_verified_and_certified(kit):
    """The script asks for the statistics of flats without a filter, and certifies none."""
    flats = [kit.frame("flat", number, filter="rg"[number // 3]) for number in range(6)]
    game = Game(kit, flats)
    assert {job.set_key for job in game.of(DecideJob)} == {"20260101-r", "20260101-g"}
    assert {job.products[0].filter for job in game.of(CertifyJob)} == {"r", "g"}


def test_d8_d13_a_job_that_fails_is_told_and_is_no_pass(kit):
    game = Game(kit, kit.frames({"bias": 3}), kit.Script(broken={("bias", 0)}))
    assert game.node(NodeType.BUILD, "bias").state is NodeState.FAILED
    assert game.certify("bias").state is NodeState.WITHHELD
    assert "not built: saturated" in game.certify("bias").reason


def test_d11_a_frame_that_never_came_is_in_no_job(kit):
    frames = [frame for frame in kit.frames({"bias": 4}) if frame.frame_id != "bias-2-d0"]
    game = Game(kit, frames)
    asked = {one.id for job in (*game.of(CombineJob), *game.of(MeasureJob)) for one in job.inputs}
    assert {name for name in asked if name.startswith("bias-") and name.endswith("-d0")} == {
        f"bias-{number}-d0" for number in (0, 1, 3)
    }
