"""Plans as pure functions: no database, no bus; the workers' answers come from a script."""

from dataclasses import replace

import pytest

from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import TaiTime, TimeRange
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob, VerificationMode
from calibrant.rules.comparing import ComparisonRules
from calibrant.rules.rulesets import DEFAULT_RULES
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.trends import TrendRules
from calibrant.rules.version import verification_version
from calibrant.sequencer.plan import jobs
from calibrant.sequencer.plan.gating import gate_in_force
from calibrant.sequencer.plan.jobs import validity_of
from calibrant.sequencer.plan.model import Draft, Ground, NodeState, NodeType
from calibrant.sequencer.plan.outcome import finished
from calibrant.sequencer.plan.progress import advance
from calibrant.sequencer.plan.results import take_answer
from calibrant.sequencer.plan.sets import leave_unused, plan_kind

DAY = 86_400 * 10**9


class Game:
    """A plan played to its end against a script."""

    def __init__(self, kit, frames, script=None, *, request=None, certified=(), rules=DEFAULT_RULES):
        self.ground = Ground(
            request=request or kit.request(folder="x"),
            rules=rules,
            instrument_hash="hash",
            engine_version="1",
            frames={frame.frame_id: frame for frame in frames},
            certified=lambda kind, detector, _filter, _at: [
                c for c in certified if (c.product.kind, c.product.detector) == (kind, detector)
            ],
        )
        self.draft = Draft()
        self.jobs = []
        for rule in rules.rules:
            plan_kind(self.draft, self.ground, rule)
        leave_unused(self.draft, self.ground)
        self.play(script or kit.Script())

    def play(self, script):
        todo = advance(self.draft, self.ground)
        while todo:
            job = todo.pop(0)
            self.jobs.append(job)
            for _, answer in script.answer(job):
                take_answer(self.draft, answer)
            todo += advance(self.draft, self.ground)

    def of(self, job_type):
        return [job for job in self.jobs if isinstance(job, job_type)]

    def build(self, kind, detector=0):
        jobs = [j for j in self.of(CombineJob) if (j.recipe, j.detector) == (kind, detector)]
        assert len(jobs) == 1
        return jobs[0]

    def node(self, node_type, kind, detector=0, key="20260101"):
        found = [
            n
            for n in self.draft
            if (n.type, n.kind, n.detector, n.set_key) == (node_type, kind, detector, key)
        ]
        assert len(found) == 1, [(n.type, n.title, n.state) for n in self.draft]
        return found[0]

    def certify(self, kind, detector=0, key="20260101"):
        return self.node(NodeType.CERTIFY, kind, detector, key)


def roles(job):
    return {i.role: i.id for i in job.inputs if i.role != "frames"}


def test_a_bias_a_dark_and_a_flat_build_on_one_another(kit):
    game = Game(kit, kit.frames({"bias": 3, "dark": 3, "flat": 3}))
    bias, dark, flat = (game.node(NodeType.BUILD, k, key=s).product for k, s in SETS)
    assert roles(game.build("bias")) == {}
    assert roles(game.build("dark")) == {"bias": bias.product_id}
    assert roles(game.build("flat")) == {"bias": bias.product_id, "dark": dark.product_id}
    assert [game.certify(k, key=s).state for k, s in SETS] == [NodeState.DONE] * 3
    assert all(node.ended for node in game.draft)
    done = finished("run-1", game.draft, [])
    assert (done.outcome, done.products, done.certified, done.withheld) == ("completed", 3, 3, 0)
    measure = next(job for job in game.of(MeasureJob) if job.kind == "flat")
    assert roles(measure) == roles(game.build("flat")) | {"flat": flat.product_id}
    assert (measure.reference, measure.mode) == (flat, VerificationMode.INTERNAL)


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


SETS = (("bias", "20260101"), ("dark", "20260101"), ("flat", "20260101-r"))


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


def test_a_rejected_bias_without_another_splits_the_darks(kit):
    frames = kit.frames({"bias": 3}) + [kit.frame("dark", n, dark_time_s=2.0) for n in range(3)]
    frames += [kit.frame("dark", n, dark_time_s=5.0) for n in range(3, 6)]
    game = Game(kit, frames, kit.Script(rejected={("bias", 0)}))
    darks = [n for n in game.draft if n.kind == "dark" and n.type is NodeType.BUILD]
    assert sorted((n.set_key, n.state) for n in darks) == [("20260101-2s", "done"), ("20260101-5s", "done")]
    assert finished("r", game.draft, []).outcome == "completed with withheld calibrations"


def test_a_bias_rejected_in_one_detector_leaves_the_other_alone(kit):
    frames = kit.frames({"bias": 3, "dark": 3}, detectors=(0, 1))
    game = Game(kit, frames, kit.Script(rejected={("bias", 1)}))
    assert (set(roles(game.build("dark", 0))), set(roles(game.build("dark", 1)))) == ({"bias"}, set())
    assert game.certify("bias", 0).state is NodeState.DONE
    assert game.certify("bias", 1).state is NodeState.WITHHELD
    certify = [job for job in game.of(CertifyJob) if job.products[0].kind == "bias"]
    assert [[p.detector for p in job.products] for job in certify] == [[0]]


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


def test_a_failed_build_is_missing_in_the_decision_and_withheld(kit):
    frames = kit.frames({"bias": 3}, detectors=(0, 1))
    game = Game(kit, frames, kit.Script(broken={("bias", 1)}))
    decide = game.of(DecideJob)[0]
    assert dict(decide.missing) == {1: "not built: BadFrames: saturated"}
    assert game.certify("bias", 1).state is NodeState.WITHHELD
    assert "saturated" in game.certify("bias", 1).reason
    assert game.certify("bias", 0).state is NodeState.DONE


def test_nothing_measured_means_nothing_decided(kit):
    game = Game(kit, kit.frames({"bias": 3}), kit.Script(broken={("bias", 0)}))
    assert game.of(DecideJob) == []
    assert game.node(NodeType.DECIDE, "bias", None).state is NodeState.SKIPPED
    assert finished("r", game.draft, []).outcome == "failed"


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


def test_too_few_frames_and_frames_without_use_are_named(kit):
    frames = kit.frames({"bias": 2, "science": 5})
    game = Game(kit, frames)
    skipped = {n.kind: n.reason for n in game.draft}
    assert skipped["bias"] == "2 bias frames of detector 0, 3 are needed"
    assert skipped["science"].startswith("5 science frames (science-0-d0.fits, ")
    assert "no rule makes a calibration of them" in skipped["science"]
    done = finished("r", game.draft, ["1 file rejected"])
    assert done.outcome == "failed"
    assert "1 file rejected" in done.message


def test_too_few_frames_of_one_detector_are_missing_in_the_decision(kit):
    frames = kit.frames({"bias": 3}) + kit.frames({"bias": 1}, detectors=(1,))
    decide = Game(kit, frames).of(DecideJob)[0]
    assert dict(decide.missing) == {1: "1 bias frames of detector 1, 3 are needed"}


def test_external_verification_builds_and_certifies_nothing(kit):
    bias, dark = kit.certified_product("bias"), kit.certified_product("dark", per_second=True)
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
    assert finished("r", game.draft, []).outcome == "completed"


@pytest.mark.parametrize(("wish", "told"), [("2", True), ("3", False)])
def test_a_wish_for_fewer_frames_than_the_rule_takes_is_answered_in_words(kit, wish, told):
    request = kit.request(folder="x", parameters={"bias.min_inputs": wish})
    game = Game(kit, kit.frames({"bias": 2}), request=request)
    reason = game.node(NodeType.BUILD, "bias").reason
    assert reason.startswith("2 bias frames of detector 0, 3 are needed")
    assert ("by association.bias.min_frames of " in reason) is told
    assert reason.endswith("which bias.min_inputs=2 does not lower") is told


def test_parameters_reach_their_recipe_and_the_measurement(kit):
    front = {"overscan": '"none"', "parallel_overscan": '"median"', "linearity": "false", "defects": "false"}
    own = {"unit": '"adu"', **front, "sigma": "4"}
    parameters = {f"bias.{name}": value for name, value in own.items()} | {"dark.sigma": "5"}
    game = Game(kit, kit.frames({"bias": 3}), request=kit.request(folder="x", parameters=parameters))
    job, measure = game.build("bias"), game.of(MeasureJob)[0]
    assert dict(job.parameters) == own
    assert (measure.unit, dict(measure.parameters)) == ("adu", front)
    assert game.build("bias").job_id != Game(kit, kit.frames({"bias": 3})).build("bias").job_id


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


def test_a_frame_that_is_named_like_a_set_is_left_out_as_a_frame(kit):
    frames = [kit.frame("bias", number, frame_id=f"bias {number}") for number in range(3)]
    frames.append(kit.frame("bias", 0, frame_id="bias 0 again"))
    game = Game(kit, frames)
    (left,) = [node for node in game.draft if node.state is NodeState.SKIPPED]
    assert (left.set_key, left.frames) == ("", ("bias 0 again",))
    assert "is there already as frame bias 0" in left.reason
