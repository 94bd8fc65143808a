"""Columns of tables as recipes make them: values taken out of results, or of the reasons that stand in their places.

Must not know which tables there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

import numpy as np

from calibrant.frames.writing import ProductTable, TableColumn

Found = TypeVar("Found")

NOTHING: Final[Mapping[type, Any]] = {float: np.nan, int: 0, bool: False, str: ""}
"""What stands where a reason says why there is nothing."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Found]):
    """A column of a table of results.

    Parameters
    ----------
    name, description, unit : str
        As in a `TableColumn`.
    get : callable
        Takes the value out of a result.
    of : type
        float, int, bool or str.
    """

    name: str
    description: str
    get: Callable[[Found], Any]
    unit: str = ""
    of: type = float

    def filled(self, results: Iterable[Found | StrEnum]) -> TableColumn:
        """Return it with the value of each result, and `NOTHING` where there is a reason in its place."""
        nothing = NOTHING[self.of]
        values = [nothing if isinstance(one, StrEnum) else self.get(one) for one in results]
        kinds = {float: np.float64, int: np.int32, bool: np.bool_, str: np.str_}
        return TableColumn(self.name, np.array(values, dtype=kinds[self.of]), self.description, self.unit)


def rows_table(name: str, rows: Sequence[Found], columns: Sequence[Column[Found]]) -> ProductTable:
    """Return a table of as many rows as there are results; none is a table, too.

    Parameters
    ----------
    name : str
        Of the table.
    rows : sequence of result
        One a row.
    columns : sequence of Column
        In the order of the table.
    """
    return ProductTable(name, tuple(column.filled(rows) for column in columns))


def texts(values: Iterable[object]) -> Any:
    """Return the values of a column of texts, (rows,): each as `str` has it, so a reason as its sentence."""
    return np.array([str(value) for value in values], dtype=np.str_)
