"""A crosstalk matrix as what is taken out of every frame. Must not know how it was measured."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.measured.form import Measured, check_level_removed
from calibrant.frames.writing import ProductTable, ProductTables
from calibrant.pixels import Geometry, Signature, Step
from calibrant.pixels.crosstalk import Crosstalk, CrosstalkMatrix, Reason
from calibrant.pixels.image import Unit


def matrix_of(pairs: ProductTable, unit: Unit) -> CrosstalkMatrix:
    """Return the matrix that is applied: what is significant, zeros elsewhere, nothing where nothing was measured.

    Parameters
    ----------
    pairs : ProductTable
        ``PAIRS`` of a product of kind ``crosstalk``.
    unit : {'electron', 'adu'}
        That it was measured in.

    Raises
    ------
    ValueError
        A number is missing that has no reason.
    """
    names = tuple(dict.fromkeys(str(one) for one in (*pairs["AMPLIFIER"], *pairs["SOURCE"])))
    v, s = (np.array([names.index(str(one)) for one in pairs[column]]) for column in ("AMPLIFIER", "SOURCE"))
    terms = 2 if any(column.name == "C1" for column in pairs.columns) else 1
    square = (len(names), len(names))
    coefficients, covariance = np.full((*square, terms), np.nan), np.full((*square, terms, terms), np.nan)
    count = np.zeros(square, dtype=np.int64)
    counts = pairs["SIGNIFICANT"] | (pairs["REASON"] != "")
    coefficients[v, s] = np.where(counts[:, None], _columns(pairs, ("C0", "C1")[:terms]), 0.0)
    covariance[v, s] = np.where(counts[:, None, None], _covariances(pairs, terms), 0.0)
    count[v, s] = pairs["PIXELS"]
    reasons = [[Reason.SAME_AMPLIFIER] * len(names) for _ in names]
    for victim, source, why in zip(v, s, pairs["REASON"], strict=True):
        reasons[victim][source] = Reason(str(why)) if why else Reason.MEASURED
    return CrosstalkMatrix(
        names, names, coefficients, covariance, count, tuple(tuple(row) for row in reasons), unit
    )


def _columns(pairs: ProductTable, names: Sequence[str]) -> NDArray[np.float64]:
    return np.stack([pairs[name] for name in names], axis=-1)


def _covariances(pairs: ProductTable, terms: int) -> NDArray[np.float64]:
    """Return the covariance of the coefficients of each pair."""
    first = pairs["C0_ERR"] ** 2
    if terms == 1:
        return np.asarray(first[:, None, None])
    both: NDArray[Any] = np.array([[first, pairs["COV"]], [pairs["COV"], pairs["C1_ERR"] ** 2]])
    return np.moveaxis(both, -1, 0)


def _joined(geometry: Geometry, signature: Signature, product: ProductTables) -> tuple[Geometry, Signature]:
    """Put the matrix at its step: told in ADU by the gains that it was made with, applied by those in force."""
    check_level_removed(geometry, signature, product, "crosstalk", "leak as if it were signal")
    unit: Unit = "adu" if product.provenance.parameters.get("unit") == "adu" else "electron"
    made = {one.name: one.gain_e_per_adu for one in product.amplifiers}
    now = {one.name: one.gain_e_per_adu for one in geometry.amplifiers}
    try:
        matrix = matrix_of(product.table("PAIRS"), unit)
        missing = sorted(now.keys() - set(matrix.victims))
        if missing:
            raise ValueError(f"its table PAIRS says nothing of amplifier {missing[0]}")
        matrix = matrix.in_unit("adu", made).in_unit(signature.unit, now)
        barrier = Crosstalk.of(matrix, geometry)
    except (KeyError, ValueError) as problem:
        raise ValueError(
            f"{product.provenance.product_id}: {problem.args[0]}; build it again with the instrument description in force"
        ) from problem
    return geometry, replace(signature, barriers={**signature.barriers, Step.CROSSTALK: barrier})


CROSSTALK: Final = Measured("crosstalk", _joined)
