"""What is worth a word in the numbers of a set, and what is chance: simulated sets with one flaw, and without."""

import numpy as np
import pytest

from calibrant.rules.noticing import course_of, groups_of, spreads_from_one, standing_out

SETS = 400


def told(values):
    course = course_of(values, alternates=0.1, drifts=1.0, unsteady=5.0)
    return course.form if course else None


@pytest.mark.parametrize("n", [3, 5, 7, 20])
def test_one_of_a_set_stands_out_wherever_it_is(n):
    rng = np.random.default_rng(n)
    for index in range(n):
        values = rng.normal(0, 0.5, n)
        values[index] += 40
        (found,) = standing_out(list(values), least=5.0)
        assert found.place == index
        assert found.off == pytest.approx(40, abs=3)


def test_chance_makes_nothing_stand_out():
    rng = np.random.default_rng(1)
    sets = [rng.normal(0, 1, rng.integers(5, 30)) for _ in range(SETS)]
    assert sum(bool(standing_out(list(values), least=0.0)) for values in sets) < 0.01 * SETS


def test_half_of_a_set_is_no_exception():
    assert standing_out([0.0, 0.1, 50.0, 50.1], least=5.0) == ()
    assert standing_out([0.0, 50.0], least=5.0) == ()
    assert [one.place for one in standing_out([0, 0, 0, 0, 0, 0, 60, 70], least=5.0)] == [7, 6]


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([100, 101, 100.1, 101.1, 99.9, 100.9], "alternates"),
        ([100, 100.4, 101.1, 101.4, 102, 102.3], "drifts"),
        ([102.3, 102, 101.4, 101.1, 100.4, 100], "drifts"),
        ([100, 108, 101, 104, 99, 106, 107, 100], "unsteady"),
        ([100, 100.3, 99.9, 100.2, 100.1, 100.0], None),
        ([100, 101, 102], None),
        ([100.0] * 6, None),
    ],
)
def test_a_course_is_told_for_what_it_is(values, form):
    assert told(values) == form


def test_a_drift_below_its_scatter_is_none():
    rng = np.random.default_rng(2)
    scattered = [list(100 + rng.normal(0, 1, 12) + np.linspace(0, 0.5, 12)) for _ in range(SETS)]
    assert sum(told(values) == "drifts" for values in scattered) < 0.01 * SETS


def test_what_drifts_past_the_middle_spreads_from_there():
    assert spreads_from_one([2.0, 1.6, 1.3, 1.1, 1.01, 1.05, 1.2, 1.6, 2.4])
    assert spreads_from_one([1.0, 1.2, 1.4, 1.5, 1.7])
    assert not spreads_from_one([1.8, 1.2, 1.01, 1.9])
    assert not spreads_from_one([1.0, 1.9, 1.1, 1.8, 1.0, 1.7, 1.2])


def test_temperatures_that_are_apart_are_two():
    assert [tuple(one) for one in groups_of([-10.2, -9.8, -5.1, -10.0, -5.0], 1.0)] == [
        (-10.2, -9.8, 3),
        (-5.1, -5.0, 2),
    ]
    assert len(groups_of([-10.0, -9.5, -9.0, -8.5], 1.0)) == 1
    assert groups_of([], 1.0) == ()
