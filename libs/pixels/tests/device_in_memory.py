"""A device in host memory: its streams are threads, its kernel is the one for GPUs compiled for this processor.

It lets what drives a GPU be tested without one: that streams overlap, that memory has a bound, that nothing is used
before it is there or after it is given back.
"""

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from weakref import finalize

import numpy as np

from calibrant.pixels.backends.device import DeviceMemoryError
from calibrant.pixels.backends.specialised import source

HERE = Path(__file__).parent
POISON = 0xA5


def compiler():
    return shutil.which(os.environ.get("CC", "")) or next(
        filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None
    )


@functools.cache
def folder():
    return tempfile.TemporaryDirectory(prefix="calibrant-grid-")  # gone when the process is


@functools.cache
def grid_library(kernel, constants):
    """Compile the kernel for GPUs with the C compiler."""
    text = (HERE / "thread_grid.h").read_text() + kernel + (HERE / "thread_grid.c").read_text()
    library = Path(folder().name, f"{abs(hash((kernel, constants)))}.so")
    flags = ["-std=gnu11", "-O0", "-fPIC", "-shared", "-ffp-contract=off", "-w", "-x", "c", "-"]
    macros = [f"-D{name}={number}" for name, number in constants]
    command = [compiler(), *macros, *flags, "-o", str(library), "-lm"]
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)
    return ctypes.CDLL(str(library))


def grid_kernel(text, constants):
    """Give a function of groups and the two addresses."""
    run = grid_library(text, constants).run_grid
    run.argtypes = (ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)
    return lambda groups, arguments: run(groups, *arguments)


def division(known):
    """Give the kernel's division by a number that is known: of numbers, by it, into others."""
    each = "void divide_each(const double *a, double by, double *into, long n) { while (n--) into[n] = over(a[n], by); }"
    run = grid_library(source() + each, tuple(known.items())).divide_each
    run.argtypes = (ctypes.c_void_p, ctypes.c_double, ctypes.c_void_p, ctypes.c_long)
    return lambda numbers, by, into: run(numbers.ctypes.data, by, into.ctypes.data, len(numbers))


class MemoryThere:
    def __init__(self, device, size):
        self.array = np.full(size, POISON, np.uint8)
        self.address = self.array.ctypes.data
        finalize(self, device.give_back, size)


class StreamInMemory:
    """Does what it is given in a thread of its own."""

    def __init__(self, device):
        self.device = device
        self.pool = ThreadPoolExecutor(1)
        self.given: list[Future] = []

    def upload(self, what, to, apart=0):
        def copy():
            for number, row in enumerate(np.atleast_2d(what)):
                ctypes.memmove(to + number * apart, row.ctypes.data, row.nbytes)

        self._do("upload", copy)

    def launch(self, kernel, groups, arguments):
        self._do("launch", kernel, groups, arguments)

    def download(self, what, into):
        self._do("download", ctypes.memmove, into.ctypes.data, what, into.nbytes)

    def wait(self):
        given, self.given = self.given, []
        for one in given:
            one.result()

    def _do(self, name, work, *arguments):
        def when_it_is_its_turn():
            self.device.before(name)
            work(*arguments)

        self.given.append(self.pool.submit(when_it_is_its_turn))


class DeviceInMemory:
    """A device with so many bytes; `before` is called in a stream's thread, before each thing that it does."""

    def __init__(self, room=2**40, before=lambda name: None):
        self.room, self.before = room, before
        self.taken = self.most = 0
        self.locked = []
        self.lock = Lock()

    def host_memory(self, size, *, reused=True):
        array = np.full(size, POISON, np.uint8)
        self.locked.append((array.ctypes.data, array.ctypes.data + size))
        return array

    def is_page_locked(self, array):
        return any(first <= array.ctypes.data < last for first, last in self.locked)

    def memory(self, size):
        with self.lock:
            if self.taken + size > self.room:
                raise DeviceMemoryError(f"no room for {size} bytes")
            self.taken += size
            self.most = max(self.most, self.taken)
        return MemoryThere(self, size)

    def give_back(self, size):
        with self.lock:
            self.taken -= size

    def stream(self):
        return StreamInMemory(self)

    def kernel(self, source, constants):
        with self.lock:
            return grid_kernel(source, tuple(constants.items()))
