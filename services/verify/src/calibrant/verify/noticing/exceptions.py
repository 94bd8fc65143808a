"""One frame of a set that is not like the others: a light frame among darks, an arc among flats, a lamp that was off."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from calibrant.rules.noticing import StandingOut, standing_out
from calibrant.verify.noticing.places import (
    ILLUMINATION,
    LEVEL,
    NOISE_RATIO,
    RATE,
    Number,
    Place,
    Said,
    in_words,
    values_of,
)

DARKER: Final = 0.05
"""Relative difference of a flat's light from that of the others that does not matter."""
NOISIER: Final = 0.1
"""Difference of the ratio of noise and expected noise that does not matter."""
UNEVEN: Final = 0.01
"""Difference of what the flat leaves of the illumination, over the mean, that does not matter."""


def level_of_bias(place: Place) -> Said | None:
    """Name the bias whose level is not that of the others by more than the read noise."""
    return _level(place, "is it a bias?", "is it a bias?")


def level_of_dark(place: Place) -> Said | None:
    """Name the dark whose level is not that of the others by more than the read noise."""
    return _level(place, "did light come in, or is it no dark?", "is its dark time right, or is it a bias?")


def _level(place: Place, if_above: str, if_below: str) -> Said | None:
    def words(off: float, _others: float) -> str:
        side, question = ("above", if_above) if off > 0 else ("below", if_below)
        return f"its level is {in_words(abs(off))} electron {side} theirs{{far}}; {question}"

    return _told(place, place.series(LEVEL), place.amplifier.read_noise_e, words)


def light_of_flat(place: Place) -> Said | None:
    """Name the flat that has another brightness than the others."""
    rates = place.series(RATE)
    middle = median(values_of(rates)) if rates else 0.0
    if middle <= 0:
        return None
    relative = [Number(one.exposure_id, one.value / middle) for one in rates]
    return _told(
        place,
        relative,
        DARKER,
        lambda off, others: f"it has {(others + off) / others:.3g} times their light{{far}}",
    )


def noise_of_frame(place: Place) -> Said | None:
    """Name the frame whose noise against the product is not that of the others."""
    return _told(
        place,
        place.series(NOISE_RATIO),
        NOISIER,
        lambda off, others: (
            f"its noise is {others + off:.3g} times the expected one, theirs {others:.3g} times{{far}}; "
            "does it show something else?"
        ),
    )


def illumination_of_flat(place: Place) -> Said | None:
    """Name the flat that is lit in another shape than the others."""
    return _told(
        place,
        place.series(ILLUMINATION),
        UNEVEN,
        lambda off, others: (
            f"its light is {others + off:.2%} off the flat from block to block, theirs {others:.2%}{{far}}"
        ),
    )


def alike(numbers: Sequence[Number], least: float) -> list[Number]:
    """Return a number without the exposures that stand out."""
    out = {one.place for one in standing_out(values_of(numbers), least)}
    return [one for i, one in enumerate(numbers) if i not in out]


def _told(
    place: Place, numbers: Sequence[Number], least: float, words: Callable[[float, float], str]
) -> Said | None:
    """Tell the value that stands out most; ``words`` are given how far it is off, and the median of all."""
    values = values_of(numbers)
    found = standing_out(values, least)
    if not found:
        return None
    worst = found[0]
    more = f"; {len(found) - 1} more of them stand out" if len(found) > 1 else ""
    told = words(worst.off, median(values)).format(far=_far(worst))
    return Said(
        abs(worst.off) / least if least else abs(worst.off),
        f"{place.where}: exposure {numbers[worst.place].exposure_id} is not like the other {len(values) - 1}: {told}{more}",
    )


def _far(one: StandingOut) -> str:
    return f", {abs(one.off) / one.scatter:.0f} times their scatter" if one.scatter > 0 else ""
