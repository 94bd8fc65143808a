"""From what is measured of a frame to numbers by amplifier. Must not know files, limits or verdicts.

Numbers are in electrons unless `UNITS` says otherwise. Beside those of ``calibrant.rules.verification``:

================== =====================================================================================
CLIPPED_MEAN       mean within the clip (5 sigma, 3 iterations)
MEDIAN, STD, P...  median, standard deviation and percentiles of all good pixels
AMP_CORNER         mean of the box of 200 x 200 pixels at the readout corner
N_GOOD, N_EXCLUDED pixels measured, and left out by their mask
N_CLIPPED          good pixels outside the clip
OVERSCAN_LEVEL_ADU level of the overscan
READ_NOISE_ADU     standard deviation of the overscan's residual; OVERSCAN_NOISE is the same in electrons
NOMINAL_READ_NOISE read noise of the instrument file
READ_NOISE         what NOISE is compared with: the nominal one with the noise of the overscan level and of the
                   nominal dark current, less for a frame that is part of the reference, more for one that is not
CR_NOISE, N_STRUCK standard deviation without the pixels that cosmic rays struck, and how many those are
DEFECT_PIXELS, ... of defects: pixels marked; STAT_OUTLIERS, pixels that chance makes improbable; FRAC, part of the
                   pixels; OUTLIERS, MEDIAN, STDEV (within the clip), MIN, MAX without the defects, and the same
                   with them as UNMASKED_...; of darks NUM_COSMICS_AFTER and NUM_COSMICS_BEFORE, pixels that look
                   struck by cosmic rays without and with the defects
NOISE_RATIO        NOISE over READ_NOISE; of flats, noise over the one that EXPECTED_NOISE is the mean of
ILLUMINATION       flats: what the flat leaves of the illumination, from block to block, over the mean
LEVEL              flats: level relative to the flat
EXPECTED_NOISE     flats: noise that photons, readout and the flat's own noise explain
================== =====================================================================================
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from calibrant.pixels import (
    Amplifier,
    AmplifierStatistics,
    DefectStatistics,
    NoiseRatio,
    OverscanLevel,
    WithoutCosmicRays,
)
from calibrant.pixels.statistics import PERCENTILES

UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "OVERSCAN_LEVEL_ADU": "adu",
        "READ_NOISE_ADU": "adu",
        **dict.fromkeys(
            (
                "N_GOOD",
                "N_EXCLUDED",
                "N_CLIPPED",
                "N_STRUCK",
                "N_SPLIT",
                "ILLUMINATION",
                "DEFECT_PIXELS",
                "STAT_OUTLIERS",
                "NUM_COSMICS_BEFORE",
                "NUM_COSMICS_AFTER",
                "OUTLIERS",
                "UNMASKED_OUTLIERS",
                "FRAC",
                "PROCESSING_ERRORS",
                "NOISE_RATIO",
                "IN_ELECTRONS",
                "BAD_FRACTION",
            ),
            "1",
        ),
    }
)
"""Units of the numbers of frames that are not in electrons."""

MOST_STRUCK: Final = 0.01
"""Part of an amplifier's good pixels beyond which the search found something else than cosmic rays."""

Values = dict[str, float]


def common_values(
    amplifier: Amplifier,
    statistics: AmplifierStatistics,
    level: OverscanLevel | None,
    expected_noise_e: float,
) -> Values:
    """Give the numbers that every kind has.

    Parameters
    ----------
    amplifier : Amplifier
        The amplifier.
    statistics : AmplifierStatistics
        Of its part of the corrected image, in electrons.
    level : OverscanLevel or None
        What its overscan says.
    expected_noise_e : float
        Noise that the frame less the product must show where neither has light, in electrons.

    Returns
    -------
    dict of str to float
        NaN where a number was tried and could not be had; absent where it cannot exist.
    """
    names = (f"P{percent}" for percent in PERCENTILES)
    values = {
        "MEAN": statistics.mean,
        "NOISE": statistics.noise,
        "CLIPPED_MEAN": statistics.clipped_mean,
        "MEDIAN": statistics.median,
        "STD": statistics.std,
        **dict(zip(names, statistics.percentiles, strict=True)),
        "AMP_CORNER": statistics.corner_mean,
        "N_GOOD": float(statistics.count),
        "N_EXCLUDED": float(statistics.n_excluded),
        "N_CLIPPED": float(statistics.n_clipped),
        "NOMINAL_READ_NOISE": amplifier.read_noise_e,
        "READ_NOISE": expected_noise_e,
        "NOISE_RATIO": statistics.noise / expected_noise_e if expected_noise_e > 0 else math.nan,
        "PROCESSING_ERRORS": 0.0,
    }
    if level is not None:
        values["OVERSCAN_LEVEL_ADU"] = level.level_adu
        values["READ_NOISE_ADU"] = level.residual_std_adu
        values["OVERSCAN_NOISE"] = level.residual_std_adu * amplifier.gain_e_per_adu
    return values


def defect_values(found: DefectStatistics) -> Values:
    """Give the numbers that the tests of defects judge."""
    values = {"DEFECT_PIXELS": float(found.defects), "STAT_OUTLIERS": float(found.improbable)}
    for prefix, region in (("", found.masked), ("UNMASKED_", found.unmasked)):
        values |= {
            f"{prefix}OUTLIERS": float(region.n_clipped),
            f"{prefix}MEDIAN": region.median,
            f"{prefix}STDEV": region.noise,
            f"{prefix}MIN": region.percentiles[0],
            f"{prefix}MAX": region.percentiles[-1],
        }
    return {**values, "FRAC": found.defects / max(found.unmasked.count, 1)}


def cosmic_ray_values(statistics: AmplifierStatistics, found: WithoutCosmicRays) -> tuple[Values, str]:
    """Give the numbers that the search for cosmic rays adds, and what is wrong where it found too many to believe.

    Parameters
    ----------
    statistics : AmplifierStatistics
        Of all good pixels of the amplifier.
    found : WithoutCosmicRays
        Of those that were not struck.
    """
    values = {"CR_NOISE": found.std, "N_STRUCK": float(found.n_struck)}
    if found.n_struck <= MOST_STRUCK * statistics.count:
        return values, ""
    problem = f"cosmic rays struck {found.n_struck} of {statistics.count} pixels, more than {MOST_STRUCK:.0%}"
    return {
        **values,
        "PROCESSING_ERRORS": 1.0,
    }, f"{problem}: look at the frame, and at its level and read noise"


def flat_values(found: NoiseRatio | str) -> Values:
    """Give the numbers that only flats have: NaN where the noise could not be had.

    Parameters
    ----------
    found : NoiseRatio or str
        Of the frame in electrons, not divided by the flat; or why there is none.
    """
    if isinstance(found, str):
        names = ("NOISE_RATIO", "LEVEL", "EXPECTED_NOISE")
        return {**dict.fromkeys(names, math.nan), "IN_ELECTRONS": 1.0}
    return {
        "NOISE_RATIO": found.ratio,
        "LEVEL": found.level,
        "EXPECTED_NOISE": found.expected,
        "IN_ELECTRONS": 1.0,
    }


def failed_values() -> Values:
    """Give the numbers of an amplifier whose frame could not be processed."""
    return {"PROCESSING_ERRORS": 1.0}


def finite(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return numbers as JSON can hold them: null for what could not be had."""
    return {k: None if v is None or not math.isfinite(v) else v for k, v in values.items()}
