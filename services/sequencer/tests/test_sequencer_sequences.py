"""What a sequence asks of a plan: exposures discarded, validity from the run's start, a gate of each kind, kinds to build."""

import pytest
from sequencer_game import Game, roles

from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import TaiTime, TimeRange
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob, VerificationMode
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.sequencer.exposures import problem_of, said_of_images
from calibrant.sequencer.plan.choosing import Choice, choose
from calibrant.sequencer.plan.gating import check_gate
from calibrant.sequencer.plan.model import NodeState, NodeType
from calibrant.sequencer.plan.places import all_searched, searched_for
from calibrant.sequencer.plan.ruling import rules_for

DAY = 86_400 * 10**9


@pytest.fixture
def kit(makers):
    """Needs no database."""
    return makers


def asked(kit, image_type, *times_s, discard):
    return kit.exposures(image_type, *times_s).model_copy(update={"discard": discard})


def test_the_first_exposures_are_in_no_set_and_are_named(kit):
    request = kit.request(exposures=(asked(kit, "BIAS", *(0.0,) * 5, discard=2),))
    game = Game(kit, kit.frames({"bias": 5}, detectors=(0, 1)), request=request)
    assert [one.id for one in game.build("bias").inputs] == [f"bias-{n}-d0" for n in (2, 3, 4)]
    left = [node for node in game.draft if node.state is NodeState.SKIPPED]
    assert [node.frames for node in left] == [("bias-0-d0", "bias-0-d1", "bias-1-d0", "bias-1-d1")]
    assert (
        "4 bias frames (bias-0-d0.fits, bias-0-d1.fits, bias-1-d0.fits and 1 more) discarded"
        in left[0].reason
    )


def test_where_the_first_exposure_failed_the_next_of_its_kind_is_discarded(kit):
    """Of two lists of flats each has its own first one; the one of 7 s never came."""
    wanted = (
        asked(kit, "FLAT", 2.0, 2.0, discard=1),
        asked(kit, "FLAT", 7.0, 7.0, 7.0, discard=1),
        asked(kit, "DARK", 2.0, discard=None),
    )
    times_s = (2.0, 2.0, 7.0, 7.0)
    frames = [kit.frame("flat", number, exposure_time_s=one) for number, one in enumerate(times_s)]
    frames.append(kit.frame("dark", 9))
    by_id = {frame.frame_id: frame for frame in frames}
    assert choose(by_id, kit.request(exposures=wanted)) == Choice(frozenset({"flat-0-d0", "flat-2-d0"}))
    assert choose(by_id, kit.request(exposures=())) == Choice()


def test_of_a_folder_what_a_sequence_asks_for_is_chosen_and_what_is_not_there_is_told(kit):
    """Flats of the time that is asked for come before others, though they are later; the rest is left out."""
    wanted = (
        asked(kit, "BIAS", 0.0, 0.0, 0.0, 0.0, discard=1),
        asked(kit, "FLAT", 5.0, 5.0, 5.0, discard=None),
    )
    times_s = (2.0, 2.0, 2.0, 5.0)
    flats = [kit.frame("flat", number, exposure_time_s=one) for number, one in enumerate(times_s)]
    others = [kit.frame("flat", 9, filter="g"), kit.frame("dark", 1)]
    frames = {frame.frame_id: frame for frame in (*kit.frames({"bias": 3}, (0, 1)), *flats, *others)}
    choice = choose(frames, kit.request(exposures=wanted, folder="x"))
    assert choice.discarded == {"bias-0-d0", "bias-0-d1"}
    assert choice.not_asked == {"flat-2-d0", "flat-9-d0", "dark-1-d0"}
    assert choice.told == (
        "BIAS: 3 of 4 exposures are there",
        "FLAT r: 2 exposures have 2 s in place of the 5 s asked for",
    )


def test_flats_of_two_filters_in_one_run_are_two_sets_each_without_its_first_one(kit):
    flat = asked(kit, "FLAT", *(2.0,) * 4, discard=1)
    request = kit.request(exposures=[flat.model_copy(update={"filter": name}) for name in "rg"])
    game = Game(
        kit, [kit.frame("flat", number, filter="rg"[number // 4]) for number in range(8)], request=request
    )
    made = {job.filter: [one.id for one in job.inputs if one.role == "frames"] for job in game.of(CombineJob)}
    assert made == {
        "r": [f"flat-{number}-d0" for number in (1, 2, 3)],
        "g": [f"flat-{number}-d0" for number in (5, 6, 7)],
    }


@pytest.mark.parametrize("discard", [-1, 2])
def test_one_exposure_at_least_is_kept(kit, discard):
    said = problem_of(asked(kit, "BIAS", 0.0, 0.0, discard=discard), ["bias"])
    assert said == f"BIAS: discard {discard} of 2 exposures: leave at least one"


def ranges(kit, frames, **fields):
    game = Game(kit, frames, request=kit.request(folder="x", **fields))
    return {
        job.products[0].kind: (job.validity.begin.ns - kit.t0, job.validity.end.ns - kit.t0)
        for job in game.of(CertifyJob)
    }


def test_r11_r12_d9_all_of_a_run_is_valid_for_one_day_from_its_start(kit):
    """Not from 1950 to 2050, where the second certification of a kind would be in conflict with the first."""
    frames = kit.frames({"bias": 3, "dark": 3})
    assert ranges(kit, frames, valid_for_s=86_400) == {"bias": (0, DAY), "dark": (0, DAY)}
    begin, end = (TaiTime.from_ns(kit.t0 + one) for one in (5, 7))
    assert ranges(kit, frames, valid_for_s=86_400, validity=TimeRange(begin=begin))["dark"] == (5, 5 + DAY)
    assert ranges(kit, frames, valid_for_s=86_400, validity=TimeRange(end=end))["dark"] == (0, 7)


def test_r20_each_kind_has_a_threshold_of_its_own(kit):
    parameters = {"gate.bias.failed_tests": "4", "gate.failed_tests": "6"}
    game = Game(
        kit, kit.frames({"bias": 3, "dark": 3}), request=kit.request(folder="x", parameters=parameters)
    )
    assert {job.kind: job.gate.failed_tests for job in game.of(DecideJob)} == {"bias": 4, "dark": 8}
    assert not any("gate" in name for job in game.of(CombineJob) for name in job.parameters)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gate.bais.failed_tests", "gate.bais: write gate.FIELD, or gate.KIND.FIELD"),
        ("gate.bias.failed", "the gate has no 'failed'; do you mean 'failed_tests'"),
        ("gate.failed_tests", "failed_tests: 0"),
    ],
)
def test_a_wrong_word_about_the_gate_is_named(name, said):
    with pytest.raises(ValueError, match=said):
        check_gate({"gate.bias.failed_tests": "3", "bias.sigma": "4", name: "0"}, ["bias", "dark"])


def test_r7_what_is_built_without_generating_takes_what_is_in_force(kit):
    """Biases are verified against the one in force, of which, too, the gains are made that were asked for."""
    certified = [kit.certified_product(kind) for kind in ("bias", "flat")]
    request = kit.request(folder="x", generate=False, make=("bias", "flat"), build=("gain",))
    game = Game(kit, kit.frames({"bias": 3, "flat": 6}), request=request, certified=certified)
    bias = certified[0].product.product_id
    assert [job.recipe for job in game.of(CombineJob)] == ["gain"]
    assert roles(game.build("gain")) == {"bias": bias}
    modes = {job.kind: job.mode for job in game.of(MeasureJob)}
    internal, external = VerificationMode.INTERNAL, VerificationMode.EXTERNAL
    assert modes == {"bias": external, "flat": external, "gain": internal}
    assert [job.products[0].kind for job in game.of(CertifyJob)] == ["gain"]
    assert game.draft.of(NodeType.CERTIFY, "bias") == []


def test_r9_calibrations_are_looked_up_where_the_run_says_by_kind(kit):
    """What a dark is made with is searched in the run's own collection first; what verifies it elsewhere alone."""
    request = kit.request(
        input_collections={"dark": "a, b"}, verify_collections={"dark": "b,a"}, collection="own"
    )
    assert searched_for(request, "dark", builds=True) == ("own", "a", "b")
    assert searched_for(request, "dark", builds=False) == ("b", "a")
    assert searched_for(request, "bias", builds=True) == ("own",)
    assert searched_for(request, "bias", builds=False) == ("own",)
    assert all_searched(request) == ("own", "a", "b")


@pytest.mark.parametrize("places", [("b", "a"), ("a",), ("none",)])
def test_r9_the_reference_is_the_one_of_the_collection_that_is_searched_first(kit, places):
    found = {name: kit.certified_product("bias", product_id=f"bias-of-{name}") for name in ("a", "b")}
    request = kit.request(folder="x", generate=False, verify_collections={"bias": ",".join(places)})
    ground = {"elsewhere": lambda *names: lambda *_subject: [found[name] for name in names if name in found]}
    game = Game(kit, kit.frames({"bias": 3}), request=request, ground=ground)
    references = [job.reference.product_id for job in game.of(MeasureJob)]
    assert references == [f"bias-of-{name}" for name in places[:1] if name in found]


def test_only_frames_of_the_detectors_that_are_asked_for_are_used(kit):
    game = Game(
        kit, kit.frames({"bias": 3}, detectors=(0, 1)), request=kit.request(folder="x", detectors=(1,))
    )
    assert [job.detector for job in game.of(CombineJob)] == [1]
    (left,) = [node for node in game.draft if node.state is NodeState.SKIPPED]
    assert left.reason.endswith(": the run is of detectors 1 alone")


def test_what_is_not_verified_is_used_within_the_run_and_certified_nowhere(kit):
    request = kit.request(folder="x", skip_verification=True)
    game = Game(kit, kit.frames({"bias": 3, "dark": 3, "flat": 2}), request=request)
    bias = game.node(NodeType.BUILD, "bias").product.product_id
    assert roles(game.build("dark")) == {"bias": bias}
    assert all(isinstance(job, CombineJob) for job in game.jobs)
    told = {node.kind: (node.state, node.reason) for node in game.draft.of(NodeType.CERTIFY, "bias")}
    assert told == {"bias": (NodeState.WITHHELD, "not verified, as asked")}
    assert all(node.ended for node in game.draft)


def test_a_failed_build_that_was_not_to_be_verified_ends_its_branch(kit):
    script = kit.Script(broken={("bias", 0)})
    request = kit.request(folder="x", skip_verification=True)
    game = Game(kit, kit.frames({"bias": 3}), script, request=request)
    assert game.certify("bias").reason.startswith("not built: ")
    assert all(node.ended for node in game.draft)


def test_frames_that_are_neither_to_be_made_to_anything_nor_verified_are_only_taken(kit):
    request = kit.request(folder="x", generate=False, skip_verification=True)
    game = Game(kit, kit.frames({"bias": 3}), request=request)
    assert game.jobs == []
    assert [node.reason.rpartition(": ")[2] for node in game.draft] == [
        "neither made to anything nor verified, as asked"
    ]


def test_fewer_frames_are_enough_where_the_run_says_so_and_named_where_they_are_not(kit):
    frames = kit.frames({"bias": 2, "dark": 3})
    request = kit.request(folder="x", min_frames={"bias": 2, "dark": 4})
    rules = rules_for(request, DEFAULT_RULES)
    game = Game(kit, frames, request=request, rules=rules)
    assert [(job.recipe, dict(job.parameters)) for job in game.of(CombineJob)] == [
        ("bias", {"min_inputs": "2"})
    ]
    (short,) = [node for node in game.draft if node.kind == "dark" and node.state is NodeState.SKIPPED]
    assert "3" in short.reason
    assert "4" in short.reason


@pytest.mark.parametrize("script", [{"rejected": {("bias", 0)}}, {"broken": {("bias", 0)}}])
def test_r18_nothing_is_made_in_place_of_what_is_not_accepted_where_the_run_stops_on_failure(kit, script):
    """Detector 1 goes on; without the wish, detector 0 goes on, too, with the bias in force."""
    frames = kit.frames({"bias": 3, "dark": 3}, detectors=(0, 1))
    certified = [kit.certified_product("bias")]
    made = {}
    for stop in (True, None):
        request = kit.request(folder="x", stop_on_failure=stop)
        game = Game(kit, frames, kit.Script(**script), request=request, certified=certified)
        made[stop] = [job.detector for job in game.of(CombineJob) if job.recipe == "dark"]
        if stop:
            reason = game.node(NodeType.BUILD, "dark").reason
    assert made == {True: [1], None: [0, 1]}
    assert reason.startswith("needs a bias: bias 20260101 of this run is not accepted (")
    assert reason.endswith("), and the run stops on failure")


def test_r18_what_the_rules_may_use_and_do_not_need_stops_nothing(kit):
    frames = kit.frames({"bias": 3, "dark": 3, "flat": 3})
    request = kit.request(folder="x", stop_on_failure=True, make=("bias", "defects", "dark", "flat"))
    game = Game(kit, frames, kit.Script(rejected={("defects", 0)}), request=request)
    made = [job.recipe for job in game.of(CombineJob)]
    assert made == ["bias", "defects", "dark", "flat"]
    assert "defects" not in roles(game.build("flat"))
    needed = [rule.kind for rule in DEFAULT_RULES.rules if DEFAULT_RULES.needs(rule.kind)]
    assert needed == ["bias", "dark", "flat"]


def test_what_is_said_of_images_keeps_its_commas():
    said = {"program": "BLOCK-1", "reason": "new lamp, old shutter"}
    text = said_of_images(said)
    assert text == "program: BLOCK-1, reason: new lamp\\, old shutter"
    assert said_of_images({}) is None
