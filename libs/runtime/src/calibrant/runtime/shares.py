"""How many threads a call in a child process may have: its share of the processors, as far as its memory holds them.

Owns the share, and the variable of the environment by which a child is told. Must not know what is computed.
"""

import os
from typing import Final

from calibrant.runtime.limits import Limits

VARIABLE: Final = "CALIBRANT_THREADS"
"""Read by whatever starts threads in the child."""

THREAD_BYTES: Final = 32 * 2**20
"""What a thread may take: 8 MiB of stack, 16 MiB of rows, and what it works in."""


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def threads_for(calls: int, limits: Limits) -> int:
    """Return how many threads the last of some calls that are made at the same time may have.

    Parameters
    ----------
    calls : int
        How many are made at the moment, with this one.
    limits : Limits
        What this one may take: half of its memory at most is for threads.
    """
    share = max(1, processors() // calls)
    if not limits.memory_bytes:
        return share
    return max(1, min(share, limits.memory_bytes // 2 // THREAD_BYTES))


def tell(threads: int) -> None:
    """Tell this process how many threads it may have."""
    os.environ[VARIABLE] = str(threads)
