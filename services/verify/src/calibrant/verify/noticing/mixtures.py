"""Frames of one set that were not taken alike: other temperatures of the sensor, other gains in their headers."""

from statistics import median
from typing import Final

from calibrant.rules.noticing import Group, groups_of
from calibrant.verify.noticing.places import Said
from calibrant.verify.reports import MeasurementReport

WARMER_C: Final = 1.0
"""Degrees Celsius. Dark current doubles every 5 to 8 (Widenhorn et al. 2002, Proc. SPIE 4669, 193), so that one degree is
10 to 15 %; a regulated cooler keeps to some tenths."""
OTHER_GAIN: Final = 0.01
"""Relative: another setting of the gain is no rounding."""


def temperatures(report: MeasurementReport) -> Said | None:
    """Say where frames were taken at temperatures that are apart."""
    found = [one.temperature_c for one in report.frames if one.temperature_c is not None]
    if not found or max(found) - min(found) <= WARMER_C:
        return None
    groups = groups_of(found, WARMER_C)
    return Said(
        max(found) - min(found),
        f"detector {report.detector}: the frames were taken at several temperatures of the sensor: "
        f"{_listed(groups, '.1f', 'degree C')}",
    )


def gains(report: MeasurementReport) -> Said | None:
    """Say where headers claim several gains, as of frames that were taken with another setting."""
    found = [one.gain_e_per_adu for one in report.frames if one.gain_e_per_adu is not None]
    groups = groups_of(found, OTHER_GAIN * median(found)) if found else ()
    if len(groups) <= 1:
        return None
    return Said(
        groups[-1].greatest / groups[0].least - 1,
        f"detector {report.detector}: the headers say several gains, but one is used for all frames: "
        f"{_listed(groups, '.4g', 'electron/ADU')}",
    )


def _listed(groups: tuple[Group, ...], form: str, unit: str) -> str:
    """Write groups as '-10.0 degree C in 3 frames, -5.0 in 4'."""
    texts = [
        f"{one.least:{form}}"
        + (f" to {one.greatest:{form}}" if f"{one.greatest:{form}}" != f"{one.least:{form}}" else "")
        + (f" {unit} in {one.frames} frame{'s' if one.frames > 1 else ''}" if i == 0 else f" in {one.frames}")
        for i, one in enumerate(groups)
    ]
    return ", ".join(texts)
