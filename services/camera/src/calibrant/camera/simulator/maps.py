"""What never changes on a simulated detector: bias structure, dark current, response, amplifiers' levels.

Pure: a function of detector, parameters and seed. Must not know exposures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.camera.simulator.parameters import SimulationParameters
from calibrant.frames.instrument import Detector

Plane = NDArray[np.float32]
_STATIC = 0x57A7
_COLUMNS_SHARE = 0.6
"""Part of the bias structure's variance that is a pattern of columns; the rest is smooth."""


@dataclass(frozen=True, eq=False, slots=True)
class StaticMaps:
    """The truth about a detector, in the trimmed, assembled frame (rows, columns).

    Parameters
    ----------
    bias_structure_adu
        Fixed pattern of the image pixels over the amplifier's level, in ADU; mean 0 on each amplifier.
    dark_e_per_s
        Dark current, hot pixels included, in electron/s.
    response
        Relative response to the flat lamp: vignetting times pixel response; about 1 at the centre.
    level_adu
        Electronic level of each amplifier, in ADU.
    """

    bias_structure_adu: Plane
    dark_e_per_s: Plane
    response: Plane
    level_adu: Mapping[str, float]


def static_maps(detector: Detector, parameters: SimulationParameters, seed: int) -> StaticMaps:
    """Make the truth about a detector: the same for the same detector, parameters and seed."""
    rng = np.random.default_rng([_STATIC, seed, detector.id])
    levels = {
        amplifier.name: float(
            parameters.bias_level_adu + parameters.bias_amplifier_spread_adu * rng.standard_normal()
        )
        for amplifier in detector.amplifiers
    }
    return StaticMaps(
        bias_structure_adu=_bias_structure(detector, parameters.bias_structure_adu, rng),
        dark_e_per_s=_dark(detector.shape, parameters, rng),
        response=_response(detector.shape, parameters, rng),
        level_adu=levels,
    )


def _bias_structure(detector: Detector, sigma_adu: float, rng: np.random.Generator) -> Plane:
    """Per amplifier, a pattern of columns and a smooth wave, together of standard deviation ``sigma_adu``."""
    structure = np.zeros(detector.shape, np.float32)
    for section in detector.placements().values():
        rows, columns = section.shape
        pattern = rng.standard_normal(columns)
        y, x = np.arange(rows)[:, None] / rows, np.arange(columns)[None, :] / columns
        wave = np.sin(2 * np.pi * (x + rng.uniform())) * np.cos(np.pi * (y + rng.uniform()))
        block = np.sqrt(_COLUMNS_SHARE) * _standard(pattern)[None, :]
        block = block + np.sqrt(1 - _COLUMNS_SHARE) * _standard(wave)
        structure[section.y0 : section.y1, section.x0 : section.x1] = sigma_adu * _standard(block)
    return structure


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = float(values.std())
    result: NDArray[np.float64] = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return result


def _dark(shape: tuple[int, int], parameters: SimulationParameters, rng: np.random.Generator) -> Plane:
    dark = np.full(shape, parameters.dark_current_e_per_s, np.float32)
    number = round(parameters.hot_pixel_fraction * dark.size)
    where = rng.choice(dark.size, number, replace=False)
    dark.flat[where] += rng.exponential(parameters.hot_pixel_e_per_s, number).astype(np.float32)
    return dark


def _response(shape: tuple[int, int], parameters: SimulationParameters, rng: np.random.Generator) -> Plane:
    rows, columns = shape
    y = (np.arange(rows)[:, None] - (rows - 1) / 2) / max(rows / 2, 1)
    x = (np.arange(columns)[None, :] - (columns - 1) / 2) / max(columns / 2, 1)
    vignetting = 1 - parameters.vignetting * (x**2 + y**2) / 2
    pixels = 1 + parameters.prnu * rng.standard_normal(shape)
    response: Plane = np.maximum(vignetting * pixels, 0).astype(np.float32)
    return response
