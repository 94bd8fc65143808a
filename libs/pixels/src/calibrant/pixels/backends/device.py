"""What combining on a GPU needs of one: memory on both sides, streams that work by themselves, a kernel.

It must not know what is combined, or whose device it is.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class DeviceMemoryError(MemoryError):
    """A device has no room for what it was given; less at a time may fit."""


class Stream(Protocol):
    """Does what it is given, one after the other, while the caller goes on; several work at the same time."""

    def upload(self, what: NDArray[np.uint8], to: int, apart: int = 0) -> None:
        """Copy host memory to an address on the device; the rows of a 2-D array so many bytes apart."""
        ...

    def launch(self, kernel: Any, groups: int, arguments: tuple[int, int]) -> None:
        """Run a kernel with so many groups of threads; its arguments are addresses on the device."""
        ...

    def download(self, what: int, into: NDArray[np.uint8]) -> None:
        """Copy from an address on the device to host memory."""
        ...

    def wait(self) -> None:
        """Return when all of it is done, or raise what went wrong."""
        ...


class DeviceMemory(Protocol):
    """Memory on a device, free again when this object is."""

    @property
    def address(self) -> int:
        """Where it begins."""
        ...


class Device(Protocol):
    """A GPU. Whatever of it has no room raises :class:`DeviceMemoryError`."""

    def host_memory(self, size: int, *, reused: bool = True) -> NDArray[np.uint8]:
        """Give host memory that is copied from and to without the processor's help (page-locked), in bytes.

        More may be taken, and kept page-locked for whoever asks next once the array is gone, unless it is not `reused`.
        """
        ...

    def is_page_locked(self, array: NDArray[Any]) -> bool:
        """Tell whether an array lies in such memory."""
        ...

    def memory(self, size: int) -> DeviceMemory:
        """Give memory on the device, in bytes."""
        ...

    def stream(self) -> Stream:
        """Give a new stream."""
        ...

    def kernel(self, source: str, constants: Mapping[str, int]) -> Any:
        """Compile a source's `combine_band`, in which names are numbers; once for the same ones."""
        ...
