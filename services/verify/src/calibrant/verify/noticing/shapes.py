"""Whether frames of a set are alike in what they show, told by their noise against the product."""

from math import inf, sqrt
from statistics import median
from typing import Final

from calibrant.rules.noticing import spreads_from_one
from calibrant.verify.noticing.exceptions import NOISIER, alike
from calibrant.verify.noticing.places import N_GOOD, NOISE_RATIO, Place, Said, values_of

SHAPES: Final = 0.1
"""Relative difference of the least and the greatest noise ratio from which flats are not alike."""
CHANCE: Final = 8.0
"""Standard deviations of a noise of so many pixels, which noises that are alike are not apart: of a hundred, five in the mean."""
FEWEST: Final = 4


def shape(place: Place) -> Said | None:
    """Say where flats are not alike: no gain explains a noise that differs from frame to frame."""
    numbers = alike(place.series(NOISE_RATIO), NOISIER)
    ratios = values_of(numbers)
    if len(ratios) < FEWEST or not shapes_differ(place, ratios):
        return None
    least, most = min(numbers, key=lambda one: one.value), max(numbers, key=lambda one: one.value)
    drifts = "; it grows from frame to frame, as where the light drifts" if spreads_from_one(ratios) else ""
    return Said(
        spread_of(ratios),
        f"{place.where}: the light changes its shape over the set: the noise is {least.value:.3g} times the expected "
        f"one in exposure {least.exposure_id}, most like the flat, and {most.value:.3g} times in {most.exposure_id}, "
        f"least like it{drifts}",
    )


def shapes_differ(place: Place, ratios: list[float]) -> bool:
    """Tell whether noise ratios differ by more than flats that are alike do, and than the number of pixels lets them."""
    pixels = median(place.values(N_GOOD) or [inf])
    return spread_of(ratios) > max(SHAPES, CHANCE / sqrt(2 * max(pixels, 1.0)))


def spread_of(values: list[float]) -> float:
    """Return the range over the median; 0 for a stuck amplifier, which has no noise to tell anything."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle > 0 else 0.0
