"""Owns where an instrument file says that detectors sit in the camera; must not know how a focal plane is drawn.

In steps from one detector to the next, not in millimetres: that is what the mosaics of a report need.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Position(BaseModel):
    """Where a detector sits: its column and row in the focal plane, and how its image is turned there.

    As in an image, columns count to the right and rows upwards. Staggered rows have fractions, as column 0.5.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    column: float = Field(description="Detectors to the right of column 0.")
    row: float = Field(description="Detectors above row 0.")
    turned_deg: Literal[0, 90, 180, 270] = Field(
        default=0,
        description="How far the trimmed image is turned in the focal plane, anticlockwise [degree].",
    )

    def covers(self, other: "Position") -> bool:
        """Tell whether two detectors there would lie on one another: each is one column wide and one row high."""
        return abs(self.column - other.column) < 1 and abs(self.row - other.row) < 1

    def __str__(self) -> str:
        return f"column {self.column:g}, row {self.row:g}"


def check_positions(positions: Sequence[Position | None]) -> None:
    """Make sure that all detectors have a position or none, and no two the same place.

    Parameters
    ----------
    positions : sequence of Position or None
        In the order of the detectors in the file.

    Raises
    ------
    ValueError
        One is missing, or two lie on one another; the text names the field.
    """
    if all(one is None for one in positions):
        return
    for index, one in enumerate(positions):
        if one is None:
            raise ValueError(f"detectors[{index}].position: is missing; give every detector one, or none")
    for (earlier, first), (later, second) in combinations(enumerate(positions), 2):
        if first is not None and second is not None and first.covers(second):
            raise ValueError(
                f"detectors[{later}].position: {second} lies on detectors[{earlier}] at {first}; they must differ by 1 "
                "or more in column or row"
            )
