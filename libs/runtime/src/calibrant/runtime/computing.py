"""What a child process does with a job: compute it, and say what a full disk means.

Owns nothing but that; imports no database, so that a child process starts quickly.
"""

from __future__ import annotations

import errno

from calibrant.contracts.base import Message
from calibrant.runtime.handlers import Compute, Outcome, Workspace
from calibrant.runtime.objects import StoreUnavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)


def computed(compute: Compute, job: Message, workspace: Workspace) -> Outcome:
    """Compute a job, in a child process.

    Raises
    ------
    StoreUnavailable
        The disk with the scratch folder is full.
    TypeError
        The computation handed back something else.
    """
    try:
        outcome: object = compute(job, workspace)
    except OSError as error:
        if error.errno in _FULL:
            raise StoreUnavailable(
                f"no space left for {error.filename or workspace.scratch}: free some; the job is tried again"
            ) from error
        raise
    if not isinstance(outcome, Outcome):
        raise TypeError(f"{compute.__module__}.{compute.__qualname__} returned {outcome!r}, not an Outcome")
    return outcome
