"""Owns what a table of a product holds, as plain values; must not know FITS, nor how numbers are computed."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

RESERVED = frozenset({"PROVENANCE", "PARAMETERS"})
"""Tables that every product has, of its own making."""

_KINDS = "fib"


@dataclass(frozen=True, eq=False, slots=True)
class TableColumn:
    """One column.

    Parameters
    ----------
    name : str
        Its name, in capitals, as FITS has it.
    values : ndarray
        (rows, ...) floating, integer or boolean, or (rows,) text in ASCII. A number that could not be had is NaN, and
        another column says why.
    description : str
        What it is, for people; in ASCII, to fit on a card.
    unit : str
        Its unit in the notation of the FITS standard; empty: none.

    Raises
    ------
    ValueError
        If values are of another type.
    """

    name: str
    values: NDArray[Any]
    description: str
    unit: str = ""

    def __post_init__(self) -> None:
        text = self.values.dtype.kind == "U" and self.values.ndim == 1
        if not text and (self.values.ndim < 1 or self.values.dtype.kind not in _KINDS):
            raise ValueError(
                f"column {self.name}: {self.values.dtype} of shape {self.values.shape}; give numbers or booleans, or "
                "one text a row"
            )


@dataclass(frozen=True, eq=False, slots=True)
class ProductTable:
    """A table of a product.

    Parameters
    ----------
    name : str
        Its name, in capitals.
    columns : tuple of TableColumn
        At least one, all of the same length.

    Raises
    ------
    ValueError
        If there is no column, lengths differ, a name comes twice, or the table's name is one of `RESERVED`.
    """

    name: str
    columns: tuple[TableColumn, ...]

    def __post_init__(self) -> None:
        if self.name in RESERVED:
            raise ValueError(f"table {self.name}: every product has one of that name; choose another")
        lengths = {len(column.values) for column in self.columns}
        if len(lengths) != 1:
            raise ValueError(
                f"table {self.name}: columns of {sorted(lengths)} rows; all have the same number"
            )
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"table {self.name}: a column comes twice in {', '.join(names)}")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.columns[0].values)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the values of a column.

        Raises
        ------
        KeyError
            If there is none of that name; it says which there are.
        """
        for column in self.columns:
            if column.name == name:
                return column.values
        raise KeyError(
            f"table {self.name} has no column {name}; it has {', '.join(c.name for c in self.columns)}"
        )
