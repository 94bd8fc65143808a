"""Owns the tables of a product's file: inputs and parameters as columns, and back. Must not know the images."""

import json
import math
import string
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from astropy.io import fits

from calibrant.frames.times import format_time, parse_time
from calibrant.frames.writing.product import Parameter, ProductInput

_PLAIN = string.punctuation.replace("%", "")


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
