"""A camera that is not there: frames, their headers and the truth behind them, for any instrument file."""

from calibrant.camera.simulator.detector import SimulatedDetector
from calibrant.camera.simulator.frame import Exposure, SimulatedFrame, simulate
from calibrant.camera.simulator.header import IMAGE_TYPES, HeaderValues, can_take, cards
from calibrant.camera.simulator.maps import StaticMaps, static_maps
from calibrant.camera.simulator.parameters import CannotSimulate, Flaw, SimulationParameters, parameters_of

__all__ = [
    "IMAGE_TYPES",
    "CannotSimulate",
    "Exposure",
    "Flaw",
    "HeaderValues",
    "SimulatedDetector",
    "SimulatedFrame",
    "SimulationParameters",
    "StaticMaps",
    "can_take",
    "cards",
    "parameters_of",
    "simulate",
    "static_maps",
]
