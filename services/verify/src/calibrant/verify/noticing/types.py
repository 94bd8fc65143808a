"""Frames that do not look like their type: a bias with light, an arc called flat, a dark far too bright, no light at all."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from calibrant.verify.noticing.places import LEVEL, Place, Said, in_words
from calibrant.verify.reports import MeasurementReport

LONGEST_BIAS_S: Final = 0.2
"""What headers of shuttered cameras say of a bias is their shortest exposure, some 0.1 s."""
READ_NOISES: Final = 10.0
"""Read noises above the overscan from which a bias has charge in it, and below which a flat has hardly light."""
BRIGHTER: Final = 5.0
"""Dark current over the nominal one that warmth alone, at some degrees, does not make."""
NAMED: Final = 2
"""Exposures that are named; of more only the number."""
FEWEST_LINES: Final = 5
"""An arc has more; a flat's own structure and its defects have one or two."""


def exposed_biases(report: MeasurementReport) -> Said | None:
    """Say where biases have an exposure time."""
    times_s = _times_s(report)
    wrong = {name: time_s for name, time_s in times_s.items() if time_s > LONGEST_BIAS_S}
    if not wrong:
        return None
    longest_s = max(wrong.values())
    return Said(
        longest_s,
        f"detector {report.detector}: {len(wrong)} of {len(times_s)} biases have an exposure time, of up to {longest_s:g} s"
        f"{_named(list(wrong))}",
    )


def unexposed_frames(report: MeasurementReport) -> Said | None:
    """Say where darks or flats have no exposure time."""
    times_s = _times_s(report)
    wrong = [name for name, time_s in times_s.items() if time_s == 0]
    if not wrong:
        return None
    return Said(
        len(wrong),
        f"detector {report.detector}: {len(wrong)} of {len(times_s)} frames have an exposure time of 0 s, as biases have"
        f"{_named(wrong)}",
    )


def _times_s(report: MeasurementReport) -> dict[str, float]:
    return {one.exposure_id: one.exposure_time_s for one in report.frames if one.exposure_time_s is not None}


def _named(exposures: Sequence[str]) -> str:
    return f": {' and '.join(exposures)}" if len(exposures) <= NAMED else ""


def charge_in_bias(place: Place) -> Said | None:
    """Say where a bias lies far above its overscan."""
    above, least = place.product.get("ABOVE_OVERSCAN"), READ_NOISES * place.amplifier.read_noise_e
    if above is None or above <= least:
        return None
    return Said(
        above,
        f"{place.where}: the bias lies {in_words(above)} electron above its overscan: there is light or dark charge in it",
    )


def brightness_of_dark(place: Place) -> Said | None:
    """Say where a dark is far brighter than the nominal dark current."""
    found, nominal = place.product.get("DARK_CURRENT"), place.product.get("NOMINAL_DARK_CURRENT")
    if found is None or not nominal or found <= BRIGHTER * nominal:
        return None
    return Said(
        found / nominal,
        f"{place.where}: the dark shows {in_words(found)} electron/s, {in_words(found / nominal)} times the nominal "
        f"{nominal:.3g} of the instrument file: light, or a sensor that was warm",
    )


def lines_of_flat(place: Place) -> Said | None:
    """Say where narrow bright lines cross a flat."""
    lines = place.product.get("LINES")
    if lines is None or lines < FEWEST_LINES:
        return None
    return Said(
        lines,
        f"{place.where}: {lines:.0f} narrow bright lines cross the flat, as an arc or the night sky has them",
    )


def faintness_of_flat(place: Place) -> Said | None:
    """Say where flats have hardly any light."""
    levels, least = place.values(LEVEL), READ_NOISES * place.amplifier.read_noise_e
    if not levels or median(levels) >= least:
        return None
    return Said(
        -median(levels),
        f"{place.where}: the flats have hardly any light: {in_words(median(levels))} electron at a read noise of "
        f"{place.amplifier.read_noise_e:.3g}",
    )
