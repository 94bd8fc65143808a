"""Linearity from signals against light: curves, two filters, shutter, lamp and photodiode.

This package owns how a :class:`calibrant.pixels.Linearity` is measured. It must not know files, instruments or how
signals were taken from frames; what it gives is applied by a signature like any other.
"""

from calibrant.pixels.nonlinearity.curves import Curve, PolynomialCurve, SplineCurve, tabulate
from calibrant.pixels.nonlinearity.fitting import Fit, fit_linearity
from calibrant.pixels.nonlinearity.flicker import flicker
from calibrant.pixels.nonlinearity.lamp import (
    Brackets,
    Drift,
    common_level,
    interpolated_drift,
    polynomial_drift,
)
from calibrant.pixels.nonlinearity.photodiode import Charge, photodiode_charge
from calibrant.pixels.nonlinearity.ramp import Ramp
from calibrant.pixels.nonlinearity.reasons import Reason
from calibrant.pixels.nonlinearity.residuals import (
    Nonlinearity,
    halves,
    largest_nonlinearity,
    refit,
    residual_error,
)
from calibrant.pixels.nonlinearity.rules import FitRules
from calibrant.pixels.nonlinearity.shutter import ShutterOffset, common_offset, shutter_offset
from calibrant.pixels.nonlinearity.two_splines import DoubleFit, fit_double_spline

__all__ = [
    "Brackets",
    "Charge",
    "Curve",
    "DoubleFit",
    "Drift",
    "Fit",
    "FitRules",
    "Nonlinearity",
    "PolynomialCurve",
    "Ramp",
    "Reason",
    "ShutterOffset",
    "SplineCurve",
    "common_level",
    "common_offset",
    "fit_double_spline",
    "fit_linearity",
    "flicker",
    "halves",
    "interpolated_drift",
    "largest_nonlinearity",
    "photodiode_charge",
    "polynomial_drift",
    "refit",
    "residual_error",
    "shutter_offset",
    "tabulate",
]
