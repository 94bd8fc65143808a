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
READ_NOISE         what NOISE is compared with: the nominal one; for a frame that is not part of the
                   reference, with the reference's own noise and that of the overscan level on top
LEVEL              flats: level relative to the flat
EXPECTED_NOISE     flats: noise that photons, readout and the flat's own noise explain
================== =====================================================================================
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from calibrant.pixels import Amplifier, AmplifierStatistics, NoiseRatio, OverscanLevel
from calibrant.pixels.overscan import OverscanMethod
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
                "PROCESSING_ERRORS",
                "NOISE_RATIO",
                "IN_ELECTRONS",
                "BAD_FRACTION",
            ),
            "1",
        ),
    }
)
"""Units of the numbers that are not in electrons."""

Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Membership:
    """How a frame stands to the product it is measured against.

    Parameters
    ----------
    n_combined : int
        Frames in the product.
    in_reference : bool
        Whether the frame is one of them.
    statistic : {'mean', 'median'}
        How they were combined.
    """

    n_combined: int
    in_reference: bool
    statistic: Literal["mean", "median"]

    @property
    def variance_factor(self) -> float:
        """Variance of a frame minus the product over that of the frame; 1 for a frame that is part of it.

        For a part of it the true factor is below 1: that is left out, so that nothing but the frame is judged.
        """
        if self.in_reference:
            return 1.0
        return 1.0 + _median_factor(self.n_combined, self.statistic) / self.n_combined


def common_values(
    amplifier: Amplifier,
    statistics: AmplifierStatistics,
    level: OverscanLevel | None,
    overscan: OverscanMethod,
    member: Membership,
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
    overscan : str
        How the overscan was removed.
    member : Membership
        How the frame stands to the product.

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
        "READ_NOISE": amplifier.read_noise_e * _held_out_factor(amplifier, overscan, member),
        "PROCESSING_ERRORS": 0.0,
    }
    if level is not None:
        values["OVERSCAN_LEVEL_ADU"] = level.level_adu
        values["READ_NOISE_ADU"] = level.residual_std_adu
        values["OVERSCAN_NOISE"] = level.residual_std_adu * amplifier.gain_e_per_adu
    return values


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


def _held_out_factor(amplifier: Amplifier, overscan: OverscanMethod, member: Membership) -> float:
    """Noise of a held-out bias minus the reference over its read noise: both carry the overscan level's noise."""
    if member.in_reference:
        return 1.0
    box = amplifier.serial_overscan
    per_row = overscan == "median-per-row" and box is not None
    columns = box.shape[1] if box is not None else 1
    level = 1 + (_median_factor(columns, "median") / columns if per_row else 0.0)
    return math.sqrt(level * member.variance_factor)


def _median_factor(count: int, statistic: str) -> float:
    """Variance of a median (of more than two samples) over that of a mean."""
    return math.pi / 2 if statistic == "median" and count > 2 else 1.0
