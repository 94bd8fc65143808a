"""What only one process may have: in a data folder by a file's lock, among all that share a server by a lock there.

Owns the lock files, and watching over the server's lock. The kernel frees the one when its holder dies, the server
the other when it loses the holder's connection. Knows no service.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO
from urllib.parse import quote

from calibrant.bus.errors import CalibrantError, TransientError
from calibrant.runtime.database import Database
from calibrant.runtime.health import Health

log = logging.getLogger(__name__)
LOOK_S = 2.0
"""How often a service asks whether it still has what only one may have."""
TRIES: Final = 5
BETWEEN_S: Final = 0.1
"""How often, and how far apart, it is looked whether another process still has it."""


class HeldByAnother(CalibrantError):
    """Another process has it."""


class LockUnusable(CalibrantError):
    """The lock file cannot be made or written."""


class Sole:
    """Something that a service has alone from the start to the end of a block.

    Where its database is on a server, the lock is there and holds on every machine; else in the data folder.

    Parameters
    ----------
    name : str
        What is to be had, such as ``camera main``.
    database : Database
        The service's database.
    folder : Path
        Where lock files are; made when it is missing.
    health : Health
        Where it is told that the lock is lost.
    """

    def __init__(self, name: str, database: Database, folder: Path, health: Health) -> None:
        self._name = name
        self._folder = folder
        self._health = health
        self._file = ExitStack()
        self._lock = database.session_lock(name)

    async def __aenter__(self) -> Self:
        """Take it.

        Raises
        ------
        HeldByAnother
            Another process has it; the text names it.
        LockUnusable
            The lock file cannot be made or written.
        DatabaseUnavailable
            The server is away.
        """
        if self._lock is None:
            self._file.enter_context(hold(self._folder, self._name))
        else:
            await self._take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free it."""
        self._file.close()
        if self._lock is not None:
            await asyncio.to_thread(self._lock.release)

    async def watch(self) -> None:
        """See to it that the server's lock is still ours; where the server was away, take it again.

        Raises
        ------
        HeldByAnother
            Another process was quicker: this one must end.
        """
        while self._lock is not None:
            await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(self._lock.is_held):
                continue
            self._health.trouble(
                "sole", f"{self._name}: the database has lost the lock that keeps it ours alone"
            )
            try:
                await self._take()
            except TransientError as error:
                log.warning("%s: its lock is lost: %s", self._name, error)
            else:
                self._health.well("sole")

    async def _take(self) -> None:
        assert self._lock is not None
        holder = await asyncio.to_thread(self._lock.take)
        for _ in range(TRIES - 1):
            if holder is None:
                return
            await asyncio.sleep(BETWEEN_S)  # a server notices the end of a session a moment later
            holder = await asyncio.to_thread(self._lock.take)
        if holder is not None:
            raise HeldByAnother(
                f"{self._name} runs already on this database, in {holder}. Stop that one, or choose another name"
            )


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
        if holder := taken(stream):
            raise HeldByAnother(
                f"{name} runs already in this data folder, in process {holder} (lock {path}). "
                "Stop that one, choose another name, or another folder with --data-dir"
            )
        yield


def taken(stream: TextIO) -> str | None:
    """Lock a file, open for reading and appending, until it is closed, and sign it; return None, or who has it."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        return stream.read().strip() or "unknown"
    stream.truncate(0)
    stream.write(str(os.getpid()))
    stream.flush()
    return None
