"""Tables of what a monitor of the light read in each exposure, as parameters of a linearity.

Owns the forms of such a table and the errors that name what is wrong with one. Must not know what is made of readings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from calibrant.observatory.requests import BadRequest

if TYPE_CHECKING:
    from astropy.table import Table

FORMATS: Final = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".fits": "fits", ".fit": "fits"}
EXPOSURES: Final = ("exposure_id", "exposure", "file_name", "file")
"""Names of the column that says of which exposure a reading is."""
READINGS: Final = ("reading", "charge", "rate")
"""Names of the column of readings: of a whole exposure, but for a rate."""
MASKED: Final = "--"
"""How a value that is not there shows itself."""
MOST: Final = 5_000
"""Rows that a run takes along."""


def readings_parameters(file: Path | None) -> dict[str, str]:
    """Return the parameters of a linearity by a table of readings, as JSON text by name; none without a table.

    Parameters
    ----------
    file : Path or None
        ECSV, CSV or FITS. A row without a reading stands for an exposure that has none.

    Raises
    ------
    BadRequest
        It cannot be read, lacks a column, names an exposure twice, or holds what is no number.
    """
    if file is None:
        return {}
    table = _table(file)
    exposures, readings = _column(file, table, EXPOSURES), _column(file, table, READINGS)
    values: dict[str, float] = {}
    for name, reading in _rows(file, table, exposures, readings):
        if name in values:
            raise BadRequest(f"readings {file}: {name} stands there twice; leave one row of it")
        values[name] = reading
    if not values:
        raise BadRequest(f"readings {file}: holds no reading; give some, or leave --readings out")
    are = "rate" if readings.lower() == "rate" else "charge"
    told = {"light": "monitor", "readings": values, "readings_are": are}
    return {f"linearity.{name}": json.dumps(value) for name, value in told.items()}


def _table(file: Path) -> Table:
    from astropy.table import Table  # noqa: PLC0415

    form = FORMATS.get(file.suffix.lower())
    if form is None:
        raise BadRequest(f"readings {file}: unknown form; name it {', '.join(FORMATS)}")
    try:
        table = Table.read(file, format=form)
    except OSError as problem:
        raise BadRequest(f"readings {file}: {problem.strerror or problem}") from None
    except Exception as problem:  # noqa: BLE001  astropy's readers raise whatever they stumble over
        raise BadRequest(f"readings {file}: is no {form} table: {problem}") from None
    if len(table) > MOST:
        raise BadRequest(f"readings {file}: {len(table)} rows, {MOST} at most; leave those of this run")
    return table


def _column(file: Path, table: Table, names: tuple[str, ...]) -> str:
    found = next((column for name in names for column in table.colnames if column.lower() == name), None)
    if found is None:
        raise BadRequest(
            f"readings {file}: no column {' or '.join(names)}; it has {', '.join(table.colnames) or 'none'}"
        )
    return str(found)


def _rows(file: Path, table: Table, exposures: str, readings: str) -> Iterator[tuple[str, float]]:
    """Yield each exposure that has a reading."""
    for row in table:
        name, value = row[exposures], row[readings]
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)
        try:
            reading = math.nan if str(value) == MASKED else float(value)
        except ValueError:
            raise BadRequest(f"readings {file}: the reading of {text} is {value!r}, no number") from None
        if math.isfinite(reading):
            yield text.strip(), reading
