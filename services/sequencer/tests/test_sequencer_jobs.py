"""What a plan asks of the workers: parameters, gate, rules and validity, and the identity of a job."""

from dataclasses import replace

import pytest
from sequencer_game import Game, roles

from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import TaiTime, TimeRange
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob
from calibrant.rules.comparing import ComparisonRules
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.trends import TrendRules
from calibrant.rules.version import verification_version
from calibrant.sequencer.plan import jobs
from calibrant.sequencer.plan.gating import gate_in_force
from calibrant.sequencer.plan.jobs import validity_of
from calibrant.sequencer.plan.memory import PIXEL_BYTES, Footprint
from calibrant.sequencer.plan.model import NodeType
from calibrant.sequencer.plan.parameters import combining, with_usual
from calibrant.sequencer.plan.sources import SOURCE_IMAGES

DAY = 86_400 * 10**9


@pytest.mark.parametrize(
    ("settings", "instrument", "asked", "expected"),
    [
        ({}, {}, {}, ("majority", 8, "default-1")),
        ({"rule": "any"}, {}, {}, ("any", 8, "settings-1")),
        ({"rule": "any"}, {"failed_tests": 4, "rule": "majority"}, {}, ("majority", 4, "simcam-1.0.0")),
        ({}, {"failed_tests": 4}, {"gate.rule": '"any"'}, ("any", 4, "as the run asked")),
        ({}, {}, {"gate.version": '"mine"', "gate.failed_tests": "3"}, ("majority", 3, "mine")),
    ],
)
def test_the_gate_is_the_runs_else_the_instruments_else_that_of_the_settings(
    kit, settings, instrument, asked, expected
):
    request = kit.request(folder="x", parameters=asked)
    gate = gate_in_force(settings, ("simcam-1.0.0", instrument), request)
    assert (gate.rule, gate.failed_tests, gate.version) == expected


def test_the_gate_goes_with_the_decision_and_is_part_of_its_identity(kit):
    game = Game(kit, kit.frames({"bias": 3}))
    plain, measured = game.of(DecideJob)[0], game.of(MeasureJob)[0]
    assert plain.gate.rule == "majority"
    strict = replace(game.ground, gate=GateThresholds(rule="any"))
    decide = game.node(NodeType.DECIDE, "bias", None)
    job = jobs.decide_job(strict, decide, game.draft.of(NodeType.MEASURE, "bias"), {})
    assert job.gate.rule == "any"
    assert job.job_id != plain.job_id
    assert measured.job_id in {one.id for one in job.inputs}


@pytest.mark.parametrize(
    "other", [{"comparison": ComparisonRules(act="fall back")}, {"trends": TrendRules(limit=3.0)}], ids=str
)
def test_a_set_that_comes_again_under_other_rules_of_assessment_is_decided_anew(kit, other):
    game = Game(kit, kit.frames({"bias": 3}))
    decide, measures = game.node(NodeType.DECIDE, "bias", None), game.draft.of(NodeType.MEASURE, "bias")
    ids = [
        jobs.decide_job(ground, decide, measures, {}).job_id
        for ground in (game.ground, replace(game.ground, **other))
    ]
    assert ids[0] == game.of(DecideJob)[0].job_id
    assert ids[1] != ids[0]


def test_parameters_reach_their_recipe_and_the_measurement(kit):
    front = {"overscan": '"none"', "parallel_overscan": '"median"', "linearity": "false", "defects": "false"}
    own = {"unit": '"adu"', **front, "sigma": "4"}
    parameters = {f"bias.{name}": value for name, value in own.items()} | {"dark.sigma": "5"}
    game = Game(kit, kit.frames({"bias": 3}), request=kit.request(folder="x", parameters=parameters))
    job, measure = game.build("bias"), game.of(MeasureJob)[0]
    assert dict(job.parameters) == own
    assert (measure.unit, dict(measure.parameters)) == ("adu", front)
    assert game.build("bias").job_id != Game(kit, kit.frames({"bias": 3})).build("bias").job_id


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"sigma": "4", "statistic": '"mean"', "min_inputs": "5"}),
        ({"parameters": {"bias.sigma": "3"}}, {"sigma": "3", "statistic": '"mean"', "min_inputs": "5"}),
        ({"min_frames": {"bias": 2}}, {"sigma": "4", "statistic": '"mean"', "min_inputs": "2"}),
    ],
)
def test_what_a_run_does_not_ask_for_is_as_its_instrument_has_it(kit, asked, expected):
    usual = DEFAULT_RULES.rules[0].model_copy(
        update={"parameters": {"sigma": 4, "statistic": "mean", "min_inputs": 5}}
    )
    request = with_usual(kit.request(folder="x", **asked), DEFAULT_RULES.replaced(usual))
    assert combining(request, "bias") == expected
    assert combining(request, "dark") == {}


def test_products_in_another_unit_are_not_mixed(kit):
    request = kit.request(folder="x", parameters={"bias.unit": '"adu"'})
    game = Game(kit, kit.frames({"bias": 3, "dark": 3}), request=request)
    assert roles(game.build("dark")) == {}
    assert "made in adu, the set is processed in electron" in game.node(NodeType.BUILD, "dark").notes[0]


def test_the_same_frames_give_the_same_jobs_in_another_run(kit):
    frames = kit.frames({"bias": 3, "dark": 3})
    one, two = Game(kit, frames), Game(kit, frames[::-1], request=kit.request("run-2", folder="x"))
    computed = (CombineJob, MeasureJob, DecideJob)
    ids = [[j.job_id for j in g.jobs if isinstance(j, computed)] for g in (one, two)]
    assert ids[0] == ids[1]
    assert {j.job_id for j in one.of(CertifyJob)}.isdisjoint(j.job_id for j in two.of(CertifyJob))


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (None, None, (0, DAY)),
        (5, None, (5, 5 + DAY)),
        (None, 7, (0, 7)),
        (5, 9, (5, 9)),
    ],
)
def test_missing_sides_of_the_validity_range_come_from_the_rule(kit, begin, end, expected):
    sides = {"begin": begin, "end": end}
    asked = TimeRange(**{k: TaiTime.from_ns(v) for k, v in sides.items() if v is not None})
    got = validity_of(kit.request(validity=asked), DEFAULT_RULES.rule_for("bias"), 0)
    assert (got.begin.ns, got.end.ns) == expected


def test_a_range_that_ends_before_the_frames_is_withheld_with_the_reason(kit):
    request = kit.request(folder="x", validity=TimeRange(end=TaiTime.from_ns(kit.t0 - DAY)))
    game = Game(kit, kit.frames({"bias": 3}), request=request)
    assert game.of(CertifyJob) == []
    assert "end before it begins" in game.certify("bias").reason


def test_other_rules_of_verification_are_other_measurements_and_decisions(kit, monkeypatch):
    frames = kit.frames({"bias": 3})
    before = Game(kit, frames)
    monkeypatch.setattr(jobs, "verification_version", lambda: "other")
    after = Game(kit, frames)
    for kind in (MeasureJob, DecideJob):
        (old,), (new,) = before.of(kind), after.of(kind)
        assert (old.rules_version, new.rules_version) == (verification_version(), "other")
        assert old.job_id != new.job_id
    assert before.of(CombineJob) == after.of(CombineJob)


def test_frames_of_detectors_that_may_leak_into_one_go_with_its_crosstalk_and_with_what_it_corrects(kit):
    frames = kit.frames({"bias": 3, "spot": 4, "flat": 5}, detectors=(0, 1, 2))
    frames = [one for one in frames if one.frame_id != "spot-3-d1"]
    first = next(one for one in frames if one.frame_id == "spot-0-d1")
    frames.append(first.model_copy(update={"frame_id": "spot-0-d1-again"}))
    request = kit.request(folder="x", make=("bias", "crosstalk", "flat"), parameters={"flat.hold_out": "2"})
    groups = {0: (1,), 1: (0,), 2: ()}
    shared = {"leaking_into": groups.__getitem__, "footprint": Footprint(dict.fromkeys(groups, (100, 200)))}
    game = Game(kit, frames, request=request, ground=shared)

    def sources(job):
        return [one.id for one in job.inputs if one.role == "sources"]

    def measured(kind, detector, played=game):
        return next(one for one in played.of(MeasureJob) if (one.kind, one.detector) == (kind, detector))

    assert sources(game.build("crosstalk", 0)) == ["spot-0-d1", "spot-1-d1", "spot-2-d1"]
    assert sources(game.build("crosstalk", 1)) == ["spot-0-d0", "spot-1-d0", "spot-2-d0"]
    for job in (game.build("flat", 0), measured("flat", 0)):
        own = [one.id for one in job.inputs if one.role == "frames"]
        assert sources(job) == [name.replace("d0", "d1") for name in own]
        assert {one.exposure_id for one in job.inputs if one.role == "sources"} <= {
            one.exposure_id for one in job.inputs if one.role == "frames"
        }
    without = [game.build("bias", 0), *(game.build(kind, 2) for kind in ("crosstalk", "flat"))]
    without += [measured("bias", 0), measured("crosstalk", 0), measured("flat", 2)]
    assert [sources(job) for job in without] == [[]] * 6
    alone = Game(kit, frames, request=request, ground={"footprint": shared["footprint"]})
    assert alone.build("crosstalk", 0).job_id != game.build("crosstalk", 0).job_id
    assert alone.build("crosstalk", 2).job_id == game.build("crosstalk", 2).job_id
    images = SOURCE_IMAGES * PIXEL_BYTES * 100 * 200
    for job, plain in [
        (game.build("flat", 0), alone.build("flat", 0)),
        (measured("flat", 0), measured("flat", 0, alone)),
    ]:
        assert job.memory_bytes - plain.memory_bytes == images
    together = {0: (1, 2), 1: (0, 2), 2: (0, 1)}.__getitem__
    three = Game(kit, frames, request=request, ground=shared | {"leaking_into": together})
    for kind, held in (("flat", 1), ("crosstalk", 2)):  # taken out one after the other, measured all at once
        more = three.build(kind, 0).memory_bytes - alone.build(kind, 0).memory_bytes
        assert more == held * images
    kept = kit.request(folder="x", make=("bias", "crosstalk", "flat"), parameters={"flat.crosstalk": "false"})
    assert sources(Game(kit, frames, request=kept, ground=shared).build("flat", 0)) == []
