"""The form in which a kind that is tables tells its numbers: what a module of such a kind gives. Must not know any kind.

Adding a kind is adding ``measuring/KIND.py`` with one `Telling`, and naming it in `tables.TELLINGS`; a figure of what it
tells goes to ``page`` (see `page.figures`). Its tests are rules, once for all exposures (`calibrant.rules.verification`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.frames.writing import ProductTable, ProductTables
from calibrant.pixels import Amplifier, Geometry
from calibrant.verify.inputs import InputRefused
from calibrant.verify.measuring.amplifiers import Values
from calibrant.verify.reports import SeriesRecord


def _nothing(_: ProductTables) -> Values:
    return {}


@dataclass(frozen=True, slots=True)
class Telling:
    """How the tables of a kind are read.

    Parameters
    ----------
    amplifier : callable
        ``amplifier(amplifier, product)``: the numbers of an amplifier that its tests judge and that are kept, NaN where
        one could not be had, absent where there is none to be had; and why, else an empty text.
    series : callable
        ``series(geometry, product)``: what the kind's figure draws, by amplifier.
    detector : callable
        ``detector(product)``: the numbers of the detector as a whole.
    units : mapping of str to str
        Units of its numbers that are not in electrons; ``1`` is dimensionless. A name has one unit in all kinds.
    """

    amplifier: Callable[[Amplifier, ProductTables], tuple[Values, str]]
    series: Callable[[Geometry, ProductTables], tuple[SeriesRecord, ...]]
    detector: Callable[[ProductTables], Values] = _nothing
    units: Mapping[str, str] = field(default_factory=dict)


def series_of(amplifier: str, **values: ArrayLike) -> SeriesRecord:
    """Return numbers of an amplifier as a report keeps them.

    Parameters
    ----------
    amplifier : str
        Whose they are; empty: the detector's.
    **values : array_like
        (n,) numbers or booleans by what they are, with their unit: ``mean_adu``. What is not finite is null.
    """
    return SeriesRecord(
        amplifier=amplifier,
        values={
            name: tuple(
                value if np.isfinite(value) else None for value in np.asarray(numbers, np.float64).tolist()
            )
            for name, numbers in values.items()
        },
    )


def row_of(product: ProductTables, amplifier: str, table: str = "AMPLIFIERS") -> tuple[ProductTable, int]:
    """Return a table that has one row an amplifier, and the number of its row.

    Raises
    ------
    InputRefused
        It has none of that name; the product is of another description of the camera.
    """
    found = product.table(table)
    rows = np.flatnonzero(found["AMPLIFIER"] == amplifier)
    if rows.size != 1:
        raise InputRefused(
            f"{product.provenance.product_id}: {rows.size} rows of its table {table} are of amplifier {amplifier}, not one; "
            "build it again with the instrument description in force"
        )
    return found, int(rows[0])


def rows_of(product: ProductTables, table: str, amplifier: str) -> dict[str, NDArray[Any]]:
    """Return the rows of a table that are of an amplifier, by column."""
    found = product.table(table)
    mine = found["AMPLIFIER"] == amplifier
    return {column.name: column.values[mine] for column in found.columns}
