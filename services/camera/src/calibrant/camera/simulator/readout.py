"""From charge in pixels to numbers in a raw frame: transfer, amplifiers, level and noise, the converter.

Pure. Must not know light or exposures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibrant.camera.simulator.detector import SimulatedDetector
from calibrant.camera.simulator.effects import Facts, Shot, Stream, in_order
from calibrant.camera.simulator.parameters import Flaw, NoisyAmplifier
from calibrant.frames.instrument import Amplifier

_HIGHEST_ADU = 65_535
Plane = NDArray[np.float32]


def read_out(
    camera: SimulatedDetector,
    electrons: Plane,
    *,
    drift_adu: float,
    noise: np.random.Generator,
    shot: Shot,
    told: dict[str, Facts],
) -> NDArray[np.uint16]:
    """Read a frame out.

    Parameters
    ----------
    camera
        The detector.
    electrons
        Charge of the trimmed frame (rows, columns), in electrons.
    drift_adu
        How much higher the amplifiers' levels are in this exposure, in ADU.
    noise
        Gives the read noise.
    shot
        The exposure, for effects.
    told
        By effect, what is true of this frame: added to.
    """
    raw = noise.standard_normal(camera.detector.raw_shape, dtype=np.float32)
    streams = delivered(camera, electrons, shot, told, list(camera.effects))
    placements = camera.detector.placements()
    for name, stream in streams.items():
        amplifier = stream.amplifier
        _levelled(camera, amplifier, drift_adu, raw)
        stream.image[...] += in_order(amplifier, camera.maps.bias_structure_adu, placements[name])
        stream.add_to(raw)
    np.rint(raw, out=raw)
    np.clip(raw, 0, _HIGHEST_ADU, out=raw)
    return raw.astype(np.uint16)


def delivered(
    camera: SimulatedDetector,
    electrons: Plane,
    shot: Shot,
    told: dict[str, Facts],
    read: Sequence[str],
) -> Mapping[str, Stream]:
    """Return what each amplifier delivers above its level, in ADU; of the effects on what is read, those named."""
    placements = camera.detector.placements()
    streams = {
        one.name: Stream.of(one, electrons, placements[one.name]) for one in camera.detector.amplifiers
    }
    for name, effect in camera.effects.items():
        told[name] |= effect.transfer(streams, shot)
    for stream in streams.values():
        signal = stream.signal
        signal *= np.float32(1 / stream.amplifier.gain_e_per_adu)
    for name in read:
        told[name] |= camera.effects[name].read(streams, shot)
    return streams


def _levelled(camera: SimulatedDetector, amplifier: Amplifier, drift_adu: float, raw: Plane) -> None:
    """Make normal noise that of an amplifier, about its level, wherever it reads; in place."""
    level = np.float32(camera.maps.level_adu[amplifier.name] + drift_adu)
    sigma = np.float32(_read_noise_e(amplifier, camera.flaws) / amplifier.gain_e_per_adu)
    for section in amplifier.regions().values():
        block = raw[section.y0 : section.y1, section.x0 : section.x1]
        block *= sigma
        block += level


def _read_noise_e(amplifier: Amplifier, flaws: Sequence[Flaw]) -> float:
    noisy = [f for f in flaws if isinstance(f, NoisyAmplifier) and f.amplifier == amplifier.name]
    return amplifier.read_noise_e * math.prod(flaw.factor for flaw in noisy)
