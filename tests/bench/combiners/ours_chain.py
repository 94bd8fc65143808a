"""The whole way from raw frames with the engine: overscan, gain, bias, dark, flat, clipped mean."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from calibrant.pixels import Amplifier, Box, Geometry, Reference, combine, remove_signature
from combiners.data import DARK_S, GAIN, OVERSCAN, READ_NOISE_E


@cache
def _read(folder: Path) -> dict[str, Any]:
    return {name: np.load(folder / f"{name}.npy") for name in ("raw", "bias", "dark", "flat")}


def geometry(side: int) -> Geometry:
    """Describe the frames: one amplifier, its serial overscan to the right."""
    image = Box(0, side, 0, side)
    overscan = Box(0, side, side, side + OVERSCAN)
    amplifier = Amplifier("A", image, image, False, False, overscan, None, GAIN, READ_NOISE_E, None)
    return Geometry((side, side + OVERSCAN), (side, side), (amplifier,))


def chain(folder: Path) -> Any:
    """Correct each frame for overscan, bias, dark and flat, with its variance; then clip and average."""
    planes = _read(folder)
    detector = geometry(planes["bias"].shape[0])
    images = [
        remove_signature(
            frame,
            detector,
            overscan="median-per-row",
            bias=Reference(planes["bias"]),
            dark=Reference(planes["dark"]),
            dark_scale=DARK_S,
            flat=Reference(planes["flat"]),
        )
        for frame in planes["raw"]
    ]
    combined = combine(
        [one.data for one in images],
        variances=[one.variance for one in images],
        masks=[one.mask for one in images],
    )
    return combined.data
