"""Scratch space: a folder for each job, and the removal of what killed processes left behind.

Owns one folder per process, held by a lock that the kernel frees when the process dies.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from calibrant.runtime.objects import StoreUnavailable

_LOCK = ".lock"


class Scratch:
    """Scratch space of one service in one process.

    Parameters
    ----------
    root : Path
        Folder that several processes of the service may share; made when it is needed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: Path | None = None
        self._lock: int | None = None

    def sweep(self) -> None:
        """Remove what processes that are gone have left."""
        for place in self._root.glob("process-*"):
            lock = _lock(place / _LOCK, create=False)
            if lock is not None or not (place / _LOCK).exists():
                shutil.rmtree(place, ignore_errors=True)
            if lock is not None:
                os.close(lock)

    def folder(self) -> Path:
        """Make an empty folder.

        Raises
        ------
        StoreUnavailable
            The disk is full, or the folder cannot be made.
        """
        try:
            if self._own is None:
                self._open()
            return Path(tempfile.mkdtemp(prefix="job-", dir=self._own))
        except OSError as error:
            raise StoreUnavailable(
                f"scratch folder {self._root}: {error.strerror}. Free some space or mend the folder"
            ) from error

    def close(self) -> None:
        """Remove everything."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        # Made and locked under another name, so that nobody sweeps it in between.
        hidden = Path(tempfile.mkdtemp(prefix="new-", dir=self._root))
        self._lock = _lock(hidden / _LOCK, create=True)
        self._own = hidden.rename(hidden.with_name(hidden.name.replace("new-", "process-", 1)))


@asynccontextmanager
async def removing(folder: Path) -> AsyncIterator[Callable[[], None]]:
    """Remove a folder by the end of the block: beside the rest of it, once what is given is called."""
    removal: list[asyncio.Task[None]] = []

    def begin() -> None:
        if not removal:
            removal.append(asyncio.create_task(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)))

    try:
        yield begin
    finally:
        begin()
        await removal[0]


def _lock(path: Path, *, create: bool) -> int | None:
    """Lock a file for as long as it stays open; None when another process holds it or it is not there."""
    try:
        handle = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
