"""Tests of a tearing, per amplifier, on what its tables say. Its error decides; how torn a border is, is told."""

from calibrant.rules.verification.analyses import About

BORDER = About("tearing", missing="no amplifier lies beside it")

ERROR = BORDER.decides("ERROR", "TEARING_ERROR", 0.005, "noise of the response of one column")
TEARING = BORDER.told(
    "TEARING", ("TEARING", "TEARING_ERROR"), 0.01, "largest departure from 1 of the columns at a border"
)
