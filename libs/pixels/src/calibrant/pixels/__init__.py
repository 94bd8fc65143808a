"""Arrays in, arrays out: instrument-signature removal, combination, statistics.

This package owns what is done to pixels. It must not know files, tables, messages, clocks or the names of
cameras: an instrument reaches it as a :class:`Geometry`, frames as arrays. NumPy is all it needs.
"""

from calibrant.pixels.choosing import backend_in_use, why_not
from calibrant.pixels.combine import Combined, combine
from calibrant.pixels.composition import Composition
from calibrant.pixels.cosmic_rays import CosmicRays
from calibrant.pixels.darks import per_second, scaled
from calibrant.pixels.defect_statistics import DefectStatistics, defect_statistics
from calibrant.pixels.expectations import combined_variance, difference_variance
from calibrant.pixels.flat_surveying import FlatStatistics, flat_statistics
from calibrant.pixels.flats import NoiseRatio, Normalised, clipped_level, noise_ratio, normalise
from calibrant.pixels.fused import CombinedRaw, combine_raw
from calibrant.pixels.geometry import Amplifier, Box, Geometry
from calibrant.pixels.image import Image, OverscanLevel, Reference
from calibrant.pixels.isr import correct_frame, remove_signature
from calibrant.pixels.linearity import DoubleSpline, Linearity, Lookup, Polynomial, Spline
from calibrant.pixels.mask import MASK_DTYPE, MEANINGS, UNUSABLE, Mask
from calibrant.pixels.overscan import Overscan
from calibrant.pixels.page_locked import page_locked
from calibrant.pixels.rows import ArrayRows, RowSource
from calibrant.pixels.scaling import (
    ExposureSolution,
    FrameLevels,
    Scaling,
    frame_levels,
    frame_scales,
    solve_exposures,
)
from calibrant.pixels.shares import Combining
from calibrant.pixels.signature import Band, Barrier, Others, Signature, Step, Terms
from calibrant.pixels.statistics import (
    AmplifierStatistics,
    ClippedStatistics,
    RegionStatistics,
    WithoutCosmicRays,
    amplifier_statistics,
    clipped_statistics,
)
from calibrant.pixels.surveying import FrameStatistics, frame_statistics

ENGINE_VERSION = "5"
"""Version of what is computed: raised when the same inputs give other pixels. It is part of a job's identity."""

__all__ = [
    "ENGINE_VERSION",
    "MASK_DTYPE",
    "MEANINGS",
    "UNUSABLE",
    "Amplifier",
    "AmplifierStatistics",
    "ArrayRows",
    "Band",
    "Barrier",
    "Box",
    "ClippedStatistics",
    "Combined",
    "CombinedRaw",
    "Combining",
    "Composition",
    "CosmicRays",
    "DefectStatistics",
    "DoubleSpline",
    "ExposureSolution",
    "FlatStatistics",
    "FrameLevels",
    "FrameStatistics",
    "Geometry",
    "Image",
    "Linearity",
    "Lookup",
    "Mask",
    "NoiseRatio",
    "Normalised",
    "Others",
    "Overscan",
    "OverscanLevel",
    "Polynomial",
    "Reference",
    "RegionStatistics",
    "RowSource",
    "Scaling",
    "Signature",
    "Spline",
    "Step",
    "Terms",
    "WithoutCosmicRays",
    "amplifier_statistics",
    "backend_in_use",
    "clipped_level",
    "clipped_statistics",
    "combine",
    "combine_raw",
    "combined_variance",
    "correct_frame",
    "defect_statistics",
    "difference_variance",
    "flat_statistics",
    "frame_levels",
    "frame_scales",
    "frame_statistics",
    "noise_ratio",
    "normalise",
    "page_locked",
    "per_second",
    "remove_signature",
    "scaled",
    "solve_exposures",
    "why_not",
]
