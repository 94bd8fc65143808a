"""Positions of detectors in an instrument file: all or none, none on another, and what is wrong is named."""

import pytest
from pydantic import ValidationError

from calibrant.frames.instrument import Instrument, load_instrument


def raft(*positions):
    """Return the first detectors of the simulated raft with other positions."""
    content = load_instrument("simcam-raft").model_dump(mode="json")
    content["detectors"] = content["detectors"][: len(positions)]
    for detector, position in zip(content["detectors"], positions, strict=True):
        detector["position"] = position
    return Instrument.model_validate(content)


def at(column, row, **more):
    return {"column": column, "row": row, **more}


def test_the_simulated_raft_has_three_rows_of_three():
    placed = {one.name: one.position for one in load_instrument("simcam-raft").detectors}
    assert {name: (one.row, one.column) for name, one in placed.items()} == {
        f"S{row}{column}": (row, column) for row in range(3) for column in range(3)
    }
    assert {name for name, one in placed.items() if one.turned_deg} == {"S10", "S11", "S12"}


@pytest.mark.parametrize(
    "positions",
    [
        (None, None),
        (at(0, 0), at(1, 0, turned_deg=270)),
        (at(7, -3), at(7.5, -2)),  # staggered: half a column on, one row up
        (at(0.5, 0.25), at(-0.5, 0.75)),
    ],
)
def test_positions_that_may_stand_together(positions):
    found = raft(*positions).detectors
    assert [one.position and one.position.model_dump(exclude_defaults=True) for one in found] == list(
        positions
    )


@pytest.mark.parametrize(
    ("positions", "says"),
    [
        ((at(0, 0), None), r"detectors\[1\]\.position: is missing; give every detector one, or none"),
        ((None, at(0, 0)), r"detectors\[0\]\.position: is missing"),
        (
            (at(0, 0), at(1, 0), at(0.25, -0.5)),
            r"detectors\[2\]\.position: column 0\.25, row -0\.5 lies on detectors\[0\] at column 0, row 0",
        ),
        ((at(0, 0), at(0, 0)), r"detectors\[1\]\.position: column 0, row 0 lies on"),
        ((at(0, 0, turned_deg=45),), r"detectors\.0\.position\.turned_deg\n.*0, 90, 180 or 270"),
        ((at(0, float("nan")),), r"detectors\.0\.position\.row\n.*finite"),
        (({"column": 0},), r"detectors\.0\.position\.row\n.*required"),
        ((at(0, 0, x_mm=3),), r"detectors\.0\.position\.x_mm\n"),
    ],
)
def test_wrong_positions_are_refused_with_the_field(positions, says):
    with pytest.raises(ValidationError, match=says):
        raft(*positions)
