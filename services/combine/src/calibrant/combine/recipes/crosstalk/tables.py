"""The tables of a crosstalk matrix: a row a victim and source, a row an amplifier, a row an exposure. Knows no pixels.

What could not be had is NaN, and REASON says why.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.columns import texts
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.crosstalk import CrosstalkMatrix, Reason

AMPLIFIERS: Final = "AMPLIFIERS"
PAIRS: Final = "PAIRS"
EXPOSURES: Final = "EXPOSURES"
BETWEEN: Final = "BETWEEN"
"""There where frames of other detectors were given."""
MOST_LEFT: Final = 5.0
"""Errors from zero that nothing may be left beyond, however much a recipe asks for to take something out."""

_VICTIM: Final = "Victim: what shows the other"
_C: Final = ("C0", "C1")


def tables_of(
    matrix: CrosstalkMatrix,
    rest: CrosstalkMatrix,
    exposures: Sequence[CrosstalkMatrix],
    significance: float,
    gains: Mapping[str, float],
) -> tuple[ProductTable, ...]:
    """Return the tables of a crosstalk matrix.

    Parameters
    ----------
    matrix : CrosstalkMatrix
        Of all exposures.
    rest : CrosstalkMatrix
        The same, measured again in the frames with it taken out, with two terms.
    exposures : sequence of CrosstalkMatrix
        Of each.
    significance : float
        Errors from zero beyond which a coefficient is significant.
    gains : mapping of str to float
        Of the channels of other detectors, in electrons per ADU.
    """
    own, left = matrix.of_sources(matrix.victims), rest.of_sources(matrix.victims)
    tables = (_amplifiers(own, left, significance), _pairs(own, left, significance), _exposures(exposures))
    others = [name for name in matrix.sources if name not in matrix.victims]
    if not others:
        return tables
    return (*tables, _between(matrix.of_sources(others), rest.of_sources(others), significance, gains))


def _between(
    matrix: CrosstalkMatrix, rest: CrosstalkMatrix, significance: float, gains: Mapping[str, float]
) -> ProductTable:
    """Return the pairs whose source is in another detector."""
    places = _others(matrix)
    sources = [matrix.sources[s] for _, s in places]
    detectors, names = zip(*(name.split("/", 1) for name in sources), strict=True)
    return ProductTable(
        BETWEEN,
        (
            TableColumn("AMPLIFIER", texts(matrix.victims[v] for v, _ in places), _VICTIM),
            TableColumn("DETECTOR", np.array(detectors, dtype=np.int32), "The source's detector"),
            TableColumn("SOURCE", texts(names), "Its amplifier whose signal is shown"),
            TableColumn(
                "SOURCE_GAIN",
                np.array([gains[one] for one in sources]),
                "Gain that the source was measured with",
                "electron/adu",
            ),
            *_numbers(matrix, rest, places, significance),
        ),
    )


def _left(rest: CrosstalkMatrix, significance: float) -> NDArray[np.bool_]:
    """Say what is left significantly: who takes out only what is far beyond its errors leaves the rest, and is told so."""
    return rest.significant(min(significance, MOST_LEFT))


def _others(matrix: CrosstalkMatrix) -> list[tuple[int, int]]:
    """Return the places of all pairs of two amplifiers."""
    return [place for place in np.ndindex(matrix.count.shape) if not _same(matrix, *place)]


def _same(matrix: CrosstalkMatrix, victim: int, source: int) -> bool:
    return matrix.reasons[victim][source] is Reason.SAME_AMPLIFIER


def _pairs(matrix: CrosstalkMatrix, rest: CrosstalkMatrix, significance: float) -> ProductTable:
    places = _others(matrix)
    return ProductTable(
        PAIRS,
        (
            TableColumn("AMPLIFIER", texts(matrix.victims[v] for v, _ in places), _VICTIM),
            TableColumn(
                "SOURCE", texts(matrix.sources[s] for _, s in places), "Amplifier whose signal is shown"
            ),
            *_numbers(matrix, rest, places, significance),
        ),
    )


def _numbers(
    matrix: CrosstalkMatrix,
    rest: CrosstalkMatrix,
    places: Sequence[tuple[int, int]],
    significance: float,
) -> list[TableColumn]:
    """Return the columns of what was found of pairs, and of what is left of it."""
    victims, sources = np.array(places).T
    return [
        *_coefficients(matrix, "", "of the signal", victims, sources),
        TableColumn("PIXELS", matrix.count[victims, sources].astype(np.int32), "Bright pixels used", "pixel"),
        TableColumn(
            "SIGNIFICANT",
            matrix.significant(significance)[victims, sources],
            "Whether it is taken out of frames",
        ),
        TableColumn("REASON", _reasons(matrix, places), "Why not measured"),
        *_coefficients(rest, "REST_", "left in the corrected frames", victims, sources),
        TableColumn(
            "REST_SIGNIFICANT",
            _left(rest, significance)[victims, sources],
            "Whether REST is significant",
        ),
        TableColumn("REST_REASON", _reasons(rest, places), "Why there is no REST"),
    ]


def _coefficients(
    matrix: CrosstalkMatrix, prefix: str, words: str, victims: NDArray[Any], sources: NDArray[Any]
) -> list[TableColumn]:
    """Return the columns of coefficients and errors, and with two terms of their covariance."""
    values, errors = matrix.coefficients[victims, sources], matrix.errors[victims, sources]
    columns = []
    for term, name in enumerate(_C[: matrix.terms]):
        what, unit = (
            (f"Part {words}", "") if term == 0 else (f"Part of its square {words}", f"{matrix.unit}-1")
        )
        columns += [
            TableColumn(f"{prefix}{name}", values[:, term], what, unit),
            TableColumn(f"{prefix}{name}_ERR", errors[:, term], f"Standard error of {prefix}{name}", unit),
        ]
    if matrix.terms == 2:
        both = matrix.covariance[victims, sources][:, 0, 1]
        columns.append(TableColumn(f"{prefix}COV", both, "Covariance of the two", f"{matrix.unit}-1"))
    return columns


def _reasons(matrix: CrosstalkMatrix, places: Sequence[tuple[int, int]]) -> NDArray[Any]:
    return np.array([_why(matrix.reasons[v][s]) for v, s in places], dtype=np.str_)


def _why(reason: Reason) -> str:
    return "" if reason is Reason.MEASURED else str(reason)


def _amplifiers(matrix: CrosstalkMatrix, rest: CrosstalkMatrix, significance: float) -> ProductTable:
    rows = range(len(matrix.victims))
    significant, left = matrix.significant(significance), _left(rest, significance)
    strongest = [_strongest(matrix.coefficients[row, :, 0]) for row in rows]

    def of(get: Callable[[int], Any], kind: type) -> Any:
        return np.array([get(row) for row in rows], dtype=kind)

    def at_strongest(values: NDArray[np.float64]) -> Any:
        return of(lambda row: math.nan if strongest[row] is None else values[row, strongest[row], 0], float)

    return ProductTable(
        AMPLIFIERS,
        (
            TableColumn("AMPLIFIER", texts(matrix.victims), "Name of the amplifier"),
            TableColumn("SOURCES", of(lambda row: _sources(matrix, row), np.int32), "Other amplifiers"),
            TableColumn("MEASURED", of(lambda row: matrix.measured[row].sum(), np.int32), "Those measured"),
            TableColumn(
                "SIGNIFICANT", of(lambda row: significant[row].sum(), np.int32), "Those that it shows"
            ),
            TableColumn("LARGEST", at_strongest(matrix.coefficients), "C0 of the strongest"),
            TableColumn("LARGEST_ERR", at_strongest(matrix.errors), "Its standard error"),
            TableColumn(
                "LARGEST_OF",
                texts("" if place is None else matrix.sources[place] for place in strongest),
                "The amplifier that it is of",
            ),
            TableColumn(
                "ERROR", of(lambda row: _median(matrix.errors[row, :, 0]), float), "Median of C0_ERR"
            ),
            TableColumn("RESTS", of(lambda row: rest.measured[row].sum(), np.int32), "Those with a REST"),
            TableColumn("LEFT", of(lambda row: left[row].sum(), np.int32), "Those whose REST is significant"),
            TableColumn("REASON", texts(_why_none(matrix, row) for row in rows), "Why nothing is measured"),
        ),
    )


def _sources(matrix: CrosstalkMatrix, row: int) -> int:
    return sum(reason is not Reason.SAME_AMPLIFIER for reason in matrix.reasons[row])


def _strongest(values: NDArray[np.float64]) -> int | None:
    return int(np.nanargmax(np.abs(values))) if np.isfinite(values).any() else None


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def _why_none(matrix: CrosstalkMatrix, row: int) -> str:
    """Return the first reason of an amplifier of which nothing is measured."""
    if matrix.measured[row].any():
        return ""
    return next(_why(reason) for reason in matrix.reasons[row] if reason is not Reason.SAME_AMPLIFIER)


def _exposures(exposures: Sequence[CrosstalkMatrix]) -> ProductTable:
    return ProductTable(
        EXPOSURES,
        (
            TableColumn("FRAME", np.arange(1, len(exposures) + 1, dtype=np.int32), "Its row in PROVENANCE"),
            TableColumn(
                "MEASURED",
                np.array([one.measured.sum() for one in exposures], dtype=np.int32),
                "Pairs measured",
            ),
            TableColumn(
                "PIXELS",
                np.array([one.count.sum() for one in exposures], dtype=np.int64),
                "Bright pixels used",
                "pixel",
            ),
            TableColumn(
                "REASON",
                texts(
                    next(filter(None, (_why_none(one, row) for row in range(len(one.victims)))), "")
                    for one in exposures
                ),
                "First reason of an amplifier without any",
            ),
        ),
    )
