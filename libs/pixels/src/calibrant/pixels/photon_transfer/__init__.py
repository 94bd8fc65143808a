"""Photon transfer: gain, read noise and brighter-fatter terms from pairs of flats. Arrays in, numbers out.

It must not know files, exposures' headers or messages.
"""

from calibrant.pixels.photon_transfer.curves import Curve, curves
from calibrant.pixels.photon_transfer.fit_settings import FitSettings
from calibrant.pixels.photon_transfer.fitting import fit_curves
from calibrant.pixels.photon_transfer.gains import (
    GainCorrection,
    PairGain,
    ReadNoise,
    pair_gain,
    read_noise,
)
from calibrant.pixels.photon_transfer.models import Model
from calibrant.pixels.photon_transfer.overscan_noise import overscan_noise
from calibrant.pixels.photon_transfer.pairing import FlatExposure, Pairing, pair_exposures
from calibrant.pixels.photon_transfer.pairs import (
    PairSettings,
    PairStatistics,
    measure_difference,
    pair_statistics,
)
from calibrant.pixels.photon_transfer.reasons import Reason
from calibrant.pixels.photon_transfer.results import CovarianceTerms, TransferFit
from calibrant.pixels.photon_transfer.spectra import level_bins, pooled, spectrum_statistics

__all__ = [
    "CovarianceTerms",
    "Curve",
    "FitSettings",
    "FlatExposure",
    "GainCorrection",
    "Model",
    "PairGain",
    "PairSettings",
    "PairStatistics",
    "Pairing",
    "ReadNoise",
    "Reason",
    "TransferFit",
    "curves",
    "fit_curves",
    "level_bins",
    "measure_difference",
    "overscan_noise",
    "pair_exposures",
    "pair_gain",
    "pair_statistics",
    "pooled",
    "read_noise",
    "spectrum_statistics",
]
