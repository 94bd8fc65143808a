"""One raw frame: light and dark current to charge, charge to ADU, read out through each amplifier.

Pure: a function of instrument, exposure and seed. The random numbers of a frame depend on seed, exposure and
detector alone, so that the same exposure has the same pixels in whatever order frames are made. Effects act on
their places of the way and draw from streams of their own, so that a frame without them is what it was.
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
from calibrant.camera.simulator.effects import Facts, Light, Shot
from calibrant.camera.simulator.effects.lamp_drift import LampDrift
from calibrant.camera.simulator.exposure import Exposure
from calibrant.camera.simulator.parameters import Flaw, LightLeak
from calibrant.camera.simulator.readout import read_out

Plane = NDArray[np.float32]
_NOISE, _CHARGE, _RAYS, _FLAWS = range(4)


@dataclass(frozen=True, eq=False, slots=True)
class SimulatedFrame:
    """A raw frame, (rows, columns) uint16 in ADU, and the numbers behind it as JSON.

    ``monitor_e`` is what a photodiode beside the detector collected, in electrons of a pixel at the centre; None where
    there is none: it looks where the lamp drifts.
    """

    array: NDArray[np.uint16]
    truth: dict[str, Any]
    monitor_e: float | None = None


def simulate(camera: SimulatedDetector, exposure: Exposure) -> SimulatedFrame:
    """Simulate one frame: the same pixels for the same detector, seed, flaws, effects and exposure, at any time."""
    parameters, shape = camera.parameters, camera.detector.shape
    told: dict[str, Facts] = {name: {} for name in camera.effects}
    shot = _shot(camera, exposure)

    def stream(purpose: int) -> np.random.Generator:
        words = [camera.seed, exposure.exposure_id, camera.detector.id, purpose]
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))

    light = _light(camera, shot, told)
    leak = _leak_e_per_s(camera.flaws, exposure, stream(_FLAWS))
    electrons = _charge(camera, shot, told, _expected(camera, shot, told, light, leak), stream(_CHARGE))
    hits = cosmic_rays.draw(parameters.cosmic_rays_per_s * exposure.dark_time_s, shape, stream(_RAYS))
    cosmic_rays.add_charge(electrons, hits)
    np.minimum(electrons, np.float32(parameters.full_well_e), out=electrons)
    noise = stream(_NOISE)
    drift = float(parameters.bias_drift_adu * noise.standard_normal())
    array = read_out(camera, electrons, drift_adu=drift, noise=noise, shot=shot, told=told)
    truth = {
        "seed": camera.seed,
        "exposure": exposure.facts(),
        "detector": camera.detector.id,
        "bias_drift_adu": drift,
        "level_adu": {name: level + drift for name, level in camera.maps.level_adu.items()},
        "light_e_per_s": light.e_per_s,
        "light_leak_e_per_s": leak,
        "cosmic_rays": [asdict(hit) for hit in hits],
        "flaws": [flaw.model_dump(mode="json") for flaw in camera.flaws],
    }
    seen = light.e_per_s > 0 and LampDrift.name in camera.effects
    monitor_e = float(light.e_per_s * np.mean(light.seconds)) if seen else None
    return SimulatedFrame(array, truth | {"effects": told} if told else truth, monitor_e)


def _expected(
    camera: SimulatedDetector, shot: Shot, told: dict[str, Facts], light: Light, leak_e_per_s: float
) -> Plane:
    """Return the charge that is expected in each pixel, in electrons."""
    seconds = shot.exposure.dark_time_s
    expected = camera.maps.dark_e_per_s * np.float32(seconds)
    if light.shines:
        expected += light.electrons()
    if leak_e_per_s > 0:
        expected += np.float32(leak_e_per_s * seconds)
    for name, effect in camera.effects.items():
        told[name] |= effect.dark(expected, shot)
    return expected


def _charge(
    camera: SimulatedDetector, shot: Shot, told: dict[str, Facts], expected: Plane, rng: np.random.Generator
) -> Plane:
    """Draw the charge that is collected in each pixel, in electrons."""
    electrons = rng.poisson(expected).astype(np.float32) if expected.any() else expected
    for name, effect in camera.effects.items():
        told[name] |= effect.charge(electrons, expected, shot)
    return electrons


def _shot(camera: SimulatedDetector, exposure: Exposure) -> Shot:
    def collected(other: Exposure) -> Plane:
        light = _light(camera, _shot(camera, other), {name: {} for name in camera.effects})
        return np.minimum(light.electrons(), np.float32(camera.parameters.full_well_e))

    return Shot(exposure, camera.seed, camera.detector.id, collected)


def _light(camera: SimulatedDetector, shot: Shot, told: dict[str, Facts]) -> Light:
    exposure = shot.exposure
    rate = camera.parameters.flat_rate_e_per_s if exposure.lit else 0.0
    light = Light(rate, exposure.exposure_time_s, camera.maps.response)
    if rate > 0 or exposure.projected:
        for name, effect in camera.effects.items():
            told[name] |= effect.light(light, shot)
    return light


def _leak_e_per_s(flaws: Sequence[Flaw], exposure: Exposure, rng: np.random.Generator) -> float:
    """Draw the strength of each light leak, evenly in its logarithm; it matters with the shutter closed."""
    if exposure.image_type != "DARK":
        return 0.0
    leaks = [flaw for flaw in flaws if isinstance(flaw, LightLeak)]
    return sum(
        math.exp(rng.uniform(math.log(leak.least_e_per_s), math.log(leak.most_e_per_s))) for leak in leaks
    )
