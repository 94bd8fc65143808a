"""The engine in memory, and the floor beside it. ``python -m combiners.ours FOLDER``."""

from __future__ import annotations

import ctypes
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels import combine
from combiners.compiled import compile_c
from combiners.ours_chain import chain
from combiners.serving import Job, serve

Planes = tuple[NDArray[Any], ...]
THREADS = len(os.sched_getaffinity(0))


def engine(stack: Any, **options: Any) -> Any:
    """Combine; show the image."""
    return combine(stack, **options).data


def planes(shape: tuple[int, int]) -> Planes:
    """Make room for what a combination gives: data, variance, count and mask."""
    return tuple(np.empty(shape, dtype) for dtype in (np.float32, np.float32, np.uint32, np.uint32))


class Floor:
    """Reads a stack once and writes the planes once, in bands, with as many threads as the engine takes.

    Parameters
    ----------
    stack
        uint16 (N, ny, nx), in one piece.
    folder
        Where the loop is compiled.
    """

    def __init__(self, stack: NDArray[np.uint16], folder: Path) -> None:
        library = ctypes.CDLL(str(compile_c("floor.c", folder / "floor.so", "-shared", "-fPIC")))
        self._band = library.floor_band
        self._band.argtypes = [ctypes.c_void_p, *[ctypes.c_size_t] * 4, *[ctypes.c_void_p] * 4]
        self._stack, self._pool = stack, ThreadPoolExecutor(THREADS)
        self.room = planes(stack.shape[1:])

    def reused(self) -> None:
        """Write into planes that have been written before."""
        self._run(self.room)

    def new(self) -> None:
        """Write into planes that are new, as a combination gives them."""
        self._run(planes(self._stack.shape[1:]))

    def _run(self, room: Planes) -> None:
        frames, pixels = len(self._stack), self._stack[0].size
        edges = [pixels * band // THREADS for band in range(THREADS + 1)]
        pointers = [plane.ctypes.data for plane in room]
        work = [
            self._pool.submit(self._band, self._stack.ctypes.data, frames, pixels, *band, *pointers)
            for band in pairwise(edges)
        ]
        for band in work:
            band.result()


def jobs(folder: Path) -> dict[str, Job]:
    """Return what this process can be asked for."""
    stack = np.load(folder / "stack.npy")
    floor = cache(partial(Floor, stack, folder))  # without a compiler the engine is measured all the same
    std = partial(engine, stack, backend="cpu")
    mad = partial(std, spread="mad")
    room = combine(stack, backend="numpy")
    return {
        "floor": lambda: floor().reused(),
        "floor, new planes": lambda: floor().new(),
        "Calibrant std": std,
        "Calibrant std, planes reused": partial(std, out=room),
        "Calibrant std, numpy": partial(std, backend="numpy"),
        "Calibrant std, one thread": partial(std, out=room, threads=1),
        "Calibrant std, two threads": partial(std, out=room, threads=2),
        "Calibrant MAD": mad,
        "Calibrant MAD, planes reused": partial(mad, out=room),
        "Calibrant MAD, numpy": partial(mad, backend="numpy"),
        "Calibrant chain": partial(chain, folder),
    }


if __name__ == "__main__":
    serve(jobs(Path(sys.argv[1])))
