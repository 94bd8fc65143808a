"""One raw frame: light and dark current to charge, charge to ADU, read out through each amplifier.

Pure: a function of instrument, exposure and seed. The random numbers of a frame depend on seed, exposure and
detector alone, so that the same exposure has the same pixels in whatever order frames are made. Effects act on
their places of the way and draw from streams of their own, so that a frame without them is what it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.camera.simulator import cosmic_rays
from calibrant.camera.simulator.detector import SimulatedDetector
from calibrant.camera.simulator.effects import Facts, Light, Shot, Stream
from calibrant.camera.simulator.effects.crosstalk import Crosstalk
from calibrant.camera.simulator.effects.lamp_drift import LampDrift
from calibrant.camera.simulator.exposure import Exposure
from calibrant.camera.simulator.parameters import Flaw, LightLeak
from calibrant.camera.simulator.readout import delivered, read_out

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
    told: dict[str, Facts] = {name: {} for name in camera.effects}
    shot = _shot(camera, exposure)
    light = _light(camera, shot, told)
    leak = _leak_e_per_s(camera.flaws, exposure, _stream(camera, exposure, _FLAWS))
    electrons, hits = _collected(camera, shot, told, _expected(camera, shot, told, light, leak))
    noise = _stream(camera, exposure, _NOISE)
    drift = float(camera.parameters.bias_drift_adu * noise.standard_normal())
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


def _stream(camera: SimulatedDetector, exposure: Exposure, purpose: int) -> np.random.Generator:
    words = [camera.seed, exposure.exposure_id, camera.detector.id, purpose]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))


def _collected(
    camera: SimulatedDetector, shot: Shot, told: dict[str, Facts], expected: Plane
) -> tuple[Plane, tuple[cosmic_rays.CosmicRay, ...]]:
    """Return the charge that is in each pixel when it is read, in electrons, and the cosmic rays in it."""
    exposure, parameters = shot.exposure, camera.parameters
    electrons = _charge(camera, shot, told, expected, _stream(camera, exposure, _CHARGE))
    mean = parameters.cosmic_rays_per_s * exposure.dark_time_s
    hits = cosmic_rays.draw(mean, camera.detector.shape, _stream(camera, exposure, _RAYS))
    cosmic_rays.add_charge(electrons, hits)
    np.minimum(electrons, np.float32(parameters.full_well_e), out=electrons)
    return electrons, hits


def _before_crosstalk(camera: SimulatedDetector, exposure: Exposure) -> Mapping[str, Stream]:
    """Return what the amplifiers of a detector deliver before they hear one another: as in its own frame."""
    told: dict[str, Facts] = {name: {} for name in camera.effects}
    shot = _shot(camera, exposure)
    leak = _leak_e_per_s(camera.flaws, exposure, _stream(camera, exposure, _FLAWS))
    expected = _expected(camera, shot, told, _light(camera, shot, told), leak)
    electrons, _ = _collected(camera, shot, told, expected)
    before = list(takewhile(lambda name: name != Crosstalk.name, camera.effects))
    return delivered(camera, electrons, shot, told, before)


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

    def beside() -> dict[int, Mapping[str, Stream]]:
        return {one.detector.id: _before_crosstalk(one, exposure) for one in camera.beside}

    return Shot(exposure, camera.seed, camera.detector.id, collected, beside)


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
