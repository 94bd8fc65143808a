"""Bands of rows: how a plane of any size goes through bounded memory, several bands at the same time.

It must not know what is done to a band.
"""

from collections.abc import Callable, Iterator

from calibrant.pixels.threads import side_by_side


def bands(rows: int, row_bytes: int, band_bytes: int, threads: int, least: int = 1) -> Iterator[slice]:
    """Give slices that cover `rows` rows.

    Each has as many rows as fit in `band_bytes`, and there are some for every thread; but it has at least `least`.
    Rows of no bytes all fit.
    """
    step = max(least, min(band_bytes // row_bytes if row_bytes else rows, -(-rows // (4 * threads))))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def work_through(work: Callable[[slice], bool], parts: Iterator[slice], threads: int) -> bool:
    """Do `work` to every band, `threads` of them at the same time; the first error ends it and is raised.

    Returns
    -------
    bool
        Whether it was true of some band.
    """
    return any(side_by_side(work, parts, threads))
