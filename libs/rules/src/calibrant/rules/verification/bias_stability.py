"""Tests of a bias stability, per amplifier, on what its tables say: whether one bias is as good as another of that night.

This decides. Drifts too small for it, and shifts within frames, are told.
"""

from calibrant.rules.verification.analyses import About

SHARE = About("bias-stability")

LEVEL = SHARE.decides(
    "LEVEL", "LEVEL_CHANGE", 0.2, "scatter of the levels from frame to frame, over the noise of a pixel,"
)
NOISE = SHARE.decides(
    "NOISE", "NOISE_CHANGE", 0.05, "scatter of the noise from frame to frame, over its median,"
)
DRIFT = About("bias-stability", "electron/h").told(
    "DRIFT", ("DRIFT", "DRIFT_ERROR"), 1.0, "drift of the level that the overscan leaves"
)
SHIFTS = About("bias-stability", missing="needs a serial overscan, long enough for two windows of rows").told(
    "SHIFTS", ("SHIFTED",), 0.05, "part of the frames whose level shifts from one row to the next"
)
