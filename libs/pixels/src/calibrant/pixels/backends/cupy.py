"""Combination on a GPU by CuPy, which is imported only when this backend is asked for, or "auto" looks for it.

It owns what CuPy is told; what runs where and when is told by :mod:`calibrant.pixels.backends.streams`.
"""

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends import BackendMissingError
from calibrant.pixels.backends.device import Device, DeviceMemory, DeviceMemoryError, Stream
from calibrant.pixels.backends.specialised import GROUP, ROUNDING
from calibrant.pixels.backends.streams import combine_on
from calibrant.pixels.plan import Combined, Plan

NO_ROOM: Final = 2
"""``cudaErrorMemoryAllocation`` and ``CUDA_ERROR_OUT_OF_MEMORY``."""

FURTHEST_APART: Final = 2**31 - 1
"""Bytes from row to row of a copy that takes several: ``cudaDevAttrMaxPitch`` of all devices."""

HOST_MEMORY: Final = 1
"""``cudaMemoryTypeHost``."""

INSTALL: Final = "install calibrant-pixels[gpu]"


def check() -> None:
    """Find the device.

    Raises
    ------
    BackendMissingError
        When there is no CuPy, driver, device or compiler (NVRTC).
    """
    open_device()


def combine(plan: Plan, into: Combined) -> bool:
    """Fill the planes, and tell whether a pixel has no good sample.

    Raises
    ------
    calibrant.pixels.backends.device.DeviceMemoryError
        When the device has no room for bands of one row.
    """
    return combine_on(open_device(), plan, into)


@functools.cache
def open_device() -> Device:
    """Give the first device that CUDA shows (``CUDA_VISIBLE_DEVICES``)."""
    try:
        import cupy  # noqa: PLC0415  optional, and a second to import
    except ImportError as problem:
        raise BackendMissingError(f"CuPy cannot be imported ({problem}); {INSTALL}") from problem
    try:
        cupy.cuda.runtime.setDevice(0)
        cupy.cuda.runtime.free(0)  # begins to use it
    except cupy.cuda.runtime.CUDARuntimeError as problem:
        raise BackendMissingError(
            f"CuPy has no device to work on ({problem}); there has to be an NVIDIA GPU with room, and a driver for CUDA 12"
        ) from problem
    try:
        cupy.cuda.nvrtc.getVersion()
    except (ImportError, OSError, RuntimeError) as problem:
        raise BackendMissingError(f"there is no compiler for the kernel ({problem}); {INSTALL}") from problem
    return CupyDevice(cupy)


def named() -> str:
    """Name the device, its driver's CUDA and CuPy, for whoever tells what was measured."""
    import cupy  # noqa: PLC0415  as above

    runtime = cupy.cuda.runtime
    model = runtime.getDeviceProperties(0)["name"].decode()
    return f"{model}, CUDA {runtime.driverGetVersion()}, CuPy {cupy.__version__}"


@contextmanager
def _room_or_error(cupy: ModuleType) -> Iterator[None]:
    """Raise DeviceMemoryError for whatever CUDA says when memory is short."""
    known = cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError
    try:
        yield
    except cupy.cuda.memory.OutOfMemoryError as problem:
        raise DeviceMemoryError(str(problem)) from problem
    except known as problem:
        if problem.status == NO_ROOM:
            raise DeviceMemoryError(str(problem)) from problem
        raise


class CupyDevice:
    """A GPU.

    Parameters
    ----------
    cupy
        The module.
    """

    def __init__(self, cupy: ModuleType) -> None:
        self._cupy = cupy
        self._kernels: dict[tuple[tuple[str, int], ...], Any] = {}
        self._compiling = Lock()

    def host_memory(self, size: int, *, reused: bool = True) -> NDArray[np.uint8]:
        """Give page-locked memory; CuPy's pool makes its size a power of two and never gives it back to the system."""
        cuda = self._cupy.cuda
        with _room_or_error(self._cupy):
            if reused:
                memory = cuda.alloc_pinned_memory(size)
            else:
                memory = cuda.PinnedMemoryPointer(cuda.PinnedMemory(size, cuda.runtime.hostAllocPortable), 0)
            return np.frombuffer(memory, np.uint8, size)

    def is_page_locked(self, array: NDArray[Any]) -> bool:
        """Tell whether an array lies in such memory."""
        found = self._cupy.cuda.runtime.pointerGetAttributes(array.ctypes.data)
        return bool(found.type == HOST_MEMORY)

    def memory(self, size: int) -> DeviceMemory:
        """Give memory on the device."""
        with _room_or_error(self._cupy):
            return CupyMemory(self._cupy.cuda.alloc(size))

    def stream(self) -> Stream:
        """Give a stream that waits for no other."""
        return CupyStream(self._cupy)

    def kernel(self, source: str, constants: Mapping[str, int]) -> Any:
        """Compile; CuPy keeps what it compiled in the user's cache, and takes every function for the device's."""
        known = tuple(constants.items())
        with self._compiling, _room_or_error(self._cupy):
            if known not in self._kernels:
                options = (ROUNDING, *(f"-D{name}={number}" for name, number in known))
                module = self._cupy.RawModule(code=source, options=options, backend="nvrtc")
                self._kernels[known] = module.get_function("combine_band")
            return self._kernels[known]


class CupyMemory:
    """Memory on a device, given back to CuPy's pool with this object."""

    def __init__(self, pointer: Any) -> None:
        self._pointer = pointer
        self.address: int = pointer.ptr


class CupyStream:
    """A CUDA stream."""

    def __init__(self, cupy: ModuleType) -> None:
        self._cupy, self._runtime = cupy, cupy.cuda.runtime
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._done = cupy.cuda.Event(block=True, disable_timing=True)

    def upload(self, what: NDArray[np.uint8], to: int, apart: int = 0) -> None:
        """Copy to the device."""
        kind = self._runtime.memcpyHostToDevice
        if what.ndim == 1 or what.strides[0] > FURTHEST_APART:
            for number, row in enumerate(np.atleast_2d(what)):
                self._copy(to + number * apart, row.ctypes.data, row.nbytes, kind)
            return
        with _room_or_error(self._cupy):
            self._runtime.memcpy2DAsync(
                to, apart, what.ctypes.data, what.strides[0], *reversed(what.shape), kind, self._stream.ptr
            )

    def launch(self, kernel: Any, groups: int, arguments: tuple[int, int]) -> None:
        """Run a kernel."""
        with _room_or_error(self._cupy), self._stream:
            kernel((groups,), (GROUP,), tuple(map(np.uint64, arguments)))

    def download(self, what: int, into: NDArray[np.uint8]) -> None:
        """Copy from the device."""
        self._copy(into.ctypes.data, what, into.nbytes, self._runtime.memcpyDeviceToHost)

    def wait(self) -> None:
        """Wait for all that was asked for, without the interpreter's lock and without keeping a processor busy."""
        with _room_or_error(self._cupy):
            self._done.record(self._stream)
            self._done.synchronize()

    def _copy(self, to: int, what: int, size: int, kind: int) -> None:
        with _room_or_error(self._cupy):
            self._runtime.memcpyAsync(to, what, size, kind, self._stream.ptr)
