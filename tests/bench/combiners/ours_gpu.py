"""The engine on a GPU, and what its bus, its memory and the disk can do at most. Jobs that fail where there is none."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels import Combined, combine
from combiners.ours_files import rows_of
from combiners.serving import Job


def from_files(folder: Path, room: Combined) -> Any:
    """Combine the frames of the folder's files on the GPU."""
    with ExitStack() as opened:
        files = sorted((folder / "files").glob("*.fits"))
        sources = [rows_of(path, folder, opened) for path in files]
        return combine(sources, backend="cupy", out=room).data


def read_files(folder: Path, buffer: NDArray[np.uint8]) -> None:
    """Read the folder's files into memory that is there, one after the other."""
    for path in sorted((folder / "files").glob("*.fits")):
        with path.open("rb", buffering=0) as file:
            file.readinto(buffer.data)


def copied_to_device(stack: NDArray[np.uint16]) -> Job:
    """Make page-locked and device memory as large as the frames; give what copies from the one to the other."""
    import cupy  # noqa: PLC0415  only where there is a GPU

    locked = np.frombuffer(cupy.cuda.alloc_pinned_memory(stack.nbytes), np.uint16, stack.size)
    locked[:] = stack.reshape(-1)
    device = cupy.empty(stack.size, np.uint16)

    def copy() -> None:
        device.set(locked)
        cupy.cuda.runtime.deviceSynchronize()

    return copy


def jobs(folder: Path, stack: NDArray[np.uint16], room: Combined) -> dict[str, Job]:
    """Return what can be asked for."""
    copy: list[Job] = []

    def copied() -> Any:
        if not copy:
            copy.append(copied_to_device(stack))
        return copy[0]()

    buffer = np.empty(max(path.stat().st_size for path in (folder / "files").glob("*.fits")), np.uint8)
    return {
        "Calibrant std, GPU": lambda: combine(stack, backend="cupy", out=room).data,
        "Calibrant std, GPU, files": partial(from_files, folder, room),
        "copy to the GPU": copied,
        "read the files": partial(read_files, folder, buffer),
    }
