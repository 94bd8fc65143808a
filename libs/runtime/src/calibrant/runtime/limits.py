"""What one call in a child process may take: memory and time; and how it is told when that is not enough.

Owns the limits and their errors. The child's half limits its own memory; the parent's half looks at the child from
outside. Reads Linux' /proc.

Memory is limited by RLIMIT_DATA: what a process allocates for itself, heap and private maps. Unlike RLIMIT_AS it leaves
alone what is only reserved (thread stacks' guards, a compiler's arenas) and files that are mapped to be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, TypeVar

from calibrant.bus.errors import TransientError

T = TypeVar("T")
LOOK_S = 1.0
_PROC: Final = Path("/proc")
_PAGE_BYTES: Final = resource.getpagesize()


class WorkerDied(TransientError):
    """The child process died under its call: out of memory, a segmentation fault, killed."""


class OutOfMemory(WorkerDied):
    """A call needed more memory than it may take, or than there is. The process lives on."""


class TookTooLong(WorkerDied):
    """A call took longer than it may; its process was ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call may take.

    Parameters
    ----------
    memory_bytes : int
        Beyond what the process has allocated before, in bytes; 0: what the machine gives.
    time_s : float
        In seconds; 0: for ever.
    """

    memory_bytes: int = 0
    time_s: float = 0.0


@contextmanager
def memory_limited(limits: Limits) -> Iterator[None]:
    """Limit what this process may allocate until the block ends.

    Raises
    ------
    OutOfMemory
        It was not enough.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    if limits.memory_bytes:
        _limit(_allocated_bytes() + limits.memory_bytes, before[1])
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(_told(limits, error)) from None
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


class Watch:
    """Looks at a call from outside.

    Parameters
    ----------
    processes : sequence
        The process that computes it.
    limits : Limits
        What it may take.
    """

    def __init__(self, processes: Sequence[BaseProcess], limits: Limits) -> None:
        self._processes = processes
        self._limits = limits
        self._seen_bytes = 0

    async def until_done(self, call: asyncio.Future[T]) -> T:
        """Wait for a call.

        Raises
        ------
        TookTooLong
            It takes longer than it may; whoever asks ends it.
        """
        now_s = asyncio.get_running_loop().time
        end_s = now_s() + (self._limits.time_s or float("inf"))
        try:
            while not call.done():
                if (left_s := end_s - now_s()) <= 0:
                    raise TookTooLong(self._told_of_time())
                await asyncio.wait([call], timeout=min(LOOK_S, left_s))
                self._look()
        finally:
            call.cancel()
        return call.result()

    def obituary(self) -> str:
        """Say how the process ended, and what it had in memory when it was last seen."""
        code = self._processes[0].exitcode if self._processes else None
        if code is None:
            return f"the worker process died{self._told_of_memory()}"
        if code >= 0:
            return f"the worker process ended by itself with exit code {code}{self._told_of_memory()}"
        memory = " (out of memory?)" if code == -signal.SIGKILL else ""
        return f"the worker process was ended by {signal.Signals(-code).name}{memory}{self._told_of_memory()}"

    def _look(self) -> None:
        for process in self._processes:
            with contextlib.suppress(OSError):
                resident = (_PROC / str(process.pid) / "statm").read_text("ascii").split()[1]
                self._seen_bytes = int(resident) * _PAGE_BYTES or self._seen_bytes  # 0: it is gone

    def _told_of_memory(self) -> str:
        seen = f", with {_mebibytes(self._seen_bytes)} in memory when last seen" if self._seen_bytes else ""
        limit = self._limits.memory_bytes
        return seen + (f"; it was allowed {_mebibytes(limit)} beyond its start" if limit else "")

    def _told_of_time(self) -> str:
        return (
            f"the worker process was ended after {self._limits.time_s:g} s, the limit of a job "
            f"(CALIBRANT_JOB_LIMIT_S){self._told_of_memory()}"
        )


def _limit(data_bytes: int, hard: int) -> None:
    soft = data_bytes if hard == resource.RLIM_INFINITY else min(data_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _allocated_bytes() -> int:
    for line in (_PROC / "self/status").read_text("ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def _told(limits: Limits, error: MemoryError) -> str:
    asked = f" ({error})" if str(error) else ""
    if limits.memory_bytes:
        return f"needed more than {_mebibytes(limits.memory_bytes)} of memory, the job's memory_bytes{asked}"
    return f"needed more memory than this machine or container gives{asked}"


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"
