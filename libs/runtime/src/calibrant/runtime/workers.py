"""Child processes that compute: off the event loop, one call each at a time, replaced when they die.

Owns the processes. Knows no job: it is given a picklable function and its arguments.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.runtime.garbage import sparing
from calibrant.runtime.limits import Limits, TookTooLong, Watch, WorkerDied, memory_limited
from calibrant.runtime.shares import tell, threads_for
from calibrant.runtime.telemetry.bound import Field, bound, fields
from calibrant.runtime.telemetry.logs import LogSetup, configure_logs, handed_on

T = TypeVar("T")
UNLIMITED = Limits()


class Workers:
    """A fixed number of child processes, shared by the services of one process.

    Parameters
    ----------
    slots : int
        How many processes; each computes one call at a time.
    preload : tuple of str
        Modules that a new process imports at once, while nobody waits for it; what fails is left to the call that needs it.
    start_method : str
        How a process begins, as ``multiprocessing`` names it: "fork" is for those who have no threads.
    """

    def __init__(self, slots: int, preload: tuple[str, ...] = (), start_method: str = "spawn") -> None:
        self.slots = slots
        self._context = multiprocessing.get_context(start_method)
        self._preload = preload
        self._free: asyncio.Queue[ProcessPoolExecutor] | None = None
        self._all: list[ProcessPoolExecutor] = []

    def start(self, preload: Iterable[str] = ()) -> None:
        """Start the processes if they are not running, and let all of them import further modules.

        They do so in the background. Without it, the first call starts them.
        """
        new = tuple(module for module in dict.fromkeys(preload) if module not in self._preload)
        self._preload += new
        if self._free is None:
            self._free = asyncio.Queue()
            self._all = [self._new() for _ in range(self.slots)]
            for pool in self._all:
                self._warm(pool, ())
                self._free.put_nowait(pool)
        elif new:
            for pool in self._all:
                self._warm(pool, new)

    async def run(self, function: Callable[..., T], *arguments: Any, limits: Limits = UNLIMITED) -> T:
        """Run a function in a child process, when one is free.

        When the caller is cancelled the process is ended, for nothing else stops a computation.

        Parameters
        ----------
        function, arguments
            What is called. It may have its share of the processors for threads; see `calibrant.runtime.shares`.
        limits : Limits
            What it may take; the wait for a free process is not counted.

        Raises
        ------
        WorkerDied
            The process died, or took more than it may; it is replaced.
        Exception
            Whatever the function raised; one that cannot be pickled comes as the nearest that can.
        """
        self.start()
        free = self._free
        assert free is not None
        pool = await free.get()
        threads = threads_for(self.slots - free.qsize(), limits)
        watch = Watch((), limits)
        try:
            try:
                future = _submit(pool, limits, threads, function, arguments)
            except BrokenProcessPool:  # it died while idle, which is not this call's doing
                pool = self._replaced(pool)
                future = _submit(pool, limits, threads, function, arguments)
            watch = Watch(_processes(pool), limits)
            return await watch.until_done(asyncio.wrap_future(future))
        except BrokenProcessPool as error:
            pool = self._replaced(pool)
            raise WorkerDied(watch.obituary()) from error
        except (asyncio.CancelledError, TookTooLong):
            pool = self._replaced(pool)
            raise
        finally:
            free.put_nowait(pool)

    def close(self) -> None:
        """End the processes; what they are computing is given up."""
        self._free = None
        pools, self._all = self._all, []
        for pool in pools:
            _end(pool)

    def _new(self) -> ProcessPoolExecutor:
        """Make a pool of one, whose process starts with the first call."""
        return ProcessPoolExecutor(
            1, mp_context=self._context, initializer=_begin, initargs=(self._preload, handed_on())
        )

    def _replaced(self, old: ProcessPoolExecutor) -> ProcessPoolExecutor:
        _end(old)
        new = self._new()
        if old in self._all:
            self._all[self._all.index(old)] = new
        return new

    def _warm(self, pool: ProcessPoolExecutor, modules: tuple[str, ...]) -> None:
        with suppress(BrokenProcessPool):  # whoever calls it next finds out
            pool.submit(_import, modules)


def _submit(
    pool: ProcessPoolExecutor,
    limits: Limits,
    threads: int,
    function: Callable[..., T],
    arguments: tuple[Any, ...],
) -> Future[T]:
    return pool.submit(_call, limits, threads, function, arguments, dict(fields()))


def _processes(pool: ProcessPoolExecutor) -> list[BaseProcess]:
    # There is no public way to a pool's processes.
    return list((pool._processes or {}).values())  # noqa: SLF001


def _end(pool: ProcessPoolExecutor) -> None:
    for process in _processes(pool):
        process.kill()
    pool.shutdown(wait=True, cancel_futures=True)


def _begin(preload: tuple[str, ...], logs: LogSetup | None) -> None:
    """Make a child that ends with its parent, logs as it does and leaves Ctrl-C and SIGTERM to it."""
    if logs is not None:
        configure_logs(logs)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _import(preload)


def _import(modules: tuple[str, ...]) -> None:
    with sparing():
        for module in modules:
            with suppress(Exception):  # whoever calls into it is told
                import_module(module)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _call(
    limits: Limits,
    threads: int,
    function: Callable[..., T],
    arguments: tuple[Any, ...],
    about: Mapping[str, Field],
) -> T:
    """Call, raising nothing that would not survive the way to the parent or would end it."""
    tell(threads)
    try:
        with bound(**about), memory_limited(limits):
            return function(*arguments)
    except Exception as error:
        if _survives(error):
            raise
        raise _nearest(error)(f"{type(error).__name__}: {error}") from None
    except BaseException as error:  # noqa: BLE001  SystemExit, say, is for the child alone
        raise RuntimeError(f"{type(error).__name__}: {error}") from None


def _survives(error: Exception) -> bool:
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes, a line ago
    except Exception:  # noqa: BLE001  whatever its own code raises, it does not survive
        return False
    return type(copy) is type(error) and str(copy) == str(error)


def _nearest(error: Exception) -> type[Exception]:
    for kind in (PermanentError, TransientError):
        if isinstance(error, kind):
            return kind
    return RuntimeError
