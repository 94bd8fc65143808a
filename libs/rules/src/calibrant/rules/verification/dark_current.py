"""Tests of a dark current, per amplifier, on what its tables say. Its error decides; the sensor's own limits are told."""

from calibrant.rules.verification.analyses import About

RATE = About("dark-current", "electron/s")
SHARE = About("dark-current")

ERROR = RATE.decides("ERROR", "DARK_ERROR", 0.05, "standard error of the dark current")
NEGATIVE = SHARE.decides(
    "NEGATIVE", "DARK_BELOW_ZERO", 5.0, "how many standard errors the dark current lies below zero"
)
REJECTED = SHARE.decides("REJECTED", "DARK_REJECTED", 0.25, "part of the frames off the line")
DARK_CURRENT = RATE.told(
    "DARK_CURRENT",
    ("DARK_CURRENT", "DARK_ERROR"),
    0.15,
    "dark current",
    "ours, of LSST's 0.1 ADU/s (SITCOMTN-148); advisory",
)
P95 = RATE.told("P95", ("DARK_P95", "DARK_PIXEL_ERROR"), 0.15, "95th percentile of the pixels' dark currents")
GLOW = About(
    "dark-current", "electron/s", "the readout corner, or the rest, has too few pixels with a rate"
).told("GLOW", ("GLOW", "GLOW_ERROR"), 0.05, "dark current at the readout corner beyond that elsewhere")
TELEGRAPH = About(
    "dark-current", missing="needs eight darks of one dark time, and that they are searched"
).told("TELEGRAPH", ("TELEGRAPH",), 1e-3, "part of the pixels that jump between two levels")
