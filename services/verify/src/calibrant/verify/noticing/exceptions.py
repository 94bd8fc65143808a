"""One frame of a set that is not like the others: a light frame among darks, an arc among flats, a lamp that was off."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Final, NamedTuple

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
NAMED: Final = 2
"""Further exposures that are named; of more only the number."""
MANY: Final = 1000

Words = Callable[[float, float], str]
"""Says how a number stands out, from how far it is off and the median of all."""


class _Odd(NamedTuple):
    """What is odd in an exposure: how many times what does not matter, and the words; whether it is above the others."""

    times: float
    words: str
    above: bool


def odd_bias(place: Place) -> Said | None:
    """Name the bias whose level or noise is not that of the others."""
    odd = _odd(place.series(LEVEL), place.amplifier.read_noise_e, _of_level)
    return _told(place, [*odd, *_noisy(place)], lambda _above: "is it a bias?")


def odd_dark(place: Place) -> Said | None:
    """Name the dark whose level or noise is not that of the others."""
    odd = _odd(place.series(LEVEL), place.amplifier.read_noise_e, _of_level)
    above, below = "did light come in, or is it no dark?", "is its dark time right, or is it a bias?"
    return _told(place, [*odd, *_noisy(place)], lambda is_above: above if is_above else below)


def odd_flat(place: Place) -> Said | None:
    """Name the flat whose brightness, shape or noise is not that of the others."""
    return _told(
        place, list(_odd_flats(place)), lambda _above: "was the lamp as for the others, or is it no flat?"
    )


def flats_are_alike(place: Place) -> bool:
    """Tell whether no flat stands out: one that does is in the product, too, and in the noise of all others."""
    return not any(True for _ in _odd_flats(place))


def alike(numbers: Sequence[Number], least: float) -> list[Number]:
    """Return a number without the exposures that stand out."""
    out = {one.place for one in standing_out(values_of(numbers), least)}
    return [one for i, one in enumerate(numbers) if i not in out]


def _odd_flats(place: Place) -> Iterator[tuple[str, _Odd]]:
    middle = median(place.values(RATE) or [0.0])
    if middle > 0:
        relative = [Number(one.exposure_id, one.value / middle) for one in place.series(RATE)]
        yield from _odd(relative, DARKER, lambda off, others: f"it has {others + off:.3g} times their light")
    yield from _odd(
        place.series(ILLUMINATION),
        UNEVEN,
        lambda off, others: (
            f"its light is {others + off:.2%} off the flat from block to block (theirs {others:.2%})"
        ),
    )
    yield from _noisy(place)


def _noisy(place: Place) -> Iterator[tuple[str, _Odd]]:
    yield from _odd(
        place.series(NOISE_RATIO),
        NOISIER,
        lambda off, others: (
            f"its noise is {others + off:.3g} times the expected one (theirs {others:.3g} times)"
        ),
    )


def _of_level(off: float, _others: float) -> str:
    return f"its level is {in_words(abs(off))} electron {'above' if off > 0 else 'below'} theirs"


def _odd(numbers: Sequence[Number], least: float, words: Words) -> Iterator[tuple[str, _Odd]]:
    """Yield the exposures that stand out in a number, with what is said of it."""
    values = values_of(numbers)
    for one in standing_out(values, least):
        times = abs(one.off) / least if least else abs(one.off)
        said = f"{words(one.off, median(values))}{_far(one)}"
        yield numbers[one.place].exposure_id, _Odd(times, said, one.off > 0)


def _far(one: StandingOut) -> str:
    """Say how many times their scatter that is."""
    if one.scatter <= 0:
        return ""
    times = abs(one.off) / one.scatter
    return f", {f'{times:.0f}' if times < MANY else f'more than {MANY}'} times their scatter"


def _told(place: Place, odd: Sequence[tuple[str, _Odd]], question: Callable[[bool], str]) -> Said | None:
    """Tell all that is odd in the exposure that stands out most, and name the others."""
    by_exposure: dict[str, list[_Odd]] = defaultdict(list)
    for exposure_id, one in odd:
        by_exposure[exposure_id].append(one)
    if not by_exposure:
        return None
    worst = max(by_exposure, key=lambda one: max(found.times for found in by_exposure[one]))
    found = by_exposure.pop(worst)
    others = max(len(numbers) for numbers in place.numbers.values()) - 1
    more = (
        f"; so {'stands' if len(by_exposure) == 1 else 'stand'} out {_names(list(by_exposure))}"
        if by_exposure
        else ""
    )
    return Said(
        max(one.times for one in found),
        f"{place.where}: exposure {worst} is not like the other {others}: {'; '.join(one.words for one in found)}; "
        f"{question(found[0].above)}{more}",
    )


def _names(exposures: Sequence[str]) -> str:
    return " and ".join(exposures) if len(exposures) <= NAMED else f"{len(exposures)} more exposures"
