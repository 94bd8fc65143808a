"""Measurements that pass, and the verdicts on them."""

from calibrant.rules import verification as v
from calibrant.rules.verification import Limits, Scope, Verdict

AMP = Scope(exposure_id="e1", detector=0, amplifier="A")
DET = Scope(exposure_id="e1", detector=0)
EXP = Scope(exposure_id="e1")
GOOD = {
    "MEAN": 0.1, "NOISE": 5.0, "CR_NOISE": 5.0, "READ_NOISE": 5.0, "NOMINAL_READ_NOISE": 5.0, "OVERSCAN_NOISE": 5.0, "PROCESSING_ERRORS": 0.0,
    "NOISE_RATIO": 1.0, "SCATTER": 0.001, "IN_ELECTRONS": 1.0, "BAD_FRACTION": 0.01,
    "OUTLIERS": 3.0, "UNMASKED_OUTLIERS": 9.0, "STDEV": 5.0, "UNMASKED_STDEV": 5.5, "MIN": -20.0, "UNMASKED_MIN": -30.0,
    "MAX": 20.0, "UNMASKED_MAX": 900.0, "STAT_OUTLIERS": 6.0, "DEFECT_PIXELS": 6.0, "FRAC": 6e-4,
    "NUM_COSMICS_BEFORE": 8.0, "NUM_COSMICS_AFTER": 3.0,
    "ILLUMINATION": 0.01, "SPLIT_MEAN": 0.1, "SPLIT_NOISE": 2.0, "SPLIT_EXPECTED": 2.0,
    "GAIN": 1.5, "NOMINAL_GAIN": 1.5, "PAIR_GAIN": 1.5, "PTC_NOISE": 5.0, "PTC_NOISE_ERROR": 0.05, "NOISE_SPREAD": 0.01,
    "TURNOFF": 95000.0, "A00": -2e-6, "A00_ERROR": 1e-8, "CHI2_RATIO": 1.0, "GAIN_SPREAD": 0.01,
    "LEFT_COVARIANCE": 0.02, "LEFT_COVARIANCE_ERROR": 0.03, "CORRECTED_VARIANCE": 1.005, "CORRECTED_VARIANCE_ERROR": 0.002,
    "CROSSTALK_LEFT": 0.0, "CROSSTALK_UNKNOWN": 0.0, "CROSSTALK_LARGEST": -1e-4, "CROSSTALK_ERROR": 4e-6, "CROSSTALK_BETWEEN": 0.0,
    "SERIAL_CTI": 2e-6, "SERIAL_CTI_ERROR": 1e-8, "SERIAL_RESIDUAL": 2e-8, "SERIAL_RESIDUAL_ERROR": 1e-8,
    "PARALLEL_CTI": 2e-6, "PARALLEL_CTI_ERROR": 1e-8, "PARALLEL_RESIDUAL": 2e-8, "PARALLEL_RESIDUAL_ERROR": 1e-8,
    "HARD_EDGE": 1e-3,
    "NONLINEARITY_PERCENT": -1.5, "DEVIATION_PERCENT": 0.1, "RESIDUAL": 0.02, "RESIDUAL_PERCENT": 0.01, "LAMP_PERCENT": 0.2,
    "DARK_CURRENT": 0.02, "DARK_ERROR": 0.001, "DARK_BELOW_ZERO": 0.0, "DARK_REJECTED": 0.0, "DARK_P95": 0.1, "DARK_PIXEL_ERROR": 0.1,
    "GLOW": 0.01, "GLOW_ERROR": 0.001, "TELEGRAPH": 1e-4, "LEVEL_CHANGE": 0.01, "NOISE_CHANGE": 0.01, "DRIFT": 0.1, "DRIFT_ERROR": 0.1,
    "SHIFTED": 0.0, "TEARING": 0.002, "TEARING_ERROR": 0.001, "BIAS_CORRELATION": 0.01, "BIAS_CORRELATION_ERROR": 0.01,
    "FLAT_CORRELATION": 0.01, "FLAT_CORRELATION_ERROR": 0.01, "LATENT": 1e-3, "LATENT_ERROR": 1e-5, "DECAY_MISFIT": 1.0,
}  # fmt: skip


PASS, FAIL, NOT_APPLICABLE = Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE


def verdicts(kind, measurements, scope=AMP, limits=None):
    return {r.test: r.verdict for r in v.evaluate(kind, measurements, limits or Limits(), scope)}


def one(kind, name, measurements, scope=AMP, limits=None):
    (found,) = [r for r in v.evaluate(kind, measurements, limits or Limits(), scope) if r.test == name]
    return found
