"""Frames of one set that were not taken alike: other temperatures of the sensor, other gains in their headers."""

from collections.abc import Mapping
from typing import Final

from calibrant.rules.noticing import groups_of
from calibrant.verify.noticing.places import Said
from calibrant.verify.reports import MeasurementReport

WARMER_C: Final = 1.0
"""Degrees Celsius. Dark current doubles every 5 to 8 (Widenhorn et al. 2002, Proc. SPIE 4669, 193), so that one degree is
10 to 15 %; a regulated cooler keeps to some tenths."""
OTHER_GAIN: Final = 0.01
"""Relative: another setting of the gain is no rounding."""
NAMED: Final = 2
"""Exposures of a temperature or a gain that are named; of more only the number."""


def temperatures(report: MeasurementReport) -> Said | None:
    """Say where frames were taken at temperatures that are apart."""
    found = {one.exposure_id: one.temperature_c for one in report.frames if one.temperature_c is not None}
    if not found or max(found.values()) - min(found.values()) <= WARMER_C:
        return None
    return Said(
        max(found.values()) - min(found.values()),
        f"detector {report.detector}: the frames were taken at several temperatures of the sensor: "
        f"{_listed(found, WARMER_C, '.1f', 'degree C')}",
    )


def gains(report: MeasurementReport) -> Said | None:
    """Say where headers claim several gains, as of frames that were taken with another setting."""
    found = {one.exposure_id: one.gain_e_per_adu for one in report.frames if one.gain_e_per_adu is not None}
    if not found or max(found.values()) - min(found.values()) <= OTHER_GAIN * max(found.values()):
        return None
    tolerance = OTHER_GAIN * max(found.values())
    return Said(
        max(found.values()) / min(found.values()) - 1,
        f"detector {report.detector}: the headers say several gains, but one is used for all frames: "
        f"{_listed(found, tolerance, '.4g', 'electron/ADU')}",
    )


def _listed(found: Mapping[str, float], tolerance: float, form: str, unit: str) -> str:
    """Write groups as '-10.0 degree C in 4 exposures, -5.0 in 1 (e7)'."""
    texts = []
    for i, group in enumerate(groups_of(found.values(), tolerance)):
        ends = dict.fromkeys((f"{group.least:{form}}", f"{group.greatest:{form}}"))
        names = [name for name, value in found.items() if group.least <= value <= group.greatest]
        named = f" ({', '.join(names)})" if len(names) <= NAMED else ""
        noun = f" exposure{'s' if group.frames > 1 else ''}" if i == 0 else ""
        texts.append(f"{' to '.join(ends)}{f' {unit}' if i == 0 else ''} in {group.frames}{noun}{named}")
    return ", ".join(texts)
