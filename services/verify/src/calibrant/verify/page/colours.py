"""Colours that stand for numbers: cividis, even steps for every eye, in grey too. Must not know figures.

Nuñez, Anderton and Renslow (2018), "Optimizing colormaps with consideration for color vision deficiency to enable
accurate interpretation of scientific data", PLoS ONE 13(7): every fifteenth of its 256 colours, straight lines between.
"""

from typing import Final

CIVIDIS: Final = (
    *("#00224e", "#002d68", "#163770", "#2e416d", "#3f4c6c", "#4e566c", "#5c616e", "#696b71", "#767676"),
    *("#838179", "#928c78", "#a09875", "#afa471", "#bfb06b", "#cfbd62", "#dfca57", "#f0d846", "#fee838"),
)
STEPS: Final = 256
_PARTS: Final = [tuple(bytes.fromhex(colour[1:])) for colour in CIVIDIS]
_DARK: Final = 128


def step_of(part: float) -> int:
    """Return which of the `STEPS` colours stands for a part of the range, 0 to 1."""
    return min(STEPS - 1, max(0, int(part * STEPS)))


def colour_of(step: int) -> str:
    """Return a colour by its number, as ``#rrggbb``."""
    return "#" + "".join(f"{round(level):02x}" for level in _levels(step))


def is_dark(step: int) -> bool:
    """Tell whether what is written on a colour is to be white."""
    return _levels(step)[1] < _DARK


def _levels(step: int) -> list[float]:
    whole, part = divmod(step * (len(_PARTS) - 1) / (STEPS - 1), 1)
    below, above = _PARTS[int(whole)], _PARTS[min(int(whole) + 1, len(_PARTS) - 1)]
    return [low + part * (high - low) for low, high in zip(below, above, strict=True)]
