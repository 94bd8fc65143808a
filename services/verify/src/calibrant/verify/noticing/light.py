"""How the light of flats, or the level of dark frames, goes over a set: whether it alternates, drifts, or is not steady."""

from statistics import fmean, median
from typing import Final

from calibrant.rules.noticing import course_of
from calibrant.verify.noticing.exceptions import DARKER, alike
from calibrant.verify.noticing.places import LEVEL, RATE, Place, Said, in_words, values_of

ALTERNATES: Final = 0.001
"""Relative difference of odd and even exposures that is told."""
DRIFTS: Final = 0.01
"""Relative difference of the first and the last third of flats whose light goes one way."""
UNSTEADY: Final = 0.05
"""Relative difference of the darkest and the brightest flat that is told."""


def course(place: Place) -> Said | None:
    """Say where the light of flats alternates, or goes from one brightness to another."""
    rates = place.values(RATE)
    level = median(rates) if rates else 0.0
    if level <= 0:
        return None
    rates = values_of(alike(place.series(RATE), DARKER * level))
    found = course_of(rates, alternates=ALTERNATES * level, drifts=DRIFTS * level, unsteady=UNSTEADY * level)
    if found is None:
        return None
    apart = found.apart / (fmean(rates) if found.form == "alternates" else level)
    first, second = f"{found.first:.5g} electron/s", f"{found.second:.5g}"
    words = {
        "alternates": f"the light alternates: {first} in the first, third … exposure, {second} in the second, fourth …, "
        f"{apart:.1%} apart",
        "drifts": f"the light drifts: {first} in the first exposures, {second} in the last, {apart:.1%} apart",
        "unsteady": f"the light is not steady: from {first} to {second}, {rates[0]:.5g} at first and {rates[-1]:.5g} at "
        "last",
    }
    return Said(apart, f"{place.where}: {words[found.form]}")


def course_of_level(place: Place) -> Said | None:
    """Say where the level of frames without light goes up and down by more than the read noise."""
    least = place.amplifier.read_noise_e
    levels = values_of(alike(place.series(LEVEL), least))
    found = course_of(levels, alternates=least, drifts=least, unsteady=2 * least)
    if found is None:
        return None
    words = {
        "alternates": "alternates: {} electron from one exposure to the next",
        "drifts": "drifts: {} electron from the first exposures to the last",
        "unsteady": "is not steady: {} electron between the lowest and the highest exposure",
    }[found.form].format(in_words(found.apart))
    return Said(found.apart, f"{place.where}: the level {words}, at a read noise of {least:.3g}")
