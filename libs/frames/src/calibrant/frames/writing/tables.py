"""Owns the tables of a product's file: inputs, parameters and its own as columns, and back. Must not know the images."""

import json
import math
import string
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from astropy.io import fits

from calibrant.frames.times import format_time, parse_time
from calibrant.frames.writing.fits_bytes import set_card
from calibrant.frames.writing.product import Parameter, ProductInput
from calibrant.frames.writing.product_table import RESERVED, ProductTable, TableColumn

_PLAIN = string.punctuation.replace("%", "")
_LETTERS = {"f4": "E", "f8": "D", "i2": "I", "i4": "J", "i8": "K", "b1": "L"}
"""FITS' letters for types of numbers."""


def inputs_table(inputs: Sequence[ProductInput]) -> Any:
    """Return the table ``PROVENANCE``: one row an input; a text not known is empty, a number NaN.

    FITS tables hold ASCII: other characters of names, blanks and ``%`` are written as in URLs, ``%20``.
    """
    columns = [
        _texts("ROLE", [one.role for one in inputs]),
        _texts("ID", [one.id for one in inputs]),
        _texts("SHA256", [one.sha256 for one in inputs]),
        _texts("FILE", [quote(one.file_name or "", safe=_PLAIN) for one in inputs]),
        _texts("EXPOSURE", [quote(one.exposure_id or "", safe=_PLAIN) for one in inputs]),
        _texts("DATE_BEG", [_time_text(one.begin_tai_ns) for one in inputs]),
        _numbers("EXPTIME", [one.exptime_s for one in inputs], "s"),
        _numbers("DARKTIME", [one.dark_time_s for one in inputs], "s"),
        _numbers("SCALE", [one.scale for one in inputs]),
    ]
    table: Any = fits.BinTableHDU.from_columns(columns, name="PROVENANCE")
    table.header["TIMESYS"] = ("TAI", "Time scale of DATE_BEG")
    return table


def read_inputs(rows: Any) -> tuple[ProductInput, ...]:
    """Return the inputs that a table ``PROVENANCE`` lists.

    Raises
    ------
    KeyError, ValueError
        If a column is missing, or holds what is none of its values.
    """
    return tuple(
        ProductInput(
            role=str(row["ROLE"]),
            id=str(row["ID"]),
            sha256=str(row["SHA256"]),
            file_name=unquote(str(row["FILE"]), errors="strict") or None,
            exposure_id=unquote(str(row["EXPOSURE"]), errors="strict") or None,
            begin_tai_ns=parse_time(row["DATE_BEG"], "tai") if row["DATE_BEG"] else None,
            exptime_s=_known(row["EXPTIME"]),
            dark_time_s=_known(row["DARKTIME"]),
            scale=_known(row["SCALE"]),
        )
        for row in rows
    )


def parameters_table(parameters: Mapping[str, Parameter]) -> Any:
    """Return the table ``PARAMETERS``: one row a parameter, by name, its value as JSON text."""
    ordered = dict(sorted(parameters.items()))
    columns = [
        _texts("NAME", list(ordered)),
        _texts("VALUE", [json.dumps(value) for value in ordered.values()]),
    ]
    return fits.BinTableHDU.from_columns(columns, name="PARAMETERS")


def read_parameters(rows: Any) -> dict[str, Parameter]:
    """Return the parameters that a table ``PARAMETERS`` lists.

    Raises
    ------
    KeyError, ValueError
        If a column is missing, or a value is no JSON.
    """
    return {str(name): json.loads(value) for name, value in zip(rows["NAME"], rows["VALUE"], strict=True)}


def own_table(table: ProductTable) -> Any:
    """Return a table of a product: units in TUNITn, what a column is in TCOMMn.

    Raises
    ------
    ValueError
        If FITS has no such type of number, or a text is not ASCII; it names table and column.
    """
    columns = [_column(table.name, column) for column in table.columns]
    hdu: Any = fits.BinTableHDU.from_columns(columns, name=table.name)
    for number, column in enumerate(table.columns, 1):
        set_card(hdu.header, f"TCOMM{number}", column.description)
    return hdu


def _column(table: str, column: TableColumn) -> Any:
    values, cell = column.values, column.values.shape[1:]
    where = f"table {table}, column {column.name}"
    if values.dtype.kind == "U":
        _check_ascii(where, values)
        return _texts(column.name, values.tolist())
    if values.dtype.str[1:] not in _LETTERS:
        raise ValueError(f"{where}: FITS has no numbers of type {values.dtype}")
    return fits.Column(
        name=column.name,
        format=f"{math.prod(cell)}{_LETTERS[values.dtype.str[1:]]}",
        unit=column.unit or None,
        dim=f"({','.join(map(str, reversed(cell)))})" if len(cell) > 1 else None,
        array=values,
    )


def _check_ascii(where: str, values: Any) -> None:
    bad = next((value for value in values.tolist() if not value.isascii()), None)
    if bad is not None:
        raise ValueError(f"{where}: {bad!r} is not ASCII, which is all that a FITS table holds")


def read_tables(file: Any) -> tuple[ProductTable, ...]:
    """Return the tables of an open product file that are its own, in order."""
    own = [hdu for hdu in file if isinstance(hdu, fits.BinTableHDU) and hdu.name not in RESERVED]
    return tuple(_table(hdu) for hdu in own)


def _table(hdu: Any) -> ProductTable:
    return ProductTable(
        hdu.name,
        tuple(
            TableColumn(
                name=column.name,
                values=_values(hdu.data[column.name]),
                description=hdu.header.get(f"TCOMM{number}", ""),
                unit=column.unit or "",
            )
            for number, column in enumerate(hdu.columns, 1)
        ),
    )


def _values(stored: Any) -> Any:
    """Return a column as plain numbers of this machine, or as text."""
    if stored.dtype.kind in "SU":
        return np.array(stored, dtype=np.str_)
    return np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("="))


def _texts(title: str, values: list[str]) -> Any:
    width = max([len(value) for value in values] + [1])
    return fits.Column(name=title, format=f"{width}A", array=np.array(values, dtype=f"U{width}"))


def _numbers(title: str, values: list[float | None], unit: str | None = None) -> Any:
    plain = [math.nan if value is None else value for value in values]
    return fits.Column(name=title, format="D", unit=unit, array=np.array(plain, dtype=np.float64))


def _time_text(tai_ns: int | None) -> str:
    return "" if tai_ns is None else format_time(tai_ns, "tai", 9)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
