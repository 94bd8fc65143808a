"""Work that is done side by side: how many threads there are, and how they end.

It must not know what is done.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final, TypeVar

from calibrant.pixels.numerals import whole_number

VARIABLE: Final = "CALIBRANT_THREADS"
"""Of the environment: what a process may use where nobody asks for a number."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_count(threads: int | None) -> int:
    """Give how many threads work: as many as asked for, as :data:`VARIABLE` says, or as there are processors to use.

    Raises
    ------
    ValueError
        When it is no whole number, or less than one.
    """
    if threads is None and VARIABLE in os.environ:
        return whole_number(VARIABLE, int(os.environ[VARIABLE]), least=1)
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return whole_number("threads", threads, least=1)


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> list[Result]:
    """Do `work` to every item, `threads` of them at the same time; give what comes of each.

    The first error, or Ctrl-C, ends it: what has begun is waited for, the rest is not begun.
    """
    if threads == 1:
        return [work(item) for item in items]
    done: SimpleQueue[Future[Result]] = SimpleQueue()  # its `get` may be interrupted and keeps no lock
    pool = ThreadPoolExecutor(threads, thread_name_prefix="pixels")
    try:
        futures = [pool.submit(work, item) for item in items]
        for future in futures:
            future.add_done_callback(done.put)
        for _ in futures:
            done.get().result()
    finally:
        pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]
