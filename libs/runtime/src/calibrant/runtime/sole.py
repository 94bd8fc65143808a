"""What only one process in a data folder may have: a lock that the kernel frees when its holder dies.

Owns the lock files. Knows no service.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from calibrant.bus.errors import CalibrantError


class HeldByAnother(CalibrantError):
    """Another process in the data folder has it."""


class LockUnusable(CalibrantError):
    """The lock file cannot be made or written."""


@contextmanager
def hold(folder: Path, name: str) -> Iterator[None]:
    """Have something alone until the block ends.

    Parameters
    ----------
    folder : Path
        Where lock files are; made when it is missing.
    name : str
        What is to be had.

    Raises
    ------
    HeldByAnother
        Another process has it; the text names it.
    LockUnusable
        The lock file cannot be made or written.
    """
    path = folder / f"{quote(name, safe=' ')}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+")
    except OSError as error:
        raise LockUnusable(f"lock file {path}: {error.strerror}. Check the data folder") from None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            raise HeldByAnother(
                f"{name} runs already in this data folder, in process {holder} (lock {path}). "
                "Stop that one, choose another name, or another folder with --data-dir"
            ) from None
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
