"""One raw frame: light and dark current to charge, charge to ADU, read out through each amplifier.

Pure: a function of instrument, exposure and seed. The random numbers of a frame depend on seed, exposure and
detector alone, so that the same exposure has the same pixels in whatever order frames are made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.camera.simulator import cosmic_rays
from calibrant.camera.simulator.detector import SimulatedDetector
from calibrant.camera.simulator.parameters import Flaw, LightLeak, NoisyAmplifier, SimulationParameters
from calibrant.frames.instrument import Amplifier

_HIGHEST_ADU = 65_535
_NOISE, _CHARGE, _RAYS, _FLAWS = range(4)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What decides a frame's pixels beside the detector and the seed.

    Parameters
    ----------
    exposure_id
        Number of the exposure.
    image_type
        Image type: BIAS, DARK, FLAT, OBJECT, ENGTEST.
    exposure_time_s, dark_time_s
        Times in which light and dark current are collected, in seconds.
    shutter
        Whether the shutter opens. The flat lamp shines for FLAT only; the dome is dark otherwise.
    """

    exposure_id: int
    image_type: str
    exposure_time_s: float
    dark_time_s: float
    shutter: bool


@dataclass(frozen=True, eq=False, slots=True)
class SimulatedFrame:
    """A raw frame, (rows, columns) uint16 in ADU, and the numbers behind it as JSON."""

    array: NDArray[np.uint16]
    truth: dict[str, Any]


def simulate(camera: SimulatedDetector, exposure: Exposure) -> SimulatedFrame:
    """Simulate one frame: the same pixels for the same detector, seed, flaws and exposure, at any time."""
    parameters, maps, shape = camera.parameters, camera.maps, camera.detector.shape

    def stream(purpose: int) -> np.random.Generator:
        words = [camera.seed, exposure.exposure_id, camera.detector.id, purpose]
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))

    light = _light_e_per_s(parameters, exposure)
    leak = _leak_e_per_s(camera.flaws, exposure, stream(_FLAWS))
    expected = maps.dark_e_per_s * np.float32(exposure.dark_time_s)
    if light > 0:
        expected += maps.response * np.float32(light * exposure.exposure_time_s)
    if leak > 0:
        expected += np.float32(leak * exposure.dark_time_s)
    electrons = stream(_CHARGE).poisson(expected).astype(np.float32) if expected.any() else expected
    hits = cosmic_rays.draw(parameters.cosmic_rays_per_s * exposure.dark_time_s, shape, stream(_RAYS))
    cosmic_rays.add_charge(electrons, hits)
    np.minimum(electrons, np.float32(parameters.full_well_e), out=electrons)
    noise = stream(_NOISE)
    drift = float(parameters.bias_drift_adu * noise.standard_normal())
    array = _read_out(camera, electrons, drift, noise)
    truth = {
        "seed": camera.seed,
        "exposure": asdict(exposure),
        "detector": camera.detector.id,
        "bias_drift_adu": drift,
        "level_adu": {name: level + drift for name, level in maps.level_adu.items()},
        "light_e_per_s": light,
        "light_leak_e_per_s": leak,
        "cosmic_rays": [asdict(hit) for hit in hits],
        "flaws": [flaw.model_dump(mode="json") for flaw in camera.flaws],
    }
    return SimulatedFrame(array, truth)


def _light_e_per_s(parameters: SimulationParameters, exposure: Exposure) -> float:
    lamp = exposure.shutter and exposure.image_type == "FLAT"
    return parameters.flat_rate_e_per_s if lamp else 0.0


def _leak_e_per_s(flaws: Sequence[Flaw], exposure: Exposure, rng: np.random.Generator) -> float:
    """Draw the strength of each light leak, evenly in its logarithm; it matters with the shutter closed."""
    if exposure.image_type != "DARK":
        return 0.0
    leaks = [flaw for flaw in flaws if isinstance(flaw, LightLeak)]
    return sum(
        math.exp(rng.uniform(math.log(leak.least_e_per_s), math.log(leak.most_e_per_s))) for leak in leaks
    )


def _read_out(
    camera: SimulatedDetector, electrons: NDArray[np.float32], drift_adu: float, noise: np.random.Generator
) -> NDArray[np.uint16]:
    """Place the charge where the amplifiers deliver it, with level and noise everywhere they read."""
    detector, maps = camera.detector, camera.maps
    raw = noise.standard_normal(detector.raw_shape, dtype=np.float32)
    placements = detector.placements()
    for amplifier in detector.amplifiers:
        level = np.float32(maps.level_adu[amplifier.name] + drift_adu)
        sigma = np.float32(_read_noise_e(amplifier, camera.flaws) / amplifier.gain_e_per_adu)
        for section in amplifier.regions().values():
            block = raw[section.y0 : section.y1, section.x0 : section.x1]
            block *= sigma
            block += level
        placed = placements[amplifier.name]
        source = slice(placed.y0, placed.y1), slice(placed.x0, placed.x1)
        step_y, step_x = -1 if amplifier.flip_y else 1, -1 if amplifier.flip_x else 1
        signal = (
            electrons[source] * np.float32(1 / amplifier.gain_e_per_adu) + maps.bias_structure_adu[source]
        )
        image = amplifier.image
        raw[image.y0 : image.y1, image.x0 : image.x1] += signal[::step_y, ::step_x]
    np.rint(raw, out=raw)
    np.clip(raw, 0, _HIGHEST_ADU, out=raw)
    return raw.astype(np.uint16)


def _read_noise_e(amplifier: Amplifier, flaws: Sequence[Flaw]) -> float:
    noisy = [f for f in flaws if isinstance(f, NoisyAmplifier) and f.amplifier == amplifier.name]
    return amplifier.read_noise_e * math.prod(flaw.factor for flaw in noisy)
