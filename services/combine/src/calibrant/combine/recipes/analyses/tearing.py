"""The tearing recipe: columns of flats that stand out at the borders between amplifiers. Knows pixels only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import Field

from calibrant.combine.recipes.analyses.shared import amplifiers_table, images, some_measured
from calibrant.combine.recipes.base import BuiltTables, Recipe, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.columns import Column, rows_table
from calibrant.combine.recipes.correction import bias_and_dark, check_level, signature
from calibrant.combine.recipes.parameters import Parameters
from calibrant.combine.recipes.photon_transfer.flat_pairs import ROLES
from calibrant.frames.writing import ProductTable
from calibrant.pixels import Image
from calibrant.pixels.analyses import Border, Reason, Tearing, divisadero
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.rules.classification import ImageType

MOST: Final = 0.5
"""Part of the pixels of a flat that tells why none of them can be used."""


class TearingParameters(Parameters):
    """The parameters of a tearing."""

    first_row: int = Field(
        default=10, ge=0, description="First row that is averaged, counted from readout, from 0. Unit: rows."
    )
    row_count: int = Field(default=200, ge=1, description="Rows that are averaged. Unit: rows.")
    edge_columns: int = Field(
        default=25,
        ge=0,
        description="Columns at each side of an amplifier that its curve leaves out. Unit: columns.",
    )
    trend_degree: int = Field(
        default=2,
        ge=1,
        le=5,
        description="Degree of the curve through an amplifier's columns, which uneven light makes of a straight line.",
    )
    near_columns: int = Field(
        default=2, ge=1, description="Columns on each side of a border that are looked at. Unit: columns."
    )


@dataclass(frozen=True, slots=True)
class _Worst:
    """The worst border of an amplifier, and how many it has."""

    border: Border
    borders: int


def compute(inputs: RecipeInputs, parameters: TearingParameters) -> BuiltTables:
    """Measure the tearing of a detector, in the mean of its flats.

    Parameters
    ----------
    inputs : RecipeInputs
        Flat frames of any filter, and bias, dark and defects if there are.
    parameters : TearingParameters
        How.

    Returns
    -------
    BuiltTables
        ``AMPLIFIERS``, with the worst border of each, and ``BORDERS``.

    Raises
    ------
    RecipeRefused
        The pedestal stays in, a dark does not apply, or no border can be measured.
    """
    subtracted = bias_and_dark(inputs)
    check_level("tearing", inputs, subtracted)
    removed = signature(inputs, bias=subtracted.get("bias"), dark=subtracted.get("dark"))
    found = divisadero(
        _mean(images(inputs.frames, inputs, removed)),
        inputs.geometry,
        rows=(parameters.first_row, parameters.first_row + parameters.row_count),
        edge=parameters.edge_columns,
        near=parameters.near_columns,
        degree=parameters.trend_degree,
    )
    worst = {one.name: _worst(one.name, found) for one in inputs.geometry.amplifiers}
    some_measured("tearing", worst)
    return BuiltTables(
        tables=(amplifiers_table(worst, _OF_AMPLIFIERS), _borders(found)),
        backend="numpy",
        used=tuple(subtracted),
    )


def _mean(flats: Iterable[Image]) -> Image:
    """Return the mean of flats, each over its median; a pixel without a good sample is masked."""
    total = count = None
    saturated = False
    for flat in flats:
        saturated |= _saturated(flat)
        good = (flat.mask & np.uint32(UNUSABLE)) == 0
        level = np.median(flat.data[good]) if good.any() else np.nan
        if not level > 0:
            continue
        if total is None or count is None:
            total, count = np.zeros(good.shape), np.zeros(good.shape, np.uint32)
        total += np.where(good, flat.data, 0) / level
        count += good
        last = flat
    if total is None or count is None:
        raise RecipeRefused(
            "tearing: no flat has pixels that are not saturated; take some with less light"
            if saturated
            else "tearing: none of the flats has light; take some with the lamp on"
        )
    mean = (total / np.maximum(count, 1)).astype(np.float32)
    mask = np.where(count > 0, np.uint32(0), np.uint32(Mask.NO_DATA))
    return Image(mean, np.full_like(mean, np.nan), mask, {}, last.unit)


def _saturated(flat: Image) -> bool:
    """Tell whether most pixels of a flat are saturated."""
    return bool(((flat.mask & np.uint32(Mask.SATURATED)) != 0).mean() > MOST)


def _worst(amplifier: str, found: Tearing) -> _Worst | Reason:
    if amplifier in found.reasons:
        return found.reasons[amplifier]
    mine = [one for one in found.borders if amplifier in (one.left, one.right)]
    if not mine:
        return Reason.ALONE
    return _Worst(max(mine, key=lambda one: one.largest), len(mine))


_OF_AMPLIFIERS: Final[tuple[Column[_Worst], ...]] = (
    Column("TEARING", "Largest departure from 1 at its borders", lambda w: w.border.largest),
    Column("TEAR_ERR", "Standard deviation of one column there", lambda w: w.border.error),
    Column("LEFT", "Left of that border", lambda w: w.border.left, of=str),
    Column("RIGHT", "Right of that border", lambda w: w.border.right, of=str),
    Column("BORDERS", "Borders measured", lambda w: w.borders, of=int),
)


def _borders(found: Tearing) -> ProductTable:
    columns: tuple[Column[Border], ...] = (
        Column("LEFT", "Amplifier on the left", lambda b: b.left, of=str),
        Column("RIGHT", "Amplifier on the right", lambda b: b.right, of=str),
        Column("TEARING", "Largest departure from 1 beside it", lambda b: b.largest),
        Column("TEAR_ERR", "Standard deviation of one column", lambda b: b.error),
    )
    return rows_table("BORDERS", found.borders, columns)


TEARING = Recipe(
    name="tearing",
    version="1",
    summary="Columns of flats that stand out at the borders between amplifiers.",
    image_type=ImageType.FLAT,
    roles=ROLES,
    parameters=TearingParameters,
    compute=compute,
)
