"""Tests of correlations, per amplifier, on what their tables say, of biases and of flats. Errors decide; sizes are told."""

from calibrant.rules.verification.analyses import About

OF_BIASES = About("correlations", missing="needs two biases")
OF_FLATS = About("correlations", missing="needs two flats of one exposure time and filter")

BIAS_ERROR = OF_BIASES.decides(
    "BIAS_ERROR", "BIAS_CORRELATION_ERROR", 0.05, "standard error of its largest correlation in biases"
)
FLAT_ERROR = OF_FLATS.decides(
    "FLAT_ERROR", "FLAT_CORRELATION_ERROR", 0.05, "standard error of its largest correlation in flats"
)
BIAS_CORRELATION = OF_BIASES.told(
    "BIAS_CORRELATION",
    ("BIAS_CORRELATION", "BIAS_CORRELATION_ERROR"),
    0.1,
    "size of its largest correlation with another amplifier in biases",
)
FLAT_CORRELATION = OF_FLATS.told(
    "FLAT_CORRELATION",
    ("FLAT_CORRELATION", "FLAT_CORRELATION_ERROR"),
    0.1,
    "size of its largest correlation with another amplifier in flats",
)
