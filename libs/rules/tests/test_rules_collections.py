"""Collections: names that say a type, the order of a search, chains that lead back to themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.rules.collections import (
    DEEPEST,
    ChainRefused,
    Collection,
    CollectionType,
    check_chain,
    name_fault,
    search_order,
)

TICKET = "LATISS/calib/DM-12345"


def chain(name, *members):
    return Collection(name=name, type=CollectionType.CHAINED, members=members)


def known(*collections):
    return {one.name: one for one in collections}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LATISS/calib", "chained"),
        ("LATISS/calib/daily", "calibration"),
        (TICKET, "chained"),
        (f"{TICKET}/voltageChange/biasGen.20220915a", "run"),
        (f"{TICKET}/voltageChange/verifyBias.1", "run"),
        (f"{TICKET}/voltageChange/bias.20220915a", "calibration"),
    ],
)
def test_a_name_of_the_scheme_says_the_type(name, kind):
    for one in CollectionType:
        fault = name_fault(name, one)
        assert (not fault) == (one == kind), fault
        assert not fault or f"is a {kind} collection" in fault


@pytest.mark.parametrize("name", ["runs/r1", "u/ocps/ab-1", "simcam/calib/test", "a"])
def test_another_name_may_be_any_type(name):
    assert not any(name_fault(name, one) for one in CollectionType)


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a b", "a\n", "ä", "x" * 257])
def test_what_is_no_name_is_told(name):
    assert "is no name" in name_fault(name)


def test_chains_are_searched_in_their_place_and_nothing_twice():
    chains = known(chain("all", "a", "old", "b"), chain("old", "b", "c"))
    assert [one.name for one in search_order("all", chains)] == ["a", "b", "c"]
    assert search_order("a", chains) == (Collection(name="a"),)


def test_a_cycle_is_refused_with_its_way():
    chains = known(chain("a", "b"), chain("b", "c"), chain("c", "a"))
    with pytest.raises(ChainRefused, match="a > b > c > a"):
        search_order("a", chains)
    with pytest.raises(ChainRefused, match="a > b > c > a"):
        check_chain("a", ["b"], known(chain("b", "c"), chain("c", "a"), Collection(name="a")))
    with pytest.raises(ChainRefused, match="a > a"):
        check_chain("a", ["a"], {})


@pytest.mark.parametrize(("members", "says"), [(["x", "x"], "twice"), (["y"], "no collection y")])
def test_a_chain_names_each_once_and_what_there_is(members, says):
    with pytest.raises(ChainRefused, match=says):
        check_chain("a", members, known(Collection(name="x")))


def test_chains_that_go_too_deep_are_refused_from_below_too():
    deep = known(*(chain(f"c{n}", f"c{n + 1}") for n in range(DEEPEST - 1)), Collection(name="x"))
    last = f"c{DEEPEST - 1}"
    check_chain(last, ["x"], deep)
    with pytest.raises(ChainRefused, match="deep"):
        check_chain(last, ["y"], {**deep, **known(chain("y", "x"))})


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefxyz"), unique=True), max_size=6
    )
)
def test_a_search_ends_and_gives_what_is_no_chain_in_the_order_of_a_walk(members):
    chains = known(*(chain(name, *inner) for name, inner in members.items()))

    def walk(name, path):
        if name not in members:
            return [name]
        if name in path:
            raise RecursionError
        return [one for inner in members[name] for one in walk(inner, (*path, name))]

    for name in "abcdefx":
        try:
            expected = list(dict.fromkeys(walk(name, ())))
        except RecursionError:
            with pytest.raises(ChainRefused):
                search_order(name, chains)
        else:
            assert [one.name for one in search_order(name, chains)] == expected
