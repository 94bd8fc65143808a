"""How long the detectors are made ready on the camera's clock, and the limits of it. Pure; must not know waiting."""

from __future__ import annotations

from calibrant.contracts.camera.v1 import Clear, DiscardRows, InitImage
from calibrant.frames.instrument import Instrument

Preparation = Clear | DiscardRows | InitImage
"""A command that makes the detectors ready, without an image."""
CLEAR_S = 0.1
"""How long the detectors are cleared once, in seconds."""
MOST_CLEARS = 100
LONGEST_AHEAD_S = 60.0
"""How long before an image the camera can be made ready for it, in seconds."""


def rows_of(instrument: Instrument) -> int:
    """Return the rows of the largest detector."""
    return max(detector.raw_shape[0] for detector in instrument.detectors)


def preparation_s(command: Preparation, instrument: Instrument, readout_s: float) -> float:
    """Return how long a command takes, in seconds: rows are discarded as fast as they are read out."""
    if isinstance(command, DiscardRows):
        return readout_s * command.num_rows / rows_of(instrument)
    return CLEAR_S * (command.num_clears if isinstance(command, Clear) else 1)
