"""A crosstalk matrix as what is taken out of every frame. Must not know how it was measured."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.measured.form import Measured, check_level_removed
from calibrant.frames.writing import ProductTable, ProductTables
from calibrant.pixels import Geometry, Signature, Step
from calibrant.pixels.crosstalk import Crosstalk, CrosstalkMatrix, Reason, channel_name
from calibrant.pixels.image import Unit

_BETWEEN: Final = "BETWEEN"


def matrix_of(product: ProductTables) -> CrosstalkMatrix:
    """Return the matrix that is applied: what is significant, zeros elsewhere, nothing where nothing was measured.

    Parameters
    ----------
    product : ProductTables
        Of kind ``crosstalk``: its ``PAIRS``, and ``BETWEEN``, whose sources are channels of other detectors, where it has one.

    Returns
    -------
    CrosstalkMatrix
        In ADU of victim and source, whatever the product was measured in.

    Raises
    ------
    KeyError, ValueError
        A table, a column or a gain is missing, or a number that has no reason.
    """
    pairs, between = product.table("PAIRS"), _between(product)
    parts = [(pairs, pairs["SOURCE"].tolist())]
    gains = {one.name: one.gain_e_per_adu for one in product.amplifiers}
    if between is not None:
        channels = _channels(between)
        parts.append((between, channels))
        gains |= dict(zip(channels, between["SOURCE_GAIN"].tolist(), strict=True))
    own = tuple(dict.fromkeys((*pairs["AMPLIFIER"].tolist(), *pairs["SOURCE"].tolist())))
    sources = tuple(dict.fromkeys((*own, *(name for _, names in parts for name in names))))
    unit: Unit = "adu" if product.provenance.parameters.get("unit") == "adu" else "electron"
    return _filled(own, sources, parts, unit).in_unit("adu", gains)


def _filled(
    own: tuple[str, ...],
    sources: tuple[str, ...],
    parts: Sequence[tuple[ProductTable, Sequence[str]]],
    unit: Unit,
) -> CrosstalkMatrix:
    """Put the rows of tables, each with the names of its sources, into one matrix."""
    terms = 2 if any(column.name == "C1" for table, _ in parts for column in table.columns) else 1
    shape = (len(own), len(sources))
    coefficients, covariance = np.full((*shape, terms), np.nan), np.full((*shape, terms, terms), np.nan)
    count = np.zeros(shape, dtype=np.int64)
    reasons = [[Reason.SAME_AMPLIFIER] * len(sources) for _ in own]
    for table, names in parts:
        v = np.array([own.index(one) for one in table["AMPLIFIER"].tolist()])
        s = np.array([sources.index(name) for name in names])
        counts = table["SIGNIFICANT"] | (table["REASON"] != "")
        coefficients[v, s] = np.where(counts[:, None], _columns(table, ("C0", "C1")[:terms]), 0.0)
        covariance[v, s] = np.where(counts[:, None, None], _covariances(table, terms), 0.0)
        count[v, s] = table["PIXELS"]
        for victim, source, why in zip(v, s, table["REASON"], strict=True):
            reasons[victim][source] = Reason(str(why)) if why else Reason.MEASURED
    told = tuple(tuple(row) for row in reasons)
    return CrosstalkMatrix(own, sources, coefficients, covariance, count, told, unit)


def heard(signature: Signature) -> frozenset[int]:
    """Return the other detectors whose leaks a signature takes out."""
    barrier = signature.barriers.get(Step.CROSSTALK)
    if not isinstance(barrier, Crosstalk):
        return frozenset()
    channels = set(barrier.matrix.sources).difference(barrier.matrix.victims)
    return frozenset(int(name.partition("/")[0]) for name in channels)


def within(signature: Signature, geometry: Geometry) -> Signature:
    """Return a signature that takes out what leaks within the detector alone: for frames whose others are not to be had."""
    barrier = signature.barriers.get(Step.CROSSTALK)
    if not isinstance(barrier, Crosstalk) or not heard(signature):
        return signature
    own = Crosstalk.of(barrier.matrix.of_sources(barrier.matrix.victims), geometry)
    return replace(signature, barriers={**signature.barriers, Step.CROSSTALK: own})


def measured_between(product: ProductTables) -> frozenset[int]:
    """Return the other detectors that a product says something of."""
    between = _between(product)
    return frozenset() if between is None else frozenset(between["DETECTOR"].tolist())


def _between(product: ProductTables) -> ProductTable | None:
    return next((one for one in product.tables if one.name == _BETWEEN), None)


def _channels(between: ProductTable) -> list[str]:
    both = zip(between["DETECTOR"].tolist(), between["SOURCE"].tolist(), strict=True)
    return [channel_name(name, str(detector)) for detector, name in both]


def _leaking(matrix: CrosstalkMatrix) -> CrosstalkMatrix:
    """Leave out sources in other detectors that leak into nothing: their frames need not be read."""
    leak = (np.nan_to_num(matrix.coefficients) != 0).any(axis=(0, -1))
    both = zip(matrix.sources, leak, strict=True)
    return matrix.of_sources([name for name, leaks in both if leaks or name in matrix.victims])


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
    """Put the matrix at its step: what was read in other detectors is given in ADU, what is corrected has the gains in force."""
    check_level_removed(geometry, signature, product, "crosstalk", "leak as if it were signal")
    now = {one.name: one.gain_e_per_adu for one in geometry.amplifiers}
    try:
        matrix = _leaking(matrix_of(product))
        missing = sorted(now.keys() - set(matrix.victims))
        if missing:
            raise ValueError(f"its table PAIRS says nothing of amplifier {missing[0]}")
        matrix = matrix.in_unit(signature.unit, dict.fromkeys(matrix.sources, 1.0) | now)
        barrier = Crosstalk.of(matrix, geometry)
    except (KeyError, ValueError) as problem:
        raise ValueError(
            f"{product.provenance.product_id}: {problem.args[0]}; build it again with the instrument description in force"
        ) from problem
    return geometry, replace(signature, barriers={**signature.barriers, Step.CROSSTALK: barrier})


CROSSTALK: Final = Measured("crosstalk", _joined)
