"""The GPU beside its own limits: frames that lie on it, in the host's memory, in files. Alone: ``python tests/bench/gpu.py``.

Limits are measured in the same run: how quickly the device copies within its memory, how quickly page-locked memory is
copied to it, how quickly the files' rows are read. It takes a GPU; without one it says what is missing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from figures import Figure, show
from numpy.typing import NDArray
from rich.console import Console

from calibrant.pixels import Combined, RowSource, combine, page_locked, why_not
from calibrant.pixels.backends import cupy
from calibrant.pixels.backends.device import Device
from calibrant.pixels.backends.loads import load_of
from calibrant.pixels.backends.parcel import Parcel
from calibrant.pixels.backends.specialised import source
from calibrant.pixels.clipping import ClipRule
from calibrant.pixels.mask import UNUSABLE
from calibrant.pixels.plan import PLANES, Plan
from calibrant.pixels.rows import checked_stack
from combiners.data import Sizes, frames, write_files
from combiners.machine import described, load
from combiners.ours_files import rows_of

LAUNCHES = 20
COPIED_BYTES = 2**28
BAND_BYTES, PIECE_BYTES = 2**24, 2**20
PLANE_BYTES = 16
"""Of a pixel of the result: data, variance, count, mask."""


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Return the seconds that each round took, after one that does not count."""
    work()
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return taken


def device_bandwidth(rounds: int) -> float:
    """Return how many bytes a second the device reads and writes when it copies within its memory."""
    import cupy as library  # noqa: PLC0415  only where there is one

    one, other = (library.zeros(COPIED_BYTES, library.uint8) for _ in range(2))

    def copy() -> None:
        for _ in range(LAUNCHES):
            library.copyto(other, one)
        library.cuda.Device().synchronize()

    return 2 * COPIED_BYTES * LAUNCHES / min(timed(copy, rounds))


def copy_bandwidth(device: Device, rounds: int, size: int = COPIED_BYTES) -> float:
    """Return how many bytes a second are copied from page-locked memory to the device."""
    host, memory, stream = device.host_memory(size), device.memory(size), device.stream()

    def copy() -> None:
        for _ in range(LAUNCHES):
            stream.upload(host, memory.address)
        stream.wait()

    return size * LAUNCHES / min(timed(copy, rounds))


def resident(device: Device, stack: NDArray[np.uint16], rounds: int) -> list[float]:
    """Return the seconds that the kernel takes for frames that lie on the device."""
    plan = _plan(stack)
    parcel = Parcel(plan, load_of(plan, device.is_page_locked), slice(0, plan.shape[0]), propagate=False)
    host, stream = device.host_memory(parcel.sent_size), device.stream()
    memory = device.memory(parcel.size)
    uploads, (one,) = parcel.pack(host, memory.address, Combined.unfilled(plan.shape))
    kernel = device.kernel(source(), one.known)
    for upload in uploads:
        stream.upload(*upload)

    def launch() -> None:
        for _ in range(LAUNCHES):
            stream.launch(kernel, one.groups, one.arguments)
        stream.wait()

    return [seconds / LAUNCHES for seconds in timed(launch, rounds)]


def _plan(stack: NDArray[np.uint16]) -> Plan:
    return Plan(
        stack=checked_stack("stack", stack, "u"),
        variances=None,
        masks=None,
        statistic="clipped-mean",
        rule=ClipRule(),
        reject_low=0,
        reject_high=0,
        scales=None,
        weights=None,
        ignore=np.uint32(UNUSABLE),
        threads=1,
        tile_bytes=1,
    )


def combined(stack: Any, out: Combined, rounds: int) -> list[float]:
    """Return the seconds that a combination takes, into planes that are there already."""
    return timed(lambda: combine(stack, backend="cupy", out=out), rounds)


def locked(shape: tuple[int, int]) -> Combined:
    """Return planes in page-locked memory."""
    planes: dict[str, Any] = {name: page_locked(shape, kind) for name, kind in PLANES.items()}
    return Combined(**planes)


def processor_bandwidth(device: Device, stack: NDArray[np.uint16], rounds: int) -> float:
    """Return how many bytes a second the processor copies into page-locked memory, by as many threads as do it best."""
    frames_bytes, band = stack.reshape(-1).view(np.uint8), device.host_memory(BAND_BYTES)

    def copy(start: int) -> None:
        piece = frames_bytes[start : start + PIECE_BYTES]
        band[start % BAND_BYTES :][: len(piece)] = piece

    def within(threads: int) -> float:
        with ThreadPoolExecutor(threads) as pool:
            starts = range(0, len(frames_bytes), PIECE_BYTES)
            return min(timed(lambda: list(pool.map(copy, starts)), rounds))

    return len(frames_bytes) / min(map(within, (1, 2, 4, 8)))


def read(sources: list[RowSource], rounds: int) -> float:
    """Return the least seconds in which the files' rows are read, with four threads, a band at a time."""

    def one(which: RowSource) -> None:
        band = np.empty((64, which.shape[1]), which.dtype)
        for first in range(0, which.shape[0], len(band)):
            last = min(first + len(band), which.shape[0])
            which.read_rows(first, last, band[: last - first])

    with ThreadPoolExecutor(4) as pool:
        return min(timed(lambda: list(pool.map(one, sources)), rounds))


def read_whole(sources: list[RowSource], rounds: int) -> float:
    """Return the least seconds in which whole files are read into page-locked memory, by as many threads as do it best."""
    free: SimpleQueue[NDArray[Any]] = SimpleQueue()

    def one(which: RowSource) -> None:
        plane = free.get()
        which.read_rows(0, len(plane), plane)
        free.put(plane)

    def within(threads: int) -> float:
        free.put(page_locked(sources[0].shape, sources[0].dtype))
        with ThreadPoolExecutor(threads) as pool:
            return min(timed(lambda: list(pool.map(one, sources)), rounds))

    return min(map(within, range(1, 7)))


def measured(device: Device, sizes: Sizes, within: float) -> list[Figure]:
    """Measure everything.

    Parameters
    ----------
    device
        The GPU.
    sizes
        How much: frames, `large` pixels a side, rounds.
    within
        Bytes a second that the device copies within its memory.
    """
    stack = frames(sizes.frames, sizes.large)
    moved = stack.nbytes + PLANE_BYTES * stack[0].size
    bus, processor = copy_bandwidth(device, sizes.rounds), processor_bandwidth(device, stack, sizes.rounds)
    copied, by_processor = stack.nbytes / bus, stack.nbytes / processor
    here = resident(device, stack, sizes.rounds)
    out = locked(stack[0].shape)
    fixed = page_locked(stack.shape, stack.dtype)
    fixed[...] = stack
    held = combined(fixed, out, sizes.rounds)
    other = combined(stack, Combined.unfilled(stack[0].shape), sizes.rounds)
    with tempfile.TemporaryDirectory(prefix="calibrant-gpu-") as name, ExitStack() as opened:
        paths = write_files(Path(name, "files"), stack)
        sources = [rows_of(path, Path(name), opened) for path in paths]
        slower = max(copied, read(sources, sizes.rounds))
        whole = read_whole(sources, sizes.rounds)
        filed = combined(sources, out, sizes.rounds)
    return [
        Figure("copying within the device", [within / 1e9], "GB/s"),
        Figure("copying to the device, page-locked", [bus / 1e9], "GB/s"),
        Figure("copying to page-locked memory, by the processor", [processor / 1e9], "GB/s"),
        Figure("frames on the device: time", [1e3 * one for one in here], "ms"),
        Figure(
            "... bytes it must move, of what copying moves", [moved / one / within for one in here], "", 0.6
        ),
        Figure("frames in page-locked memory: time", [1e3 * one for one in held], "ms"),
        Figure("... copying alone, to it", [copied / one for one in held], "", 0.85),
        Figure("frames in any memory: time", [1e3 * one for one in other], "ms"),
        Figure("... copying alone, to it", [copied / one for one in other], "", 0.85),
        Figure("... copying by the processor alone, to it", [by_processor / one for one in other], ""),
        Figure("frames in files: time", [1e3 * one for one in filed], "ms"),
        Figure("... reading or copying alone, the slower, to it", [slower / one for one in filed], "", 0.8),
        Figure(
            "... reading whole files into page-locked memory alone, to it", [whole / one for one in filed], ""
        ),
    ]


def gpu(console: Console, sizes: Sizes) -> None:
    """Measure and show, or say what is missing."""
    missing = why_not("cupy")
    if missing:
        console.print(f"the GPU is not measured: {missing}", markup=False)
        return
    before = load()
    told = measured(cupy.open_device(), sizes, device_bandwidth(sizes.rounds))
    title = f"GPU, {sizes.frames} x {sizes.large}^2 uint16, clipped mean by median/std"
    show(console, title, told)
    console.print(f"{described()}; {cupy.named()}; load average {before} before, {load()} after")


if __name__ == "__main__":
    whole = Sizes()
    parser = argparse.ArgumentParser(description=__doc__)
    for field in ("frames", "large", "rounds"):
        parser.add_argument(f"--{field}", type=int, default=getattr(whole, field))
    gpu(Console(width=160), Sizes(**vars(parser.parse_args())))
