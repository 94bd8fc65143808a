"""Stamps of a guide sensor: noise, the lamp's light, or a star that wanders. A function of what it is given.

Must not know files, clocks or commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.camera.simulator.exposure import Exposure
from calibrant.frames.instrument import GuideSensor

_SKY = frozenset({"OBJECT", "ENGTEST", "ACQ", "CWFS", "FOCUS", "STUTTERED"})
"""Image types for which stars are seen; frames of detectors have none."""
_STAR_E_PER_S = 200_000.0
_STAR_SIGMA_PIXELS = 1.7
_WANDER_PIXELS = 0.3
_MOST_ADU = 65535


@dataclass(frozen=True, slots=True)
class Seen:
    """What guide sensors see during an exposure.

    Parameters
    ----------
    exposure
        The exposure: whether the lamp shines or stars are seen follows from it.
    seed
        Seed of the camera's random numbers.
    bias_level_adu
        Electronic level, in ADU.
    flat_rate_e_per_s
        Light of the flat lamp, in electron/s.
    """

    exposure: Exposure
    seed: int
    bias_level_adu: float
    flat_rate_e_per_s: float

    @property
    def star(self) -> bool:
        """Whether stars are seen."""
        return self.exposure.shutter and self.exposure.image_type in _SKY


def simulated_stamps(
    seen: Seen, sensor: GuideSensor, shape: tuple[int, int], count: int, time_s: float
) -> Iterator[NDArray[np.uint16]]:
    """Give the stamps of a guide sensor, one after the other; the same arguments give the same pixels.

    Parameters
    ----------
    seen
        What is seen.
    sensor
        The guide sensor, with its gain and read noise.
    shape
        Rows and columns of a stamp; a star is near its middle.
    count
        How many.
    time_s
        How long each integrates, in seconds.
    """
    random = np.random.default_rng([seen.seed, seen.exposure.exposure_id, sensor.id])
    lamp_e = seen.flat_rate_e_per_s * time_s if seen.exposure.lit else 0.0
    for _ in range(count):
        light_e = np.full(shape, lamp_e)
        if seen.star:
            light_e += _STAR_E_PER_S * time_s * _star(shape, random.normal(0, _WANDER_PIXELS, 2))
        signal_e = random.poisson(light_e) + random.normal(0, sensor.read_noise_e, shape)
        level_adu = seen.bias_level_adu + signal_e / sensor.gain_e_per_adu
        yield np.clip(np.rint(level_adu), 0, _MOST_ADU).astype(np.uint16)


def _star(shape: tuple[int, int], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of a star on each pixel, of 1 in all; it lies so many rows and columns off the middle."""
    rows, columns = (
        np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2 - shift) / _STAR_SIGMA_PIXELS) ** 2)
        for side, shift in zip(shape, offset, strict=True)
    )
    light: NDArray[np.float64] = np.outer(rows, columns) / (2 * np.pi * _STAR_SIGMA_PIXELS**2)
    return light
