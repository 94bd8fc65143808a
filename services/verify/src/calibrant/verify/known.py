"""What verify's database says about a set before it is decided: history, and the numbers of what is in force.

Owns the form, in which it is handed to the computation and kept in the report. Knows no table.
"""

from pydantic import BaseModel, ConfigDict, Field

from calibrant.rules.trends import History


class _Known(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectorHistory(_Known):
    """The history of one detector's numbers: of exposures that became certified products on earlier nights."""

    exposures: int = Field(description="How many exposures were looked at, the latest ones.")
    first_tai_ns: int | None = Field(description="Begin of the first of them, TAI ns; null: there are none.")
    last_tai_ns: int | None = Field(description="Begin of the last of them, TAI ns.")
    products: tuple[str, ...] = Field(description="The products that they were measured against.")
    numbers: dict[str, dict[str, History]] = Field(description="By amplifier and name.")


class Number(_Known):
    """One number of a product; amplifier null: of the detector as a whole."""

    amplifier: str | None
    name: str
    value: float


class Standing(_Known):
    """The calibration in force for a detector, and its numbers; none where it was never measured here."""

    product_id: str
    begin_tai_ns: int | None = Field(description="Begin of its validity, TAI ns; null: open.")
    end_tai_ns: int | None = Field(description="End of its validity, TAI ns; null: open.")
    numbers: tuple[Number, ...]


class Known(_Known):
    """All that is known about a set, by detector."""

    before_tai_ns: int | None = Field(
        default=None,
        description="History ends here: where the night of the set's first frame begins, TAI ns.",
    )
    known_at_tai_ns: int | None = Field(
        default=None, description="What was certified later is no history, TAI ns; null: all is."
    )
    history: dict[int, DetectorHistory] = {}
    in_force: dict[int, Standing] = {}
