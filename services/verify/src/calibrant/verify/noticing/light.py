"""How the light of flats goes over a set: whether it alternates, drifts, or is not steady."""

from statistics import mean, median
from typing import Final

from calibrant.rules.noticing import course_of
from calibrant.verify.noticing.places import RATE, Place, Said

ALTERNATES: Final = 0.001
"""Relative difference of odd and even exposures that is told."""
DRIFTS: Final = 0.01
"""Relative difference of the first and the last third of flats whose light goes one way."""
UNSTEADY: Final = 0.05
"""Relative difference of the darkest and the brightest flat that is told."""


def course(place: Place) -> Said | None:
    """Say where the light of flats alternates, or goes from one brightness to another."""
    rates = place.values(RATE)
    if not rates or min(rates) <= 0:
        return None
    level = median(rates)
    found = course_of(rates, alternates=ALTERNATES * level, drifts=DRIFTS * level, unsteady=UNSTEADY * level)
    if found is None:
        return None
    apart = found.apart / (mean(rates) if found.form == "alternates" else level)
    first, second = f"{found.first:.5g} electron/s", f"{found.second:.5g}"
    words = {
        "alternates": f"the light alternates: {first} in the first, third … exposure, {second} in the second, fourth …, "
        f"{apart:.1%} apart",
        "drifts": f"the light drifts: {first} in the first exposures, {second} in the last, {apart:.1%} apart",
        "unsteady": f"the light is not steady: from {first} to {second}, {rates[0]:.5g} at first and {rates[-1]:.5g} at "
        "last",
    }
    return Said(apart, f"{place.where}: {words[found.form]}")
