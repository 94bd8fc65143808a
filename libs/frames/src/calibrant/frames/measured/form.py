"""The form in which a kind of product is joined to how frames are corrected. Must not know any kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrant.frames.writing import ProductTable, ProductTables
from calibrant.pixels import Geometry, Signature


@dataclass(frozen=True, slots=True)
class Measured:
    """How products of a kind are joined.

    Parameters
    ----------
    switch : str
        Field of `calibrant.frames.correcting.Choices` that says whether they are.
    join : callable
        ``join(geometry, signature, product)``: both with what the product says, the signature in its own unit (with the
        gains of the geometry where that is electrons). Amplifiers of which the product gives a reason in place of numbers
        stay as they are. It raises ValueError, which names the product, where that does not fit the detector.
    """

    switch: str
    join: Callable[[Geometry, Signature, ProductTables], tuple[Geometry, Signature]]


def check_level_removed(
    geometry: Geometry, signature: Signature, product: ProductTables, switch: str, wrong: str
) -> None:
    """Check that an overscan takes the electronic level away, where a step before the bias would take it for signal.

    Parameters
    ----------
    geometry, signature
        Of the detector.
    product : ProductTables
        Asks for the step.
    switch : str
        Leaves it out.
    wrong : str
        What would become of the level, to end the message.

    Raises
    ------
    ValueError
        It stays in.
    """
    if not signature.removes_level(geometry):
        raise ValueError(
            f"{product.provenance.product_id}: the frames keep their electronic level, which would {wrong}; choose an "
            f"overscan method that every amplifier has a region for, or set {switch} to false"
        )


def rows_by_amplifier(
    geometry: Geometry, product: ProductTables, table: str = "AMPLIFIERS"
) -> dict[str, dict[str, Any]]:
    """Return what a table of one row an amplifier says of the amplifiers of a detector, by name and column.

    Raises
    ------
    ValueError
        It has no such table, or not one row of an amplifier.
    """
    try:
        found: ProductTable = product.table(table)
    except KeyError as problem:
        raise ValueError(str(problem.args[0])) from problem
    rows = {}
    for amplifier in geometry.amplifiers:
        places = np.flatnonzero(found["AMPLIFIER"] == amplifier.name)
        if places.size != 1:
            raise ValueError(
                f"{product.provenance.product_id}: {places.size} rows of its table {table} are of amplifier "
                f"{amplifier.name}, not one; build it again with the instrument description in force"
            )
        rows[amplifier.name] = {column.name: column.values[places[0]] for column in found.columns}
    return rows
