"""What is combined: seeded frames with noise, cosmic rays and hot pixels, in memory and as files.

Owns the folder and what lies in it. Knows no combiner.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

SEED = 20
LEVEL_ADU, PATTERN_ADU, NOISE_ADU = 1000.0, 50.0, 5.0
STRUCK, HOT = 0.001, 0.001
OVERSCAN = 64
DARK_S = 30.0
GAIN, READ_NOISE_E = 1.5, 7.5
"""Electrons per ADU, and electrons."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: frames and pixels a side, in memory and as large files, and rounds."""

    frames: int = 20
    side: int = 2048
    large: int = 4096
    rounds: int = 5


def frames(count: int, side: int, *, overscan: int = 0) -> NDArray[np.uint16]:
    """Make frames: one fixed pattern, 5 ADU of noise, cosmic rays in 0.1 % of each, 0.1 % hot pixels.

    Parameters
    ----------
    count, side
        Frames, and rows and columns of each.
    overscan
        Columns to the right that see the level alone.
    """
    random = np.random.default_rng(SEED)
    pattern = random.normal(LEVEL_ADU, PATTERN_ADU, (side, side)).astype(np.float32)
    pattern[random.random((side, side), np.float32) < HOT] += 20_000
    stack = np.empty((count, side, side + overscan), np.uint16)
    for frame in stack:
        signal = random.standard_normal(frame.shape, np.float32) * np.float32(NOISE_ADU)
        signal[:, :side] += pattern
        signal[:, side:] += LEVEL_ADU
        struck = random.integers(0, side * side, round(STRUCK * side * side))
        rows, columns = np.divmod(struck, side)
        signal[rows, columns] += random.exponential(1000, struck.size)
        frame[...] = np.clip(np.rint(signal), 0, 65535)
    return stack


def calibrations(side: int) -> dict[str, NDArray[np.float32]]:
    """Make what a frame is corrected with: bias (electron), dark (electron/s) and flat."""
    random = np.random.default_rng(SEED + 1)
    return {
        "bias": random.normal(20, 2, (side, side)).astype(np.float32),
        "dark": random.exponential(0.1, (side, side)).astype(np.float32),
        "flat": random.normal(1, 0.02, (side, side)).astype(np.float32),
    }


def write_files(folder: Path, stack: NDArray[np.uint16]) -> list[Path]:
    """Write each frame as FITS: 16-bit integers with BZERO 32768, as cameras do."""
    folder.mkdir()
    paths = [folder / f"frame_{number:05}.fits" for number in range(1, len(stack) + 1)]
    for path, frame in zip(paths, stack, strict=True):
        unit: Any = fits.PrimaryHDU(frame)
        unit.header["EXPTIME"] = DARK_S
        unit.writeto(path)
    return paths


def fill(folder: Path, sizes: Sizes) -> None:
    """Write all that the combiners read: arrays for those in memory, two sets of files for those on disk."""
    stack = frames(sizes.frames, sizes.side)
    np.save(folder / "stack.npy", stack)
    stack.tofile(folder / "stack.u16")
    write_files(folder / "files", stack)
    np.save(folder / "raw.npy", frames(sizes.frames, sizes.side, overscan=OVERSCAN))
    for name, plane in calibrations(sizes.side).items():
        np.save(folder / f"{name}.npy", plane)
    write_files(folder / "large", frames(sizes.frames, sizes.large))
