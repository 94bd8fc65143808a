import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.rules.holding_out import held_out, parsed


@given(st.integers(0, 60), st.integers(0, 70))
def test_as_many_as_asked_are_kept_out_spread_evenly(n, wanted):
    exposures = [f"e{i:02d}" for i in range(n)]
    places = sorted(exposures.index(one) for one in held_out(exposures, wanted))
    assert len(places) == min(wanted, n)
    if 0 < wanted <= n:
        gaps = [b - a for a, b in zip([-1, *places], [*places, n], strict=True)]
        assert max(gaps[1:-1], default=0) - min(gaps[1:-1], default=0) <= 1
        assert abs(gaps[0] - gaps[-1]) <= 1


def test_named_ones_are_those_of_the_set():
    assert held_out(["a", "b"], ("b", "x")) == {"b"}
    assert parsed(["a"]) == ("a",)
    for wrong in (-1, "a", 1.5, [1], None):
        with pytest.raises(ValueError, match=r"hold_out: .*give how many"):
            parsed(wrong)
