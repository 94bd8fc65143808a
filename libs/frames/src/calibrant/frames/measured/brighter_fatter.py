"""A brighter-fatter kernel as what moves charge back in every frame. Must not know how it was measured."""

from dataclasses import replace
from typing import Final

import numpy as np

from calibrant.frames.measured.form import Measured
from calibrant.frames.writing import ProductTable, ProductTables
from calibrant.pixels import Geometry, Signature, Step
from calibrant.pixels.brighter_fatter import BoundaryShifts, BrighterFatter, from_quarters
from calibrant.pixels.image import Unit


def barrier_of(shifts: ProductTable, geometry: Geometry, unit: Unit) -> BrighterFatter:
    """Return what moves charge back, by the shifts of boundaries of each amplifier.

    Shifts are told for electrons by the gain of the table; where the detector's amplifiers count theirs by another one,
    they are of those.

    Parameters
    ----------
    shifts : ProductTable
        ``SHIFTS`` of a product of kind ``bfk``.
    geometry : Geometry
        The detector, with the gains in force.
    unit : {'electron', 'adu'}
        Of the frames that are corrected.

    Raises
    ------
    ValueError
        An amplifier has no row, or a shift is not finite.
    """
    rows = {str(name): row for row, name in enumerate(shifts["AMPLIFIER"])}
    missing = [one.name for one in geometry.amplifiers if one.name not in rows]
    if missing:
        raise ValueError(f"table {shifts.name} has no shifts for amplifier {missing[0]}")
    each = {}
    for one in geometry.amplifiers:
        row = rows[one.name]
        ratio = float(shifts["GAIN"][row]) / one.gain_e_per_adu
        each[one.name] = from_quarters(shifts["COLUMNS"][row] * ratio, shifts["ROWS"][row] * ratio)
    first = next(iter(each.values()))
    alike = all(_same(first, one) for one in each.values())
    return BrighterFatter(first if alike else each, unit=unit)


def _joined(geometry: Geometry, signature: Signature, product: ProductTables) -> tuple[Geometry, Signature]:
    try:
        barrier = barrier_of(product.table("SHIFTS"), geometry, signature.unit)
    except (KeyError, ValueError) as problem:
        raise ValueError(
            f"{product.provenance.product_id}: {problem.args[0]}; build it again with the instrument description in force"
        ) from problem
    return geometry, replace(signature, barriers={**signature.barriers, Step.BRIGHTER_FATTER: barrier})


def _same(first: BoundaryShifts, second: BoundaryShifts) -> bool:
    return np.array_equal(first.columns, second.columns) and np.array_equal(first.rows, second.rows)


BFK: Final = Measured("brighter_fatter", _joined)
