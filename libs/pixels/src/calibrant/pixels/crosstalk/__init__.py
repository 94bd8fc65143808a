"""Crosstalk between amplifiers and detectors: measured where sources are bright, combined, and removed.

It owns coefficients by channel; it must not know files, cameras by name, or how frames were taken.
"""

from calibrant.pixels.crosstalk.channels import channel_name, readout_planes
from calibrant.pixels.crosstalk.combining import combine_crosstalk
from calibrant.pixels.crosstalk.matrix import CrosstalkMatrix, Reason, known_matrix
from calibrant.pixels.crosstalk.measuring import CrosstalkFit, measure_crosstalk
from calibrant.pixels.crosstalk.removing import Crosstalk
from calibrant.pixels.image import ReadoutPlane

__all__ = [
    "Crosstalk",
    "CrosstalkFit",
    "CrosstalkMatrix",
    "ReadoutPlane",
    "Reason",
    "channel_name",
    "combine_crosstalk",
    "known_matrix",
    "measure_crosstalk",
    "readout_planes",
]
