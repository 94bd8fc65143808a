"""Child processes that compute: off the event loop, one job each, replaced when they die.

Owns the processes. Knows no job: it is given a picklable function and its arguments.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

T = TypeVar("T")


class WorkerDied(Exception):
    """The child process died under its job: out of memory, a segmentation fault, killed."""


class Workers:
    """A fixed number of child processes, shared by the services of one process.

    Parameters
    ----------
    slots : int
        How many processes; each computes one job at a time.
    preload : tuple of str
        Modules that a new process imports at once, while nobody waits for it.
    """

    def __init__(self, slots: int, preload: tuple[str, ...] = ()) -> None:
        self.slots = slots
        self._preload = preload
        self._free: asyncio.Queue[ProcessPoolExecutor] | None = None
        self._all: list[ProcessPoolExecutor] = []

    def start(self) -> None:
        """Start the processes; they warm up in the background."""
        self._free = asyncio.Queue()
        for _ in range(self.slots):
            self._free.put_nowait(self._new())

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function in a child process.

        Raises
        ------
        WorkerDied
            The process died; it is replaced.
        Exception
            Whatever the function raised.
        """
        if self._free is None:
            self.start()
        assert self._free is not None
        pool = await self._free.get()
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool as error:
            self._all.remove(pool)
            pool.shutdown(wait=False, cancel_futures=True)
            pool = self._new()
            raise WorkerDied("the worker process died (out of memory, or killed by a signal)") from error
        finally:
            self._free.put_nowait(pool)

    def close(self) -> None:
        """End the processes; what they are computing is given up."""
        for pool in self._all:
            for process in list((pool._processes or {}).values()):  # noqa: SLF001  no public way to end them
                process.kill()
            pool.shutdown(wait=True, cancel_futures=True)
        self._all.clear()
        self._free = None

    def _new(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(self._preload,))
        pool.submit(os.getpid)
        self._all.append(pool)
        return pool


def _begin(preload: tuple[str, ...]) -> None:
    """Make a child that ends with its parent and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for module in preload:
        __import__(module)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
