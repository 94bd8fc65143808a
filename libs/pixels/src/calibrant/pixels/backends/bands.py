"""Bands of rows, worked on by several threads: how a plane of any size goes through bounded memory.

It owns the threads; it must not know what is done to a band.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait


def thread_count(threads: int | None) -> int:
    """Give how many threads work: as many as asked for, or as there are processors to use.

    Raises
    ------
    ValueError
        When it is less than one.
    """
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise ValueError(f"threads: {threads}, must be at least 1")
    return threads


def bands(rows: int, row_bytes: int, band_bytes: int, threads: int, least: int = 1) -> Iterator[slice]:
    """Give slices that cover `rows` rows.

    Each has as many rows as fit in `band_bytes`, at least `least`, but not so many that there are none for some thread.
    """
    step = max(1, min(max(least, band_bytes // row_bytes), -(-rows // (4 * threads))))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def work_through(work: Callable[[slice], None], parts: Iterator[slice], threads: int) -> None:
    """Do `work` to every band, `threads` of them at the same time; the first error ends it and is raised."""
    if threads == 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="combine") as pool:
        done, waiting = wait([pool.submit(work, part) for part in parts], return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()
