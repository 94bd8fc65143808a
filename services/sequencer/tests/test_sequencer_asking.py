"""Modes of certification: what is certified at once, what waits for a person, and what waits for that decision."""

import pytest

from calibrant.contracts.certify.v1 import CertifyJob, DecisionMade
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import TaiTime, TimeRange
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.contracts.verify.v1 import DecideJob, Score
from calibrant.runtime.access.callers import LOCAL
from calibrant.runtime.settings import WrongSetting, chosen
from calibrant.sequencer.control import Action
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.settings import SequencerSettings


@pytest.fixture
def people(kit, monkeypatch):
    """A world in which people are asked as a mode has it, and decide when the test says so."""

    def world(mode, score=None, counts=(("bias", 3), ("dark", 3)), **script):
        monkeypatch.setenv("CALIBRANT_CERTIFICATION", f'{{"simcam-tiny/bias": "{mode}"}}')

        class Scored(kit.Script):
            def answer(self, job):
                if isinstance(job, CertifyJob) and job.ask is not None:
                    return []
                return [(who, self.scored(message)) for who, message in super().answer(job)]

            def scored(self, message):
                if not hasattr(message, "decisions") or score is None:
                    return message
                decisions = [
                    d.model_copy(update={"score": score, "score_reason": "x"}) for d in message.decisions
                ]
                return message.model_copy(update={"decisions": tuple(decisions)})

        made = kit.world(Scored(**script))
        made.frames = kit.frames(dict(counts))
        made.request(kit.request(folder=kit.folder))
        made.play()
        return made

    return world


def decide(world, accepted, reason="as usual"):
    """Play certify: tell of a person's decision, and certify what was accepted."""
    (job,) = [job for job in world.of(CertifyJob) if job.ask is not None]
    (product,) = job.products
    made = DecisionMade(
        waiting_id="wait-1",
        job_id=job.job_id,
        product_id=product.product_id,
        collection=job.collection,
        accepted=accepted,
        reason=reason,
        decided_by="ana",
        decided=TaiTime.from_ns(1),
    )
    world.say("certify", made, "run-1")
    if accepted:
        asked = job.model_copy(update={"ask": None})
        for source, message in type(world.script).__mro__[1].answer(world.script, asked):
            world.say(source, message, "run-1")
    world.play()


def built(world, kind):
    return [job for job in world.of(CombineJob) if job.recipe == kind]


@pytest.mark.parametrize(
    ("mode", "score", "state"),
    [
        ("gate", Score.RED, "done"),
        ("green", Score.GREEN, "done"),
        ("green", Score.GREY, "withheld"),
        ("ask", Score.GREEN, "done"),
        ("ask", Score.RED, "asked"),
        ("ask", None, "asked"),
        ("always", Score.GREEN, "asked"),
    ],
)
def test_the_mode_and_the_score_say_what_becomes_of_an_accepted_product(people, mode, score, state):
    world = people(mode, score, counts=(("bias", 3),))
    row = world.row("certify", "bias")
    assert row.state == state
    assert ("scores" in row.reason) is (state != "done")


def test_what_the_mode_withholds_is_not_used_within_the_run_either(people):
    world = people("green", Score.RED)
    dark = world.row("build", "dark")
    assert (dark.state, dark.used) == ("done", {})
    assert any("bias 20260101: rejected: scores red: x" in note for note in dark.notes)
    assert world.row("certify", "bias").reason == "scores red: x; only what is green is certified"


def test_a_run_waits_visibly_and_what_needs_the_product_waits_with_it(people):
    world = people("always", Score.GREEN)
    world.restart()
    world.play()
    view = world.view()
    assert view.phase == "waiting for a person"
    assert view.run.message == "1 calibration waits for a person: see `calibrant waiting`"
    assert world.row("build", "dark").state == "waiting"
    assert built(world, "dark") == []
    assert any("waits for a person's decision" in told.message for told in world.of(RunProgress))


def test_an_accepted_product_is_certified_and_used(people):
    world = people("always", Score.GREEN)
    decide(world, accepted=True)
    row = world.row("certify", "bias")
    assert (row.state, row.notes) == ("done", ("accepted by ana: as usual",))
    assert row.product_id == world.row("build", "dark").used["bias"]
    assert world.view().run.state == "done"


def test_a_rejected_product_is_withheld_and_not_used(people):
    world = people("always", Score.GREEN)
    decide(world, accepted=False, reason="stripes")
    row = world.row("certify", "bias")
    assert (row.state, row.reason) == ("withheld", "rejected by ana: stripes")
    assert world.row("build", "dark").used == {}
    assert world.view().run.state == "done with failures"


def test_a_person_may_overrule_the_gate_where_people_are_asked(people):
    world = people("ask", rejected={("bias", 0)})
    assert world.row("certify", "bias").reason == "too noisy"
    decide(world, accepted=True)
    assert world.row("certify", "bias").state == "done"
    assert "bias" in world.row("build", "dark").used


def test_a_run_stopped_now_waits_for_nobody(people):
    world = people("always")
    Controls(world.service).control("run-1", Action.STOP_NOW, LOCAL)
    assert world.view().run.state == "stopped"
    decide(world, accepted=True)
    assert world.row("certify", "bias").state == "skipped"


def test_the_setting_names_instrument_and_kind(monkeypatch):
    monkeypatch.setenv("CALIBRANT_CERTIFICATION", '{"bias": "ask"}')
    with pytest.raises(WrongSetting, match="certification"):
        chosen(SequencerSettings)


@pytest.mark.parametrize(
    ("recorded", "begin", "found"),
    [(-1, -1, True), (1, -1, False), (-1, 1, False)],
    ids=["in force", "later", "not yet"],
)
def test_a_decision_is_told_what_was_in_force_when_the_run_began(kit, recorded, begin, found):
    world = kit.world()
    world.frames = kit.frames({"bias": 3})
    old = kit.product(combine_job(kit))
    span = TimeRange(begin=TaiTime.from_ns(kit.t0 + begin), end=TaiTime.from_ns(kit.t0 + 10**15))
    told = kit.certified(old, "simcam-tiny/calib/daily", span)
    world.say("certify", told.model_copy(update={"recorded": TaiTime.from_ns(kit.t0 + recorded)}))
    world.play()
    world.request(kit.request(folder=kit.folder))
    world.play()
    (job,) = world.of(DecideJob)
    assert [one.product_id for one in job.in_force] == ([old.product_id] if found else [])
    assert job.known_at.ns == kit.t0


def test_the_rules_of_comparison_that_are_set_are_part_of_a_decision(kit, monkeypatch):
    def decided():
        world = kit.world()
        world.frames = kit.frames({"bias": 3})
        world.request(kit.request(folder=kit.folder))
        world.play()
        return [job.job_id for job in world.of(DecideJob)]

    before = decided()
    assert decided() == before
    monkeypatch.setenv("CALIBRANT_COMPARISON", '{"act": "fall back"}')
    assert decided() != before


def combine_job(kit):
    return CombineJob(
        job_id="0" * 64,
        recipe="bias",
        recipe_version="1",
        engine_version="1",
        instrument="simcam-tiny",
        instrument_hash="h",
        detector=0,
        inputs=(),
        memory_bytes=0,
    )
