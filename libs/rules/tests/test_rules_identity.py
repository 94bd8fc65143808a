import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.rules.identity import job_id, product_id

INPUTS = {"frames": ["b", "a", "a"], "bias": ["c"]}


def make(**changes):
    block = {
        "recipe": "dark", "recipe_version": "1", "engine_version": "0.1.0", "instrument_hash": "f00",
        "inputs": INPUTS, "parameters": {"sigma": 3.0, "iterations": None}, **changes,
    }  # fmt: skip
    return job_id(**block)


def test_the_canonical_form_is_fixed():
    text = (
        '{"engine_version":"0.1.0","inputs":{"bias":["c"],"frames":["a","a","b"]},"instrument_hash":"f00",'
        '"parameters":{"iterations":null,"sigma":3.0},"recipe":"dark","recipe_version":"1"}'
    )
    assert make() == hashlib.sha256(text.encode()).hexdigest()
    assert product_id("dark", make()) == f"dark-{make()[:12]}"


@given(st.permutations(["b", "a", "a"]), st.permutations(["sigma", "iterations"]))
def test_order_does_not_matter(frames, names):
    values = {"sigma": 3.0, "iterations": None}
    assert make(inputs={"bias": ("c",), "frames": frames}, parameters={n: values[n] for n in names}) == make()


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": "bias"},
        {"recipe_version": "2"},
        {"engine_version": "0.1.1"},
        {"instrument_hash": "f01"},
        {"inputs": {"frames": ["b", "a"], "bias": ["c"]}},
        {"inputs": {"frames": ["b", "a", "a", "c"]}},
        {"inputs": {"frames": ["c"], "bias": ["a", "a", "b"]}},
        {"parameters": {"sigma": 3, "iterations": None}},
        {"parameters": {"sigma": 3.0}},
        {"parameters": {"sigma": 3.0000000000000004, "iterations": None}},
    ],
)
def test_what_determines_the_result_changes_the_id(changes):
    assert make(**changes) != make()


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_no_nan_and_no_infinity(value):
    with pytest.raises(ValueError, match="give a finite number"):
        make(parameters={"sigma": value})


@pytest.mark.parametrize("parameters", [{"when": object()}, {"table": {1: 2}}, {"set": {1}}])
def test_only_json_values(parameters):
    with pytest.raises(TypeError, match=f"parameter {next(iter(parameters))}"):
        make(parameters=parameters)


def test_one_string_is_no_list_of_inputs():
    with pytest.raises(TypeError, match="role 'bias'"):
        make(inputs={"bias": "abc"})
