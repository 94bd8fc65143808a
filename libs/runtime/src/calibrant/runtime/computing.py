"""What a child process does with a job: compute it, and say what a full disk means.

Owns nothing but that; imports no database, so that a child process starts quickly.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calibrant.contracts.base import Message
from calibrant.runtime.handlers import Compute, Outcome, Workspace
from calibrant.runtime.objects import StoreUnavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def full_disk_told(place: Path) -> Iterator[None]:
    """Turn an error that says that a disk is full into one that is waited for.

    Parameters
    ----------
    place : Path
        Where is written, for the text.

    Raises
    ------
    StoreUnavailable
        The disk is full, or the user's part of it.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreUnavailable(
                f"no space left for {error.filename or place}: free some; it is tried again"
            ) from error
        raise


def computed(compute: Compute, job: Message, workspace: Workspace) -> Outcome:
    """Compute a job, in a child process.

    Raises
    ------
    StoreUnavailable
        The disk with the scratch folder is full.
    TypeError
        The computation handed back something else.
    """
    with full_disk_told(workspace.scratch):
        outcome: object = compute(job, workspace)
    if not isinstance(outcome, Outcome):
        raise TypeError(f"{compute.__module__}.{compute.__qualname__} returned {outcome!r}, not an Outcome")
    return outcome
