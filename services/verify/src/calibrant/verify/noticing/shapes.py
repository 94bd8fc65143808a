"""Whether frames of a set are alike in what they show, told by their noise against the product."""

from statistics import median
from typing import Final

from calibrant.rules.noticing import spreads_from_one
from calibrant.verify.noticing.exceptions import NOISIER, alike
from calibrant.verify.noticing.places import NOISE_RATIO, Place, Said, values_of

SHAPES: Final = 0.1
"""Relative difference of the least and the greatest noise ratio from which flats are not alike."""
FEWEST: Final = 4


def shape(place: Place) -> Said | None:
    """Say where flats are not alike: no gain explains a noise that differs from frame to frame."""
    numbers = alike(place.series(NOISE_RATIO), NOISIER)
    ratios = values_of(numbers)
    if len(ratios) < FEWEST or spread_of(ratios) <= SHAPES:
        return None
    least, most = min(numbers, key=lambda one: one.value), max(numbers, key=lambda one: one.value)
    drifts = "; it grows from frame to frame, as where the light drifts" if spreads_from_one(ratios) else ""
    return Said(
        spread_of(ratios),
        f"{place.where}: the light changes its shape over the set: the noise is {least.value:.3g} times the expected "
        f"one in exposure {least.exposure_id}, most like the flat, and {most.value:.3g} times in {most.exposure_id}, "
        f"least like it{drifts}",
    )


def spread_of(values: list[float]) -> float:
    """Return the range over the median; 0 for a stuck amplifier, which has no noise to tell anything."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle > 0 else 0.0
