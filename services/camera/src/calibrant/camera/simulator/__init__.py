"""A camera that is not there: frames, their headers and the truth behind them, for any instrument file."""

from calibrant.camera.simulator.detector import SimulatedDetector
from calibrant.camera.simulator.effects import EFFECTS
from calibrant.camera.simulator.exposure import Earlier, Exposure
from calibrant.camera.simulator.frame import SimulatedFrame, simulate
from calibrant.camera.simulator.guide_stamps import Seen, simulated_stamps
from calibrant.camera.simulator.header import IMAGE_TYPES, HeaderValues, can_take, cards, identity_cards
from calibrant.camera.simulator.maps import StaticMaps, static_maps
from calibrant.camera.simulator.parameters import Flaw, SimulationParameters, parameters_of
from calibrant.camera.simulator.values import CannotSimulate

__all__ = [
    "EFFECTS",
    "IMAGE_TYPES",
    "CannotSimulate",
    "Earlier",
    "Exposure",
    "Flaw",
    "HeaderValues",
    "Seen",
    "SimulatedDetector",
    "SimulatedFrame",
    "SimulationParameters",
    "StaticMaps",
    "can_take",
    "cards",
    "identity_cards",
    "parameters_of",
    "simulate",
    "simulated_stamps",
    "static_maps",
]
