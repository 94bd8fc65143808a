"""Analyses of sets of frames that give no correction: darks, biases, flats and what is left after a flood.

It owns numbers that describe amplifiers, with errors; it must not know files, limits or verdicts.
"""

from calibrant.pixels.analyses.amplifier_correlations import (
    Correlations,
    amplifier_correlations,
    in_readout_order,
)
from calibrant.pixels.analyses.bias_shifts import Shift, amplifier_shifts, bias_shifts
from calibrant.pixels.analyses.bias_stability import BiasSeries, bias_stability, overscan_mean
from calibrant.pixels.analyses.dark_ramps import (
    DarkCurrent,
    DarkRamp,
    Glow,
    PixelRates,
    amplifier_glow,
    dark_ramp,
)
from calibrant.pixels.analyses.persistence import Fading, Latent, fit_fading, latent_signal
from calibrant.pixels.analyses.reasons import Reason
from calibrant.pixels.analyses.robust_lines import Line, robust_line
from calibrant.pixels.analyses.tearing import Border, Tearing, divisadero
from calibrant.pixels.analyses.telegraph import TelegraphPixels, telegraph_pixels

__all__ = [
    "BiasSeries",
    "Border",
    "Correlations",
    "DarkCurrent",
    "DarkRamp",
    "Fading",
    "Glow",
    "Latent",
    "Line",
    "PixelRates",
    "Reason",
    "Shift",
    "Tearing",
    "TelegraphPixels",
    "amplifier_correlations",
    "amplifier_glow",
    "amplifier_shifts",
    "bias_shifts",
    "bias_stability",
    "dark_ramp",
    "divisadero",
    "fit_fading",
    "in_readout_order",
    "latent_signal",
    "overscan_mean",
    "robust_line",
    "telegraph_pixels",
]
