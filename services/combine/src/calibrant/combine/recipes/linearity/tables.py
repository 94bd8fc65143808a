"""The tables of a linearity: amplifiers, what corrects them, points and exposures. Must not know frames, nor how it is fitted.

`calibrant.frames.measured.linearity` reads them again. All signals are in ADU above the electronic level, whatever unit a
job works in: what the readout does to them does not depend on the gain that somebody takes for it.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.columns import texts
from calibrant.combine.recipes.linearity.findings import Findings, why_not
from calibrant.combine.recipes.linearity.fits import Measured, Residual
from calibrant.frames.measured.linearity import (
    COEFFICIENTS,
    DOUBLE_SPLINE,
    KNOTS,
    LOOKUP,
    LOOKUPS,
    NONE,
    POLYNOMIAL,
    SPLINE,
)
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels import DoubleSpline, Lookup, Polynomial, Spline
from calibrant.pixels.nonlinearity import Reason

AMPLIFIERS: Final = "AMPLIFIERS"
RESPONSES: Final = "RESPONSES"
POINTS: Final = "POINTS"
EXPOSURES: Final = "EXPOSURES"


def tables_of(found: Findings) -> tuple[ProductTable, ...]:
    """Return the tables of a linearity; of those of corrections only the ones that are needed."""
    corrections = (_coefficients(found), _knots(found), _lookups(found))
    return (
        _amplifiers(found),
        *(table for table in corrections if len(table)),
        _responses(found),
        _points(found),
        _exposures(found),
    )


def _amplifiers(found: Findings) -> ProductTable:
    def of(get: Callable[[Measured], Any], nothing: Any = np.nan, kind: type = float) -> Any:
        return np.array([get(one) if isinstance(one, Measured) else nothing for one in found.fits], kind)

    def left(get: Callable[[Residual], float]) -> Any:
        return np.array([get(one) if isinstance(one, Residual) else np.nan for one in found.residuals], float)

    unit = _unit(found)
    counted = np.isfinite(found.ramp.signal).sum(axis=1).astype(np.int32)
    saturated = found.signals.saturated.sum(axis=1).astype(np.int32)
    stability = np.full(len(found.fits), found.lights.stability_percent)
    return ProductTable(
        AMPLIFIERS,
        (
            TableColumn("AMPLIFIER", texts(found.signals.names), "Name of the amplifier"),
            TableColumn("MODEL", texts(_model(one) for one in found.fits), "What makes its signals linear"),
            TableColumn("LOWEST", _lowest(found), "Lowest signal fitted", "adu"),
            TableColumn("HIGHEST", of(lambda fit: fit.highest), "Highest signal fitted", "adu"),
            TableColumn(
                "MAX_NL", of(lambda fit: fit.largest[0]), "Largest deviation without correction", "%"
            ),
            TableColumn("MAX_NL_AT", of(lambda fit: fit.largest[1]), "Signal where it is that", "adu"),
            TableColumn("DEVIATION", of(lambda fit: 100 * fit.deviation), "Largest residual of a point", "%"),
            TableColumn("RESIDUAL", left(lambda one: one.error), "Residual correction over its limit"),
            TableColumn("RES_NL", left(lambda one: one.percent), "Largest deviation of the residual", "%"),
            TableColumn(
                "RES_WHY", texts(why_not(one) for one in found.residuals), "Why there is no residual"
            ),
            TableColumn("OFFSET", of(lambda fit: fit.offset), "What is added to the light", unit),
            TableColumn("OFFSET_ERR", of(lambda fit: fit.offset_error), "Standard error of OFFSET", unit),
            TableColumn("POINTS", of(lambda fit: np.count_nonzero(fit.kept), 0, np.int32), "Points fitted"),
            TableColumn("MEASURED", counted, "Points that could be"),
            TableColumn("SATURATED", saturated, "Exposures with too many saturated pixels"),
            TableColumn("CHI2", of(lambda fit: fit.chi2), "Chi squared of the points fitted"),
            TableColumn("DOF", of(lambda fit: fit.dof, 0, np.int32), "Degrees of freedom"),
            TableColumn("LAMP", stability, "Scatter of the exposures that follow the lamp", "%"),
            TableColumn("IS_REF", of(lambda fit: fit.reference, nothing=False, kind=bool), "The reference"),
            TableColumn("REASON", texts(found.reasons), "Why there is no fit"),
        ),
    )


def _unit(found: Findings) -> str:
    return "s" if found.lights.source == "time" else ""


def _lowest(found: Findings) -> NDArray[np.float64]:
    both = zip(found.ramp.signal, found.fits, strict=True)
    return np.array([signal[fit.kept].min() if isinstance(fit, Measured) else np.nan for signal, fit in both])


def _model(fit: Measured | Reason) -> str:
    if isinstance(fit, Reason):
        return NONE
    return {Polynomial: POLYNOMIAL, Spline: SPLINE, DoubleSpline: DOUBLE_SPLINE, Lookup: LOOKUP}[
        type(fit.linearity)
    ]


def _coefficients(found: Findings) -> ProductTable:
    rows = [
        (name, power, value, error)
        for name, fit in found.fitted
        if isinstance(fit.linearity, Polynomial)
        for power, (value, error) in enumerate(
            zip(fit.linearity.coefficients, fit.coefficient_errors, strict=True), 2
        )
    ]
    return ProductTable(
        COEFFICIENTS,
        (
            TableColumn("AMPLIFIER", texts(row[0] for row in rows), "Name of the amplifier"),
            TableColumn("POWER", np.array([row[1] for row in rows], np.int32), "Power of the signal"),
            TableColumn("VALUE", np.array([row[2] for row in rows], float), "Coefficient, adu**(1 - POWER)"),
            TableColumn("ERROR", np.array([row[3] for row in rows], float), "Standard error of VALUE"),
        ),
    )


def _knots(found: Findings) -> ProductTable:
    splines: list[tuple[str, int, Spline]] = []
    for name, fit in found.fitted:
        if isinstance(fit.linearity, Spline):
            splines.append((name, 1, fit.linearity))
        elif isinstance(fit.linearity, DoubleSpline):
            splines += [(name, 1, fit.linearity.first), (name, 2, fit.linearity.second)]
    rows = [
        (name, which, *knot)
        for name, which, one in splines
        for knot in zip(one.knots, one.values, strict=True)
    ]
    return ProductTable(
        KNOTS,
        (
            TableColumn("AMPLIFIER", texts(row[0] for row in rows), "Name of the amplifier"),
            TableColumn("SPLINE", np.array([row[1] for row in rows], np.int32), "1, or 2: after the first"),
            TableColumn("SIGNAL", np.array([row[2] for row in rows], float), "Where the knot is", "adu"),
            TableColumn("VALUE", np.array([row[3] for row in rows], float), "What is too much there", "adu"),
        ),
    )


def _lookups(found: Findings) -> ProductTable:
    tables = [(name, fit.linearity) for name, fit in found.fitted if isinstance(fit.linearity, Lookup)]
    longest = max((len(one.table) for _, one in tables), default=0)
    padded = [np.pad(one.table, (0, longest - len(one.table)), mode="edge") for _, one in tables]
    return ProductTable(
        LOOKUPS,
        (
            TableColumn("AMPLIFIER", texts(name for name, _ in tables), "Name of the amplifier"),
            TableColumn("FIRST", np.array([one.first for _, one in tables], np.int32), "Of the first", "adu"),
            TableColumn("ENTRIES", np.array([len(one.table) for _, one in tables], np.int32), "That count"),
            TableColumn(
                "VALUES",
                np.array(padded, np.float32).reshape(len(tables), longest),
                "What is missing for each ADU",
                "adu",
            ),
        ),
    )


def _responses(found: Findings) -> ProductTable:
    rows = [
        (name, filter_, *both)
        for name, fit in found.fitted
        for filter_, both in zip(
            found.lights.filters, zip(fit.responses, fit.response_errors, strict=True), strict=True
        )
    ]
    unit = "adu/s" if _unit(found) else "adu"
    return ProductTable(
        RESPONSES,
        (
            TableColumn("AMPLIFIER", texts(row[0] for row in rows), "Name of the amplifier"),
            TableColumn("FILTER", texts(row[1] for row in rows), "Filter"),
            TableColumn(
                "RESPONSE", np.array([row[2] for row in rows], float), "For each unit of light", unit
            ),
            TableColumn("ERROR", np.array([row[3] for row in rows], float), "Standard error", unit),
        ),
    )


def _points(found: Findings) -> ProductTable:
    exposures = len(found.ramp.light)
    nothing = (np.full(exposures, np.nan), np.zeros(exposures, bool))
    each = [(fit.residual, fit.kept) if isinstance(fit, Measured) else nothing for fit in found.fits]
    return ProductTable(
        POINTS,
        (
            TableColumn(
                "AMPLIFIER",
                texts(name for name in found.signals.names for _ in range(exposures)),
                "Name of the amplifier",
            ),
            TableColumn(
                "FRAME",
                np.tile(np.arange(1, exposures + 1, dtype=np.int32), len(found.fits)),
                "Its row in PROVENANCE",
            ),
            TableColumn("SIGNAL", found.signals.mean.ravel(), "Level above the electronic one", "adu"),
            TableColumn("SIGNAL_ERR", found.signals.error.ravel(), "Standard error of SIGNAL", "adu"),
            TableColumn("RESIDUAL", 100 * np.array([one for one, _ in each]).ravel(), "Off the light", "%"),
            TableColumn("ON_CURVE", np.array([kept for _, kept in each]).ravel(), "Whether the fit has it"),
            TableColumn("SATURATED", found.signals.saturated.ravel(), "Whether too many pixels are"),
        ),
    )


def _exposures(found: Findings) -> ProductTable:
    lights, unit = found.lights, _unit(found)
    exposures = len(lights.light)
    return ProductTable(
        EXPOSURES,
        (
            TableColumn("FRAME", np.arange(1, exposures + 1, dtype=np.int32), "Its row in PROVENANCE"),
            TableColumn("FILTER", texts(lights.filters[one] for one in lights.groups), "Filter"),
            TableColumn("EXPTIME", np.array(found.exptime_s, float), "Exposure time", "s"),
            TableColumn("SOURCE", texts([lights.source] * exposures), "What the light is taken from"),
            TableColumn("LIGHT", lights.light, "Light", unit),
            TableColumn("LIGHT_ERR", found.ramp.light_sigma, "Standard error of LIGHT", unit),
            TableColumn("BRIGHTNESS", lights.brightness, "Of the lamp, relative; it is in LIGHT"),
            TableColumn("REASON", texts(lights.reasons), "Why there is no light"),
        ),
    )
