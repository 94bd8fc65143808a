"""The whole way from raw frames with the engine: overscan, gain, bias, dark, flat, clipped mean."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from calibrant.pixels import Amplifier, Box, Geometry, Overscan, Reference, Signature, Terms, combine_raw
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
    """Correct for overscan, bias, dark and flat, clip and average, with variance and mask; show the image."""
    planes = _read(folder)
    signature = Signature(
        overscan=Overscan("median-per-row"),
        bias=Reference(planes["bias"]),
        dark=Reference(planes["dark"]),
        flat=Reference(planes["flat"]),
    )
    raw = planes["raw"]
    terms = [Terms(dark_time_s=DARK_S)] * len(raw)
    return combine_raw(raw, geometry(planes["bias"].shape[0]), signature, terms, backend="cpu").combined.data
