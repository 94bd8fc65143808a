"""What real detectors do to a signal, each a switch with its parameters and its truth; one file an effect."""

from calibrant.camera.simulator.effects.choosing import EFFECTS, check_described, chosen_effects
from calibrant.camera.simulator.effects.effect import Effect, Facts, Light, Parameters, Shot, Site, Truth
from calibrant.camera.simulator.effects.streams import Stream, in_order

__all__ = [
    "EFFECTS",
    "Effect",
    "Facts",
    "Light",
    "Parameters",
    "Shot",
    "Site",
    "Stream",
    "Truth",
    "check_described",
    "chosen_effects",
    "in_order",
]
