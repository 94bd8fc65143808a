"""Measured linearities in place of the instrument file's: the tables of a product, read again. Must not know how they were measured.

The product tells them in ADU above the electronic level, as instrument files do; the signature has them in its own unit, by the
gains of the geometry.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.instrument.linearity import (
    DoubleSplineLinearity,
    Knots,
    PolynomialLinearity,
    SplineLinearity,
    scaled_table,
)
from calibrant.frames.measured.form import Measured, rows_by_amplifier
from calibrant.frames.writing import ProductTable, ProductTables
from calibrant.pixels import Geometry, Linearity, Polynomial, Signature

COEFFICIENTS: Final = "COEFFICIENTS"
KNOTS: Final = "KNOTS"
LOOKUPS: Final = "LOOKUPS"

POLYNOMIAL: Final = "polynomial"
SPLINE: Final = "spline"
DOUBLE_SPLINE: Final = "double-spline"
LOOKUP: Final = "lookup"
NONE: Final = "none"
"""What stands in MODEL of an amplifier that could not be measured."""

UNCORRECTED: Final = Polynomial((0.0,))
"""Leaves signals as they are: of an amplifier that neither the product nor the instrument file says anything of."""


def linearities(product: ProductTables, geometry: Geometry, unit: str) -> dict[str, Linearity]:
    """Read what makes signals linear, by amplifier; those that the product gives a reason of are left out.

    Parameters
    ----------
    product : ProductTables
        Of kind ``linearity``.
    geometry : Geometry
        The detector; its gains are those by which signals in electrons were multiplied.
    unit : {'electron', 'adu'}
        Of the signals that are to be corrected.

    Raises
    ------
    ValueError
        A table, a row or a model is missing; the text names the product.
    """
    rows = rows_by_amplifier(geometry, product)
    found = {}
    for one in geometry.amplifiers:
        gain, model = one.gain_e_per_adu if unit == "electron" else 1.0, str(rows[one.name]["MODEL"])
        if model == NONE:
            continue
        try:
            found[one.name] = _read(product, one.name, model, gain)
        except (KeyError, ValueError) as problem:
            raise ValueError(
                f"{product.provenance.product_id}: the linearity of amplifier {one.name} cannot be read: "
                f"{problem.args[0]}"
            ) from problem
    return found


def _read(product: ProductTables, name: str, model: str, gain: float) -> Linearity:
    if model == POLYNOMIAL:
        values = _of(product.table(COEFFICIENTS), name)["VALUE"]
        return PolynomialLinearity(model="polynomial", coefficients=tuple(values.tolist())).scaled(gain)
    if model == LOOKUP:
        own = _of(product.table(LOOKUPS), name)
        values, first = own["VALUES"][0, : own["ENTRIES"][0]], int(own["FIRST"][0])
        return scaled_table(values.astype(np.float64), first, 1, gain)
    knots = _of(product.table(KNOTS), name)
    if model == SPLINE:
        return SplineLinearity(model="spline", **_spline(knots, 1)).scaled(gain)
    if model == DOUBLE_SPLINE:
        both = (Knots(**_spline(knots, which)) for which in (1, 2))
        return DoubleSplineLinearity(
            model="double-spline", **dict(zip(("first", "second"), both, strict=True))
        ).scaled(gain)
    raise ValueError(
        f"unknown model {model!r}; there are {POLYNOMIAL}, {SPLINE}, {DOUBLE_SPLINE} and {LOOKUP}"
    )


def _of(table: ProductTable, name: str) -> dict[str, NDArray[Any]]:
    """Return the rows of an amplifier, by column."""
    mine = table["AMPLIFIER"] == name
    if not mine.any():
        raise ValueError(f"its table {table.name} has no row of it")
    return {column.name: column.values[mine] for column in table.columns}


def _spline(knots: dict[str, NDArray[Any]], which: int) -> dict[str, tuple[float, ...]]:
    mine = knots["SPLINE"] == which
    return {
        "knots": tuple(knots["SIGNAL"][mine].tolist()),
        "values": tuple(knots["VALUE"][mine].tolist()),
    }


def _joined(geometry: Geometry, signature: Signature, product: ProductTables) -> tuple[Geometry, Signature]:
    told = linearities(product, geometry, signature.unit)
    own = {one.name: signature.linearity.get(one.name, UNCORRECTED) for one in geometry.amplifiers}
    return geometry, replace(signature, linearity=own | told)


LINEARITY: Final = Measured("linearity", _joined)
