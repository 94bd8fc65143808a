"""An answer is dealt with among the nodes that it touches: as fast in a big run, and to the same end."""

import random

import pytest
from sqlalchemy import event

from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.verify.v1 import MeasurementCompleted
from calibrant.sequencer import conductor
from calibrant.sequencer.conductor import Conductor
from calibrant.sequencer.states import ENDED


def played(kit, seed, script):
    """Play a run of three kinds, with two filters and dark times, in an order of chance; return all it sends."""
    world, chance = kit.world(kit.Script(**script)), random.Random(seed)
    world.frames = kit.frames({"bias": 3, "flat": 3}, detectors=range(3)) + kit.frames({"dark": 3})
    world.frames += [kit.frame("dark", n, dark_time_s=7.0) for n in (7, 8, 9)]
    world.frames += [kit.frame("flat", n, 1, filter="g", dark_time_s=7.0) for n in (7, 8, 9)]
    world.request(kit.request(folder=kit.folder))
    while world.step(chance.choice):
        pass
    assert world.view().run.state in ENDED
    return [(type(message).__name__, message.to_json()) for message in world.sent]


@pytest.mark.parametrize("database_site", ["sqlite"], indirect=True)  # which database does not matter
@pytest.mark.parametrize(
    "script",
    [
        {"rejected": {("bias", 1)}, "broken": {("bias", 0)}, "conflicts": {("flat", 2)}},  # darks are split
        {"rejected": {("dark", 0), ("bias", 2)}, "broken": {("flat", 1)}},
    ],
)
def test_what_is_read_in_part_gives_what_all_of_it_gives(kit, monkeypatch, script):
    in_part = [played(kit, seed, script) for seed in range(2)]
    monkeypatch.setattr(Conductor, "_part", lambda *_: None)
    assert in_part == [played(kit, seed, script) for seed in range(2)]


def reading(kit, monkeypatch, detectors):
    """Return how many nodes and statements the first product and the first measurement take."""
    world = kit.world()
    world.frames = kit.frames({"bias": 3, "dark": 3, "flat": 3}, detectors=range(detectors))
    world.request(kit.request(folder=kit.folder))
    nodes, statements = [], []

    def counted(*args):
        found = read(*args)
        nodes.append(len(found))
        return found

    read = conductor.load_draft
    with monkeypatch.context() as patched:
        patched.setattr(conductor, "load_draft", counted)
        event.listen(world.database._writer, "before_cursor_execute", lambda *_: statements.append(1))
        for answer in (JobDone, MeasurementCompleted):
            while not any(isinstance(d.message, answer) for d in world.delivered):
                nodes.clear()
                statements.clear()
                assert world.step(lambda names: names[0])
            yield list(nodes), len(statements)


def test_an_answer_costs_the_same_in_a_run_of_many_detectors(kit, monkeypatch):
    few, many = (list(reading(kit, monkeypatch, detectors)) for detectors in (3, 9))
    assert few == many
    assert [nodes for nodes, _statements in few] == [[9], [9]]  # three kinds: built, measured, certified
