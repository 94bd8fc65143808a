"""Owns what a header claims of its camera, which is compared with what is known and never used; refuses nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from calibrant.frames.instrument import ClaimSource, HeaderTranslation

ZERO_C_IN_K: Final = 273.15
_HOTTEST_C: Final = 100.0


@dataclass(frozen=True, slots=True)
class Claims:
    """What a header claims of its camera; None where it tells nothing, or what cannot be.

    Parameters
    ----------
    gain_e_per_adu : float or None
        Gain, electron/ADU.
    read_noise_e : float or None
        Read noise, electron.
    temperature_c : float or None
        Temperature of the sensor, degree Celsius.
    """

    gain_e_per_adu: float | None = None
    read_noise_e: float | None = None
    temperature_c: float | None = None


def claims_of(words: HeaderTranslation, cards: Mapping[str, str | int | float | bool]) -> Claims:
    """Return what a header claims, as the instrument's translation says.

    A value that cannot be, such as the -999 of a sensor without a thermometer, is none.
    """
    temperature = number(words.temperature, cards)
    if temperature is not None and words.temperature is not None and words.temperature.unit == "K":
        temperature -= ZERO_C_IN_K
    return Claims(
        gain_e_per_adu=_within(number(words.gain, cards), 0.0, math.inf),
        read_noise_e=_within(number(words.read_noise, cards), 0.0, math.inf),
        temperature_c=_within(temperature, -ZERO_C_IN_K, _HOTTEST_C),
    )


def number(source: ClaimSource | None, cards: Mapping[str, str | int | float | bool]) -> float | None:
    """Return the number of the first card present; also one that stands in quotes."""
    card = None if source is None else next((name for name in source.cards if name in cards), None)
    if card is None or isinstance(cards[card], bool):
        return None
    try:
        return float(cards[card])
    except ValueError:
        return None


def _within(value: float | None, above: float, below: float) -> float | None:
    return value if value is not None and above < value < below else None
